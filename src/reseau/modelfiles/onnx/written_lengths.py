"""Lengths that are known only when data comes, as nodes of the file: `Shape`, `Gather`, and arithmetic of these."""

import ast
from collections.abc import Sequence

import numpy as np

from reseau.graph import Node
from reseau.modelfiles.onnx.emit import Emitter
from reseau.ops.lengths import Dim, Places, below

__all__ = ["write_lengths", "write_scalar"]

KINDS: dict[type[ast.operator], str] = {ast.Add: "Add", ast.FloorDiv: "Div", ast.Mult: "Mul", ast.Sub: "Sub"}


def write_lengths(w: Emitter, lengths: Sequence[Dim], places: Places, node: Node) -> str:
    """The name of a vector of lengths, which a node's `places` find among its parents."""
    if all(isinstance(n, int) for n in lengths):
        return w.axes_of([int(n) for n in lengths])
    parts = [part(w, n, places, node) for n in lengths]
    if len(parts) == 1:
        return parts[0]
    return w.emit("Concat", *parts, name=f"{w.label(node)}/lengths", axis=0)


def write_scalar(w: Emitter, length: Dim, places: Places, node: Node) -> str:
    """The name of one length without an axis."""
    if isinstance(length, int):
        return w.constant(length, np.int64)
    return w.emit("Reshape", part(w, length, places, node), w.axes_of([]), name=f"{w.label(node)}/bound")


def part(w: Emitter, length: Dim, places: Places, node: Node) -> str:
    """The name of a vector of one length."""
    if isinstance(length, int):
        return w.axes_of([length])
    return computed(w, ast.parse(length, mode="eval").body, places, node)


def computed(w: Emitter, tree: ast.expr, places: Places, node: Node) -> str:
    """The name of what an expression of lengths gives."""
    label = w.label(node)
    if isinstance(tree, ast.Constant):
        return w.axes_of([int(str(tree.value))])
    if isinstance(tree, ast.Name):
        i, axis = next((i, axis) for name, i, axis in places if name == tree.id)
        value = w.value(node.parents[i])
        whole = w.once("Shape", value.name, name=f"{value.name}/shape")
        place = value.axes.index(axis)  # in the file: several nodes may be this value in orders of their own
        return w.once("Gather", whole, w.axes_of([place]), name=f"{value.name}/axis {place}", axis=0)
    if isinstance(tree, ast.UnaryOp):
        return w.emit("Neg", computed(w, tree.operand, places, node), name=f"{label}/length")
    if isinstance(tree, ast.BinOp):
        sides = [computed(w, side, places, node) for side in (tree.left, tree.right)]
        if isinstance(tree.op, ast.FloorDiv) and not plainly_divided(ast.unparse(tree.left)):
            w.require(10)
            rest = w.emit("Mod", *sides, name=f"{label}/length")
            sides[0] = w.emit("Sub", sides[0], rest, name=f"{label}/length")
        return w.emit(KINDS[type(tree.op)], *sides, name=f"{label}/length")
    assert isinstance(tree, ast.Call)
    assert isinstance(tree.func, ast.Name)
    w.require(12)  # the first whose Min and Max take whole numbers
    sides = [computed(w, side, places, node) for side in tree.args]
    return w.emit("Min" if tree.func.id == "min" else "Max", *sides, name=f"{label}/length")


def plainly_divided(length: str) -> bool:
    """Whether `Div` by another length gives the whole quotient, rounded down, in other programs too.

    It rounds towards 0, and onnxruntime takes `1 / n * m`, of whole numbers too, for `m / n`.
    """
    return length != "1" and below(int(length) if length.isdigit() else length, 0) is False
