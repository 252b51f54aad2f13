"""The LSTM whose weights are levels, and whose inputs and states are put on 256 levels of their own range."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from reseau import ops
from reseau.errors import UnsupportedError
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, own
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules.recurrent import (
    EVERY,
    Activations,
    biases,
    entry,
    first_state,
    join,
    joined_biases,
    last_state,
    led,
    numbered,
    outputs_of,
    settings_of,
    steps_of,
    unless_zero,
    ways_of,
)
from reseau.ops.base import Op
from reseau.ops.lengths import BATCH

__all__ = ["READ", "WRITE"]

DOMAIN = "com.microsoft"


def dynamic_quantize_lstm(call: Call) -> tuple[Node | None, ...]:
    """Each direction by itself.

    Of up to 256 units, the range of the state is that of each row; in onnxruntime, of the rows that a thread computes.
    On processors without VNNI it adds pairs of products with int8 weights in 16 bits. Over hundreds of steps the two
    part where a state lies so close to the middle of two levels that the last bits decide: from there on one level is
    another, and what follows differs by per cents (neither is wrong: other orders of the same sums part likewise).
    """
    ways = ways_of(call)
    cells = numbered(call, ("Sigmoid", "Tanh", "Tanh"), len(ways))
    found = [one_way(call, i, reverse, cell) for i, (reverse, cell) in enumerate(zip(ways, cells, strict=True))]
    return tuple(join(list(one), axis) for one, axis in zip(zip(*found, strict=True), (1, 0, 0), strict=True))


def one_way(call: Call, i: int, reverse: bool, way: Activations) -> tuple[Node, Node, Node]:
    """Hidden states of every step, the last one and the last cell state, each with an axis of length 1 for the way."""
    x, end = call[0], "_reverse" if i else ""
    (w, *w_grid), (r, *r_grid) = matrix(call, 1, 8, i, f"weight{end}"), matrix(call, 2, 10, i, f"state_weight{end}")
    units = int(r.shape[1])
    time, batch, _ = x.shape
    lengths = call.get(4) or call.constant(np.full(1, EVERY), np.int32)
    b, c = biases(call, i, 4 * units)
    peep = entry(call, call[7], i) if call.get(7) is not None else call.like(np.zeros(3 * units))
    hidden, cell = first_state(call, 5, i, units), first_state(call, 6, i, units)
    inputs = (x, w, r, b, c, hidden, lengths, cell, peep, *w_grid, *r_grid)
    clip = call.attribute("clip", 0.0) or float("inf")
    coupled = bool(call.attribute("input_forget", 0))
    op = ops.QuantizedLongShortCell(way.names, clip, reverse, coupled, numbers=way.numbers)
    y, last = apply_op(op, *inputs), apply_op(replace(op, output=2), *inputs)
    every = call.reshaped(y, (time, 1, batch, units))
    return every, last_state(call, y, reverse, call.get(4)), call.reshaped(last, (1, batch, units))


def matrix(call: Call, i: int, scale: int, way: int, name: str) -> tuple[Node, Node, Node]:
    """The weights of one direction, (gates × units, inputs), as what training moves, and their scale and zero."""
    levels, scales = call.array(i)[way].T, call.array(scale)[way]
    zeros = call.array(scale + 1)[way] if call.get(scale + 1) is not None else np.zeros_like(scales, levels.dtype)
    column = (zeros.reshape(-1, 1), scales.reshape(-1, 1)) if scales.ndim else (zeros, scales)
    real = (levels.astype(np.float32) - column[0].astype(np.float32)) * column[1]
    made = call.importer.initializer(f"{call.within}{next(filter(None, call.outputs))}.{name}", real)
    return made, call.constant(scales), call.constant(zeros)


def write_cell(op: ops.QuantizedLongShortCell, node: Node, w: Emitter) -> Value:
    x, weight, state_weight, bias, state_bias, hidden, lengths, cell, peep, *grids = node.parents
    label, units = w.label(node), int(state_weight.shape[-1])
    if not all(map(w.is_stored, (weight, state_weight, *grids))):
        raise UnsupportedError(
            f"node {label!r} reads weights that are computed, which ONNX cannot say\n"
            "  fix: give them as parameters, or save to .safetensors"
        )
    names = [w.plain(x), store_levels(w, weight, grids[:2]), store_levels(w, state_weight, grids[2:])]
    names += [joined_biases(w, bias, state_bias, node), steps_of(w, lengths, x, node)]
    names += [
        unless_zero(w, n, s, node) for n, s in ((hidden, (BATCH, units)), (cell, (BATCH, units)), (peep, peep.shape))
    ]
    names += [led(w, w.plain(n), n.shape, node) for n in grids]
    outputs, given, written = outputs_of(op, node, w)
    settings: dict[str, Any] = {**settings_of(op, units), "input_forget": int(op.coupled), "domain": DOMAIN}
    w.domains[DOMAIN] = 1
    if not written:
        w.node("DynamicQuantizeLSTM", names, outputs, f"{label}/LSTM", settings)
    return own(w, node, "Reshape", given, w.axes_of([-1, units] if op.output == 2 else [0, -1, units]))


def store_levels(w: Emitter, weight: Node, grid: list[Node]) -> str:
    """The levels of a matrix of weights as the file holds them, (1, inputs, gates × units)."""
    scale, zero = (v.reshape(-1, 1) if v.ndim else v for v in map(w.array, grid))
    whole = np.iinfo(zero.dtype)
    found = np.clip(np.round(w.array(weight) / scale) + zero, whole.min, whole.max).astype(zero.dtype)
    name = f"{w.label(weight)}/levels"
    if name not in w.initializers:
        w.initialize(name, np.ascontiguousarray(found.T[None]))
    return name


READ: Mapping[str, Rule] = {f"{DOMAIN}/DynamicQuantizeLSTM": dynamic_quantize_lstm}

WRITE: Mapping[type[Op], WriteRule] = {ops.QuantizedLongShortCell: write_cell}
