"""A property decided: what was found, and in which arithmetic it holds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from reseau.errors import DataError
from reseau.verification.box_search import Found, search
from reseau.verification.chain import Chain
from reseau.verification.one_thread import one_thread
from reseau.verification.properties import Case, Declared, Property
from reseau.verification.sign_search import sign_search
from reseau.verification.witness import Replay, Witness

__all__ = ["Verdict", "decide", "decide_by"]

FEW = 8  # inputs up to which the box is cut; for more, the signs of ReLUs are


@dataclass(frozen=True)
class Verdict:
    """Whether some input of the boxes meets the property.

    Attributes:
        verdict: "sat" with a witness, "unsat" with a proof, "timeout", or "unknown".
        semantics: The arithmetic in which that holds, in words.
        witness: Where it is sat.
        boxes: How many boxes were bounded.
        why: Of an unknown verdict.
        declared: The network, as a query of VNN-LIB 2.0 names it.
    """

    verdict: str
    semantics: str
    witness: Witness | None = None
    boxes: int = 0
    why: str = ""
    declared: Declared | None = None

    def text(self) -> str:
        """The verdict in the form of the property's language: one word, and a witness where there is one."""
        if self.declared is not None:
            return self._assignment(self.declared)
        if self.witness is None:
            return self.verdict
        inputs = [f"(X_{i} {float(v)!r})" for i, v in enumerate(self.witness.inputs)]
        outputs = [f"(Y_{i} {float(v)!r})" for i, v in enumerate(self.witness.outputs)]
        return f"{self.verdict}\n(" + "\n ".join([*inputs, *outputs]) + ")"

    def _assignment(self, declared: Declared) -> str:
        """The form of VNN-LIB 2.0: each tensor's name, kind and shape, and its entries, one a line."""
        lines = ["timed-out" if self.verdict == "timeout" else self.verdict]
        if self.witness is not None:
            for tensor, values in ((declared.reads, self.witness.inputs), (declared.gives, self.witness.outputs)):
                lines.append(f"{tensor.name} {tensor.kind} [{','.join(map(str, tensor.shape))}]")
                lines += [repr(float(v)) for v in values]
        return "\n".join(lines)


def decide(
    chain: Chain, asked: Property, *, timeout: float, float32: bool = False, replay: Replay | None = None
) -> Verdict:
    """Decide a property of a chain.

    Args:
        chain: The network.
        asked: The property.
        timeout: Seconds, above 0.
        float32: Prove it for every order in which the network's sums may be rounded to float32, which includes real
            arithmetic; else for real arithmetic alone.
        replay: Runs the deployed program on one row; a witness that it does not confirm does not count.

    Raises:
        DataError: The property is about other inputs or outputs, or `float32` is asked of a network that is not made
            of products with matrices, sums and ReLUs alone.
    """
    if float32 and not chain.dots:
        raise DataError(
            "float32 orders are known of products with matrices, sums and ReLUs alone, the network does more\n"
            "  fix: float32=False, for real arithmetic"
        )
    proved = "in real arithmetic and in every order of float32 sums" if float32 else "in real arithmetic"

    by_signs = chain.inputs > FEW and len(chain.layers) > 1

    def one(case: Case, until: float) -> Found:
        return (sign_search if by_signs else search)(chain, case, until, float32, replay)

    return decide_by(one, asked, (chain.inputs, chain.outputs), timeout, "exact arithmetic", proved)


def decide_by(
    one: Callable[[Case, float], Found],
    asked: Property,
    sizes: tuple[int, int],
    timeout: float,
    shown: str,
    proved: str,
) -> Verdict:
    """Decide each case of a property by a search, until the time is over.

    Args:
        one: Decides a case until a time of `time.monotonic`.
        asked: The property.
        sizes: Inputs and outputs of the network.
        timeout: Seconds, above 0.
        shown: The arithmetic in which a witness meets the property.
        proved: That in which none does.
    """
    if (asked.inputs, asked.outputs) != sizes:
        raise DataError(
            f"the property is about {asked.inputs} inputs and {asked.outputs} outputs, the network has {sizes[0]} "
            f"and {sizes[1]}\n  fix: give the property of this network"
        )
    if not timeout > 0:
        raise DataError(f"a timeout of {timeout} seconds leaves no time\n  fix: a timeout above 0")
    until = time.monotonic() + timeout
    kind = "real" if asked.declared is None else asked.declared.reads.kind
    boxes, open_cases = 0, []
    for case in asked.cases:
        with one_thread(), np.errstate(over="ignore", invalid="ignore"):  # a bound that overflows proves nothing
            found = one(case, until)
        boxes += found.boxes
        if found.witness is not None and kind != "real" and not _among(found.witness.inputs, kind):
            found = Found("unknown", None, found.boxes, f"an input meets the property, but not in {kind} numbers")
        if found.verdict == "sat":
            run = "; the program was run on it and meets it too" if found.witness and found.witness.replayed else ""
            said = f"the witness meets the property in {shown}{run}"
            return Verdict("sat", said, found.witness, boxes, declared=asked.declared)
        if found.verdict != "unsat":
            open_cases.append(found)
    if open_cases:
        verdict = "timeout" if any(c.verdict == "timeout" for c in open_cases) else "unknown"
        why = "; ".join(sorted({c.why for c in open_cases} - {""}))
        return Verdict(verdict, "nothing is claimed", None, boxes, why, asked.declared)
    rounding = "" if kind == "real" or kind in proved else f"; that the network rounds to {kind} is not considered"
    return Verdict("unsat", f"no input meets the property, {proved}{rounding}", None, boxes, declared=asked.declared)


def _among(values: Sequence[Fraction], kind: str) -> bool:
    """Whether each value is a number of this kind."""
    with np.errstate(over="ignore"):
        return all(v == float(np.dtype(kind).type(float(v))) for v in values)
