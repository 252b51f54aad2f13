"""Graphs inside a node: a choice that is known while the graph is read, and a scan written out step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Needs, Rule, Value
from reseau.modelfiles.onnx.rules.loops import one_more_axis, take_entry
from reseau.modelfiles.onnx.rules.mapped import mapped
from reseau.ops.lengths import words_of

__all__ = ["READ"]

LONGEST_SCAN = 1024


def choice(call: Call) -> tuple[Value | None, ...]:
    branch = "then_branch" if call.array(0).item() else "else_branch"
    return call.inner(call.attributes[branch], ())


def scan(call: Call) -> tuple[Value | None, ...]:
    """The body once for each entry of the sequences, or once for all of them."""
    body, n = call.attributes["body"], call.attributes["num_scan_inputs"]
    given = call.given()
    states, sequences = given[:-n], given[-n:]
    axes = [a % len(s.shape) for a, s in zip(call.attribute("scan_input_axes", [0] * n), sequences, strict=True)]
    backwards = call.attribute("scan_input_directions", [0] * n)
    outputs = len(body.output) - len(states)
    places = call.attribute("scan_output_axes", [0] * outputs)
    reverse_outputs = call.attribute("scan_output_directions", [0] * outputs)
    lengths = {s.shape[a] for a, s in zip(axes, sequences, strict=True)}
    plain = not any((*axes, *backwards, *places, *reverse_outputs))
    if plain and len(lengths) == 1 and (found := mapped(call, states, sequences)) is not None:
        return found
    if words := words_of(*lengths):
        raise Needs(words=words)
    if len(lengths) != 1 or int(max(lengths)) > LONGEST_SCAN:
        raise ValueError(
            f"it runs over {sorted(lengths)} steps, at most {LONGEST_SCAN} are written out\n"
            "  fix: give shorter sequences, or export the loop as an operator (LSTM, GRU, RNN)"
        )
    steps = int(lengths.pop())
    if not steps:
        raise ValueError("it runs over no step: its sequences are empty\n  fix: give longer inputs")
    kept: list[tuple[Node, ...]] = []
    for t in range(steps):
        entries = [
            take_entry(call, s, a, steps - 1 - t if back else t)
            for s, a, back in zip(sequences, axes, backwards, strict=True)
        ]
        made = arrays(call.inner(body, [*states, *entries], t))
        states = made[: len(states)]
        kept.append(made[len(states) :])
    joined = []
    for parts, given_place, back in zip(zip(*kept, strict=True), places, reverse_outputs, strict=True):
        place = given_place % (len(parts[0].shape) + 1)
        rows = [one_more_axis(call, p, place) for p in parts]
        joined.append(apply_op(ops.Concatenate(place), *(reversed(rows) if back else rows)))
    return (*states, *joined)


def arrays(values: Sequence[Value | None]) -> tuple[Node, ...]:
    """Values that are all arrays."""
    found = tuple(v for v in values if isinstance(v, Node))
    if len(found) < len(values):
        raise ValueError("its body gives a sequence, not an array")
    return found


def scan_of_rows(call: Call) -> tuple[Node, ...]:
    """`Scan` of opset 8: the body runs for each row of a batch by itself; lengths of sequences are its first input."""
    body, n = call.attributes["body"], call.attributes["num_scan_inputs"]
    if call.get(0) is not None:
        raise ValueError("it is given a length for each sequence\n  fix: convert the model to opset 9 or newer")
    given = call.given()
    rows = call.known([one.shape[0] for one in given][:1])[0]
    if rows > LONGEST_SCAN:
        raise ValueError(f"it runs over {rows} rows, at most {LONGEST_SCAN} are written out\n  fix: give fewer rows")
    directions = call.attribute("directions", [0] * n)
    settings = {"body": body, "num_scan_inputs": n, "scan_input_directions": directions}
    made = []
    for row in range(rows):
        parts = tuple(take_entry(call, one, 0, row) for one in given)
        made.append(arrays(scan(replace(call, inputs=parts, attributes=settings, within=f"{call.within}row {row}/"))))
    return tuple(
        apply_op(ops.Concatenate(0), *(one_more_axis(call, one, 0) for one in outputs))
        for outputs in zip(*made, strict=True)
    )


def scan_by_opset(call: Call) -> tuple[Value | None, ...]:
    return scan(call) if call.opset >= 9 else scan_of_rows(call)


READ: Mapping[str, Rule] = {"If": choice, "Scan": scan_by_opset}
