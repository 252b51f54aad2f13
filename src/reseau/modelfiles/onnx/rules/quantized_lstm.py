"""The LSTM whose weights are levels, and whose inputs and states are put on 256 levels of their own range."""

from collections.abc import Iterator

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call
from reseau.modelfiles.onnx.rules.control import LONGEST_SCAN
from reseau.modelfiles.onnx.rules.recurrent import entry, first_state, join, ways_of
from reseau.ops.base import Op

__all__ = ["dynamic_quantize_lstm", "on_own_grid"]

ACTIVATIONS: dict[str, Op] = {"sigmoid": ops.Sigmoid(), "tanh": ops.Tanh(), "relu": ops.Relu()}


def on_own_grid(call: Call, x: Node, by_row: bool = False) -> Node:
    """The array, or each row of it, on a grid of 256 levels from its smallest to its largest entry, 0 among them."""
    zero, axes = call.like(0), tuple(range(int(by_row), len(x.shape)))
    low = apply_op(ops.Minimum(), zero, apply_op(ops.Min(axes, by_row), x))
    high = apply_op(ops.Maximum(), zero, apply_op(ops.Max(axes, by_row), x))
    span = high - low
    scale = apply_op(ops.Where(), apply_op(ops.Equal(), span, zero), call.like(1), span / call.like(255))
    center = apply_op(ops.Quantize("uint8", 0, 255), -low, scale, zero)
    return apply_op(ops.Dequantize(), apply_op(ops.Quantize("uint8", 0, 255), x, scale, center), scale, center)


def dynamic_quantize_lstm(call: Call) -> tuple[Node | None, ...]:
    """Every step written out.

    The range of the state is that of each row, as where onnxruntime computes rows in parallel; with one thread it takes
    that of the whole batch.
    """
    if call.get(4) is not None:
        raise ValueError("the lengths of its sequences are not supported")
    (steps,) = call.known(call[0].shape[:1])
    if not 0 < steps <= LONGEST_SCAN:
        raise ValueError(f"it runs over {steps} steps\n  fix: give sequences of 1 to {LONGEST_SCAN} steps")
    ways = ways_of(call)
    named = [str(n).lower() for n in call.attribute("activations") or ("Sigmoid", "Tanh", "Tanh") * len(ways)]
    if unknown := sorted(set(named) - set(ACTIVATIONS)):
        raise ValueError(f"its activation {unknown[0]!r} is not supported")
    weights, states = (matrices(call, i, s, name) for i, s, name in ((1, 8, "weight"), (2, 10, "state_weight")))
    x = on_own_grid(call, call[0])
    found = []
    for i, reverse in enumerate(ways):
        gates = [ACTIVATIONS[n] for n in named[3 * i : 3 * i + 3]]
        found.append(one_way(call, i, apply_op(ops.Matmul(), x, entry(call, weights, i)), states, reverse, gates))
    every, hidden, cell = (join(list(one), axis) for one, axis in zip(zip(*found, strict=True), (1, 0, 0), strict=True))
    return every, hidden, cell


def matrices(call: Call, i: int, scale: int, name: str) -> Node:
    """The weights (directions, inputs, gates × units) of input `i` as real numbers that training moves."""

    def spread(k: int) -> np.ndarray:
        given = call.array(k)
        return given.reshape(given.shape[0], 1, -1) if given.ndim else given

    real = (call.array(i).astype(np.float32) - spread(scale + 1).astype(np.float32)) * spread(scale)
    return call.importer.initializer(f"{call.within}{next(filter(None, call.outputs))}.{name}", real)


def one_way(call: Call, i: int, from_x: Node, states: Node, reverse: bool, gates: list[Op]) -> tuple[Node, Node, Node]:
    """Hidden states of every step, the last one and the last cell state, each with an axis of length 1 for the way."""
    units = int(states.shape[1])
    weight, clip = entry(call, states, i), call.attribute("clip", 0.0)
    steps, batch = int(from_x.shape[0]), from_x.shape[1]
    if call.get(3) is not None:
        both = entry(call, call[3], i)
        from_x = (
            from_x + apply_op(ops.Slice(0, 0, 4 * units), both) + apply_op(ops.Slice(0, 4 * units, 8 * units), both)
        )
    peepholes: list[Node | None] = [None] * 3
    if call.get(7) is not None:
        peepholes = list(cut(entry(call, call[7], i), 3, units, 0))
    hidden, cell = first_state(call, 5, i, units), first_state(call, 6, i, units)

    def gate(k: int, value: Node, peephole: Node | None, seen: Node) -> Node:
        value = value if peephole is None else value + peephole * seen
        return apply_op(gates[k], apply_op(ops.Clip(-clip, clip), value) if clip else value)

    kept: list[Node] = []
    for t in reversed(range(steps)) if reverse else range(steps):
        both = entry(call, from_x, t) + apply_op(ops.Matmul(), on_own_grid(call, hidden, by_row=True), weight)
        opened, shown, forgotten, new = cut(both, 4, units, 1)
        at_input = gate(0, opened, peepholes[0], cell)
        kept_share = (
            call.like(1) - at_input if call.attribute("input_forget", 0) else gate(0, forgotten, peepholes[2], cell)
        )
        cell = kept_share * cell + at_input * gate(1, new, None, cell)
        hidden = gate(0, shown, peepholes[1], cell) * apply_op(gates[2], cell)
        kept.append(call.reshaped(hidden, (1, 1, batch, units)))
    every = join(list(reversed(kept)) if reverse else kept, 0)
    return every, call.reshaped(hidden, (1, batch, units)), call.reshaped(cell, (1, batch, units))


def cut(x: Node, parts: int, units: int, axis: int) -> Iterator[Node]:
    """Equal parts of an axis."""
    return (apply_op(ops.Slice(axis, k * units, (k + 1) * units), x) for k in range(parts))
