"""Operators on the bits of whole numbers."""

from collections.abc import Mapping

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, number_of, own, reads
from reseau.modelfiles.onnx.importer import Call, Rule, type_name
from reseau.ops.base import Op

__all__ = ["READ", "WRITE"]

LOGIC: Mapping[str, str] = {"BitwiseAnd": "and", "BitwiseOr": "or", "BitwiseXor": "xor"}


def bitwise(call: Call) -> Node:
    return apply_op(ops.Bitwise(LOGIC[call.kind]), call[0], call[1])


def bit_not(call: Call) -> Node:
    return apply_op(ops.BitNot(), call[0])


def bit_shift(call: Call) -> Node:
    return apply_op(ops.BitShift(call.attributes["direction"] == "LEFT"), call[0], call[1])


def bit_cast(call: Call) -> Node:
    return apply_op(ops.BitCast(type_name(call.attributes["to"])), call[0])


def write_bitwise(op: ops.Bitwise, node: Node, w: Emitter) -> Value:
    w.require(18)
    return own(w, node, f"Bitwise{op.logic.capitalize()}", *reads(w, node))


def write_bit_not(op: ops.BitNot, node: Node, w: Emitter) -> Value:
    w.require(18)
    return own(w, node, "BitwiseNot", *reads(w, node))


def write_bit_shift(op: ops.BitShift, node: Node, w: Emitter) -> Value:
    w.require(11)
    return own(w, node, "BitShift", *reads(w, node), direction="LEFT" if op.left else "RIGHT")


def write_bit_cast(op: ops.BitCast, node: Node, w: Emitter) -> Value:
    w.require(26)
    return own(w, node, "BitCast", *reads(w, node), to=number_of(op.dtype))


READ: Mapping[str, Rule] = {
    **dict.fromkeys(LOGIC, bitwise),
    "BitCast": bit_cast,
    "BitShift": bit_shift,
    "BitwiseNot": bit_not,
}

WRITE: Mapping[type[Op], WriteRule] = {
    ops.BitCast: write_bit_cast,
    ops.BitNot: write_bit_not,
    ops.BitShift: write_bit_shift,
    ops.Bitwise: write_bitwise,
}
