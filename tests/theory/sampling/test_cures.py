"""The cures in the errors of batches and their audit work."""

import numpy as np
import pytest

from reseau.theory import audit, check_decomposition
from reseau.theory.sampling.schemes import (
    Draw,
    cyclic,
    poisson,
    reshuffled,
    unequal,
    with_replacement,
    without_replacement,
)
from tools.cures import Cure, cured, files_of, raises_without_a_case

PAIRS = without_replacement(3, 2)


def mean_of(values):
    return lambda batch: np.mean(np.asarray(values)[list(batch)])


CASES = {
    "one gradient for all": Cure(
        lambda: audit(PAIRS, [1.0, 2.0, 6.0]),
        "give finite rows, one for each example",
        lambda: audit(PAIRS, [[1.0], [2.0], [6.0]]),
    ),
    "a draw too few": Cure(
        lambda: audit(PAIRS[:2], np.eye(3)), "make them add up to 1", lambda: audit(PAIRS, np.eye(3))
    ),
    "a draw of an example that is not there": Cure(
        lambda: audit([Draw(1.0, (3,), (1.0,))], np.eye(3)),
        "check its indices",
        lambda: audit([Draw(1.0, (2,), (1.0,))], np.eye(3)),
    ),
    "batches of too many examples": Cure(
        lambda: check_decomposition(mean_of(range(11)), 11),
        r"use 2 smallest <= n <= (\d+)",
        lambda most: check_decomposition(mean_of(range(4)), 4, smallest=2) and int(most) == 10,
    ),
    "a gradient that is not finite": Cure(
        lambda: check_decomposition(mean_of([1.0, np.nan]), 2),
        "give finite gradients",
        lambda: check_decomposition(mean_of([1.0, 2.0]), 2),
    ),
    "no such duplicates": Cure(
        lambda: with_replacement(3, 2, "dropped"),
        r"use one of (\(.*\))",
        lambda kinds: [with_replacement(3, 2, kind) for kind in eval(kinds)],
    ),
    "a batch over its rate": Cure(
        lambda: poisson(3, 0.5, divide_by="rate"),
        r"use ('.*') or ('.*')",
        lambda *kinds: [poisson(3, 0.5, divide_by=eval(kind)) for kind in kinds],
    ),
    "rates over their sum": Cure(
        lambda: unequal([0.5], divide_by="sum"),
        r"use (\w+) or (\w+), (\w+) or (\w+)",
        lambda a, b, *empties: [unequal([0.5], divide_by=d, empty=e) for d in (a, b) for e in empties],
    ),
    "a rate of 0": Cure(
        lambda: unequal([0.0, 0.5]), r"use rates in \(0, (1)\]", lambda most: unequal([float(most), 0.5])
    ),
    "no such weights": Cure(
        lambda: cyclic(5, 2, weigh="row"),
        r"use (\w+) or (\w+)",
        lambda *kinds: [cyclic(5, 2, weigh=kind) for kind in kinds],
    ),
    "an epoch at its end": Cure(
        lambda: reshuffled(3, 2, past=(0, 1, 2)), "start a new epoch", lambda: reshuffled(3, 2)
    ),
    "a batch above the examples": Cure(
        lambda: without_replacement(3, 4),
        r"use at least one of each and at most (\d)",
        lambda most: without_replacement(3, int(most)),
    ),
    "too many batches": Cure(
        lambda: without_replacement(60, 30), "audit with fewer examples", lambda: without_replacement(6, 3)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_cure_works(name):
    cured(CASES[name])


def test_every_error_with_a_cure_has_a_case():
    assert raises_without_a_case(files_of("reseau.theory.sampling"), CASES.values()) == []
