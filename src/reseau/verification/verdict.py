"""A property decided: what was found, and in which arithmetic it holds."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reseau.errors import DataError
from reseau.verification.box_search import Found, search
from reseau.verification.chain import Chain
from reseau.verification.sign_search import sign_search
from reseau.verification.vnnlib import Case, Property
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
    """

    verdict: str
    semantics: str
    witness: Witness | None = None
    boxes: int = 0
    why: str = ""

    def text(self) -> str:
        """The verdict in the form of the competition: one word, and a witness where there is one."""
        if self.witness is None:
            return self.verdict
        inputs = [f"(X_{i} {float(v)!r})" for i, v in enumerate(self.witness.inputs)]
        outputs = [f"(Y_{i} {float(v)!r})" for i, v in enumerate(self.witness.outputs)]
        return f"{self.verdict}\n(" + "\n ".join([*inputs, *outputs]) + ")"


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
    boxes, open_cases = 0, []
    for case in asked.cases:
        with np.errstate(over="ignore", invalid="ignore"):  # a bound that overflows proves nothing
            found = one(case, until)
        boxes += found.boxes
        if found.verdict == "sat":
            assert found.witness is not None
            run = "; the program was run on it and meets it too" if found.witness.replayed else ""
            return Verdict("sat", f"the witness meets the property in {shown}{run}", found.witness, boxes)
        if found.verdict != "unsat":
            open_cases.append(found)
    if open_cases:
        verdict = "timeout" if any(c.verdict == "timeout" for c in open_cases) else "unknown"
        return Verdict(
            verdict, "nothing is claimed", None, boxes, "; ".join(sorted({c.why for c in open_cases} - {""}))
        )
    return Verdict("unsat", f"no input meets the property, {proved}", None, boxes)
