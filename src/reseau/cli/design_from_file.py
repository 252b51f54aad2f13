"""A network that exists already, made ready to be trained on the data that is given."""

from collections.abc import Mapping
from math import prod

from jax import Array

import reseau as rs
from reseau.cli.design import CLASS_LOSSES, NUMBER_LOSSES, Design
from reseau.cli.network_file import NetworkFile
from reseau.data import Table
from reseau.errors import DataError
from reseau.graph import Node, grafted, may_be_blank

__all__ = ["continued"]


def continued(file: NetworkFile, loss: str | None, train: Table) -> tuple[Design, Mapping[str, Array]]:
    """The network of a model file, reading the rows of a table, and its parameters.

    Args:
        file: The model file: one input, whose entries are the features, and scores as its last output.
        loss: Name of the loss, or the usual one.
        train: What it is trained on; its numbers are read as they are.
    """
    path, graph, recipe = file.path, file.network.graph, train.recipe
    wanted = (len(recipe.classes),) if recipe.classes else (1,)
    if len(graph.inputs) != 1 or not all(isinstance(n, int) for n in graph.inputs[0].shape[1:]):
        raise DataError(f"{path}: it has {len(graph.inputs)} inputs, a table is one\n  fix: another model")
    source, scores = graph.inputs[0], scores_of(graph.outputs[-1])
    if scores.shape[1:] != wanted:
        raise DataError(
            f"{path}: its last output has {scores.shape[1:]} entries, the data wants {wanted}\n"
            "  fix: data of as many classes, or another model"
        )
    if "recipe" not in file.words and (recipe.missing == "impute" or any(c.categories for c in recipe.columns)):
        raise DataError(
            f"{path}: it does not know texts or blanks, and reads numbers as they are\n  fix: a table of numbers alone"
        )
    lengths = tuple(int(n) for n in source.shape[1:])
    x = rs.input("image" if len(recipe.shape) > 1 else "features", recipe.shape, blanks=may_be_blank(source))
    h = x
    if lengths != recipe.shape:
        if prod(lengths) != prod(recipe.shape):
            raise DataError(
                f"{path}: it reads {lengths}, each row of the data is {recipe.shape}\n"
                "  fix: rows of as many numbers, or another model"
            )
        if len(lengths) == 3 and lengths == (recipe.shape[-1], *recipe.shape[:-1]):
            h = rs.transpose(h, (0, 3, 1, 2))  # the file has channels first
        else:
            h = rs.reshape(h, lengths)
    known = CLASS_LOSSES if recipe.classes else NUMBER_LOSSES
    name = loss or next(iter(known))
    if name not in known or (recipe.classes and name != "cross-entropy"):
        raise DataError(f"--loss {name} is not for this model and {recipe.task}\n  fix: leave --loss out")
    made = rs.Network(x, grafted(graph.nodes, source, h)[scores])
    own = made.graph.parameters | made.graph.states
    return Design(made, made, known[name], name), {k: v for k, v in file.params.items() if k in own}


def scores_of(output: Node) -> Node:
    """What stands before a last softmax: the loss takes it from there."""
    return output.parents[0] if output.kind == "softmax" else output
