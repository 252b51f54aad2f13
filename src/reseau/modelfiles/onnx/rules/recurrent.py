"""Recurrent layers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from reseau import ops
from reseau.errors import UnsupportedError
from reseau.graph import Constant, Node, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, number_of, own
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.ops.base import Op
from reseau.ops.lengths import BATCH, Shape
from reseau.ops.recurrent import NUMBERS

__all__ = [
    "EVERY",
    "READ",
    "WRITE",
    "Activations",
    "biases",
    "entry",
    "first_state",
    "join",
    "joined_biases",
    "last_state",
    "led",
    "numbered",
    "outputs_of",
    "settings_of",
    "steps_of",
    "unless_zero",
    "ways_of",
]


class Activations(NamedTuple):
    """The activations of a cell by their names, and the two numbers of each."""

    names: tuple[str, ...]
    numbers: tuple[tuple[float, float], ...]


LongShort = ops.LongShortCell | ops.QuantizedLongShortCell

EVERY = 2**31 - 1  # more steps than a sequence has: none is cut short


def sequence(call: Call) -> tuple[Node | None, ...]:
    """RNN, GRU and LSTM, in one direction or both."""
    defaults = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}[call.kind]
    ways = ways_of(call)
    cells = numbered(call, defaults, len(ways))
    x = call[0]
    if call.attribute("layout", 0):
        x = apply_op(ops.Transpose((1, 0, 2)), x)
    outputs = [one_way(call, i, x, reverse, cell) for i, (reverse, cell) in enumerate(zip(ways, cells, strict=True))]
    joined = [join([o[k] for o in outputs], 1 if k == 0 else 0) for k in range(len(outputs[0]))]
    if call.attribute("layout", 0):
        axes = [(2, 0, 1, 3), (1, 0, 2), (1, 0, 2)]
        joined = [apply_op(ops.Transpose(a), y) for a, y in zip(axes, joined, strict=False)]
    return tuple(joined)


def numbered(call: Call, defaults: tuple[str, ...], ways: int) -> list[Activations]:
    """The activations of each direction; those that have numbers take the next ones of the lists, in their order."""
    names = [str(n).lower() for n in call.attribute("activations") or defaults * ways]
    first, second = iter(call.attribute("activation_alpha") or ()), iter(call.attribute("activation_beta") or ())
    found: list[tuple[float, float]] = []
    for name in names:
        own = NUMBERS.get(name, ())
        taken = [float(next(given, n)) for n, given in zip(own, (first, second), strict=False)]
        a, b, *_ = (*taken, 0.0, 0.0)
        found.append((a, b))
    n, plain = len(defaults), not NUMBERS.keys() & set(names)
    return [
        Activations(tuple(names[i : i + n]), () if plain else tuple(found[i : i + n])) for i in range(0, n * ways, n)
    ]


def ways_of(call: Call) -> list[bool]:
    """Whether each direction runs from the end of the sequence to its start."""
    ways = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    return ways[call.attribute("direction", "forward")]


def one_way(call: Call, i: int, x: Node, reverse: bool, cell: Activations) -> list[Node]:
    """Output of every step, the last hidden state and, for an LSTM, the last cell state, each with a leading axis."""
    units = call.known(call[2].shape)[2]
    time, batch, _ = x.shape
    w, r = entry(call, call[1], i), entry(call, call[2], i)
    gates = int(w.shape[0])
    b, c = biases(call, i, gates)
    lengths = call.get(4) or call.constant(np.full(1, EVERY), np.int32)
    h = first_state(call, 5, i, units)
    clip = call.attribute("clip", float("inf"))
    more: tuple[Node, ...] = ()
    op: ops.PlainCell | ops.GatedCell | ops.LongShortCell
    if call.kind == "LSTM":
        op = ops.LongShortCell(cell.names, clip, reverse, bool(call.attribute("input_forget", 0)), numbers=cell.numbers)
        peep = entry(call, call[7], i) if call.get(7) is not None else call.like(np.zeros(3 * units))
        more = (first_state(call, 6, i, units), peep)
    elif call.kind == "GRU":
        op = ops.GatedCell(
            cell.names, clip, reverse, bool(call.attribute("linear_before_reset", 0)), numbers=cell.numbers
        )
    else:
        op = ops.PlainCell(cell.names, clip, reverse, numbers=cell.numbers)
    inputs = (x, w, r, b, c, h, lengths, *more)
    y = apply_op(op, *inputs)
    found = [call.reshaped(y, (time, 1, batch, units))]
    if call.wants(1) or call.wants(2):
        found.append(last_state(call, y, reverse, call.get(4)))
    if isinstance(op, ops.LongShortCell) and call.wants(2):
        found.append(call.reshaped(apply_op(replace(op, output=2), *inputs), (1, batch, units)))
    return found


def biases(call: Call, way: int, gates: int) -> tuple[Node, Node]:
    """The bias at the inputs and that at the states of one direction, or zeros."""
    both = entry(call, call[3], way) if call.get(3) is not None else call.like(np.zeros(2 * gates))
    return apply_op(ops.Slice(0, 0, gates), both), apply_op(ops.Slice(0, gates, 2 * gates), both)


def last_state(call: Call, states: Node, reverse: bool, lengths: Node | None) -> Node:
    """The state after the last entry of each sequence, (1, batch, units)."""
    if reverse or lengths is None:
        return apply_op(ops.Slice(0, 0, 1) if reverse else ops.Slice(0, -1), states)
    batch, units = states.shape[1:]
    end = lengths - call.constant(1, call.importer.dtype(lengths))
    column = call.reshaped(end, (1, batch, 1))
    return apply_op(ops.TakeAlong(0), states, call.repeated(column, (1, batch, units)))


def first_state(call: Call, i: int, way: int, units: int) -> Node:
    """A given initial state of one direction, or zeros."""
    if call.get(i) is None:
        batch = call[0].shape[0 if call.attribute("layout", 0) else 1]
        return call.repeated(call.like(np.zeros((1, units))), (batch, units))
    if call.attribute("layout", 0):
        return entry(call, apply_op(ops.Transpose((1, 0, 2)), call[i]), way)
    return entry(call, call[i], way)


def entry(call: Call, x: Node, i: int) -> Node:
    """Entry `i` of the first axis."""
    one = apply_op(ops.Slice(0, i, i + 1), x) if x.shape[0] != 1 else x
    return call.reshaped(one, x.shape[1:])


def join(nodes: list[Node], axis: int) -> Node:
    """Several directions as one array."""
    return nodes[0] if len(nodes) == 1 else apply_op(ops.Concatenate(axis), *nodes)


def write_cell(op: ops.PlainCell | ops.GatedCell | ops.LongShortCell, node: Node, w: Emitter) -> Value:
    x, weight, state_weight, bias, state_bias, hidden, lengths, *cell = node.parents
    label, units = w.label(node), int(state_weight.shape[-1])
    inputs = [w.plain(x), *(led(w, w.plain(n), n.shape, node) for n in (weight, state_weight))]
    inputs += [joined_biases(w, bias, state_bias, node), steps_of(w, lengths, x, node)]
    inputs.append(unless_zero(w, hidden, (BATCH, units), node))
    settings = settings_of(op, units)
    outputs, written = [f"{label}/all"], False
    kind, given = "RNN", outputs[0]
    if isinstance(op, ops.GatedCell):
        kind, settings["linear_before_reset"] = "GRU", int(op.reset_after)
    elif isinstance(op, ops.LongShortCell):
        kind, settings["input_forget"] = "LSTM", int(op.coupled)
        inputs += [unless_zero(w, cell[0], (BATCH, units), node), unless_zero(w, cell[1], cell[1].shape, node)]
        outputs, given, written = outputs_of(op, node, w)
    w.require(14)
    if not written:
        w.node(kind, inputs, outputs, f"{label}/{kind}", settings)
    target = [-1, units] if isinstance(op, ops.LongShortCell) and op.output == 2 else [0, -1, units]
    return own(w, node, "Reshape", given, w.axes_of(target))


def settings_of(op: ops.PlainCell | ops.GatedCell | LongShort, units: int) -> dict[str, Any]:
    """What the cells say alike."""
    said: dict[str, Any] = {"hidden_size": units, "activations": [NAMES[a] for a in op.activations]}
    for i, key in enumerate(("activation_alpha", "activation_beta")):
        pairs = zip(op.activations, op.numbers, strict=True) if op.numbers else ()
        numbers = [pair[i] for name, pair in pairs if len(NUMBERS.get(name, ())) > i]
        said |= {key: numbers} if numbers else {}
    said |= {"direction": "reverse"} if op.reverse else {}
    return said | ({"clip": float(op.clip)} if np.isfinite(op.clip) else {})


def outputs_of(op: LongShort, node: Node, w: Emitter) -> tuple[list[str], str, bool]:
    """The outputs of an LSTM, the one that is this node's, and whether the node of the other has written both."""
    if op.output == 1:
        raise UnsupportedError(
            f"node {w.label(node)!r} gives the cell state of every step, which ONNX cannot say\n"
            "  fix: give the last one alone, or save to .safetensors"
        )
    other = next(
        (n for n in w.graph.nodes if n.parents == node.parents and n.op == replace(op, output=2 - op.output)), None
    )
    every, last = (node, other) if op.output == 0 else (other, node)
    names = ["" if every is None else f"{w.label(every)}/all", "", "" if last is None else f"{w.label(last)}/last"]
    return names if last is not None else names[:1], names[op.output], other in w.values


def joined_biases(w: Emitter, bias: Node, state_bias: Node, node: Node) -> str:
    """Both biases, (1, 2 × gates × units)."""
    label = w.label(node)
    both = w.emit("Concat", w.plain(bias), w.plain(state_bias), name=f"{label}/biases", axis=0)
    return w.emit("Reshape", both, w.axes_of([1, -1]), name=f"{label}/bias")


def steps_of(w: Emitter, lengths: Node, x: Node, node: Node) -> str:
    """The lengths of the sequences; no name where none is cut short."""
    longest = x.shape[0] if isinstance(x.shape[0], int) else EVERY
    if isinstance(lengths.source, Constant) and int(lengths.source.value.min()) >= longest:
        return ""
    if w.dtype(lengths) == np.int32:
        return w.plain(lengths)
    return w.emit("Cast", w.plain(lengths), name=f"{w.label(node)}/steps", to=number_of("int32"))


def unless_zero(w: Emitter, x: Node, shape: Shape, node: Node) -> str:
    """An array with an axis for the directions; no name where it is zero, which is what ONNX takes in its place."""
    zero = isinstance(x.source, Constant) and not np.any(x.source.value)
    return "" if zero else led(w, w.plain(x), shape, node)


def led(w: Emitter, name: str, shape: Shape, node: Node) -> str:
    """An array with one more axis in front, of length 1: that of the directions."""
    lengths = [1, *(-1 if isinstance(n, str) else n for n in shape)]
    return w.emit("Reshape", name, w.axes_of(lengths), name=f"{w.label(node)}/{name}")


SPELLED = "Affine Elu HardSigmoid LeakyRelu Relu ScaledTanh Sigmoid Softplus Softsign Tanh ThresholdedRelu"

NAMES = {name.lower(): name for name in SPELLED.split()}

READ: Mapping[str, Rule] = {"GRU": sequence, "LSTM": sequence, "RNN": sequence}

WRITE: Mapping[type[Op], WriteRule] = {
    ops.GatedCell: write_cell,
    ops.LongShortCell: write_cell,
    ops.PlainCell: write_cell,
}
