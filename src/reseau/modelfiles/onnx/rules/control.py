"""Graphs inside a node: a choice that is known while the graph is read, and a scan written out step by step."""

from collections.abc import Mapping, Sequence

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule, Value

__all__ = ["READ"]

LONGEST_SCAN = 1024


def choice(call: Call) -> tuple[Value | None, ...]:
    branch = "then_branch" if call.array(0).item() else "else_branch"
    return call.inner(call.attributes[branch], ())


def scan(call: Call) -> tuple[Node, ...]:
    """The body once for each entry of the sequences."""
    body, n = call.attributes["body"], call.attributes["num_scan_inputs"]
    given = call.given()
    states, sequences = given[:-n], given[-n:]
    axes = [a % len(s.shape) for a, s in zip(call.attribute("scan_input_axes", [0] * n), sequences, strict=True)]
    backwards = call.attribute("scan_input_directions", [0] * n)
    outputs = len(body.output) - len(states)
    places = call.attribute("scan_output_axes", [0] * outputs)
    turned = call.attribute("scan_output_directions", [0] * outputs)
    lengths = {call.importer.lengths.number(s.shape[a]) for a, s in zip(axes, sequences, strict=True)}
    if len(lengths) != 1 or max(lengths) > LONGEST_SCAN:
        raise ValueError(f"it runs over {sorted(lengths)} steps, at most {LONGEST_SCAN} are written out")
    (steps,) = lengths
    kept: list[tuple[Node, ...]] = []
    for t in range(steps):
        entries = [
            entry(s, a, steps - 1 - t if back else t) for s, a, back in zip(sequences, axes, backwards, strict=True)
        ]
        made = arrays(call.inner(body, [*states, *entries], t))
        states = made[: len(states)]
        kept.append(made[len(states) :])
    joined = []
    for parts, given_place, back in zip(zip(*kept, strict=True), places, turned, strict=True):
        place = given_place % (len(parts[0].shape) + 1)
        rows = [apply_op(ops.ReshapeTo((*p.shape[:place], 1, *p.shape[place:])), p) for p in parts]
        joined.append(apply_op(ops.Concatenate(place), *(reversed(rows) if back else rows)))
    return (*states, *joined)


def arrays(values: Sequence[Value | None]) -> tuple[Node, ...]:
    """Values that are all arrays."""
    found = tuple(v for v in values if isinstance(v, Node))
    if len(found) < len(values):
        raise ValueError("its body gives a sequence, not an array")
    return found


def entry(x: Node, axis: int, place: int) -> Node:
    """One entry of an axis, which is gone."""
    one = apply_op(ops.Slice(axis, place, place + 1), x)
    return apply_op(ops.ReshapeTo((*x.shape[:axis], *x.shape[axis + 1 :])), one)


READ: Mapping[str, Rule] = {"If": choice, "Scan": scan}
