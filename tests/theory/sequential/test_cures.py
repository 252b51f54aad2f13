"""The cures in the errors of bounds that hold at all times work."""

import pytest

from reseau import theory
from tools.cures import Cure, cured, files_of, raises_without_a_case

CASES = {
    "more errors than rows so far": Cure(
        lambda: theory.sequential_upper(3, 2),
        "whole numbers 0 <= errors <= count, count >= 1, 0 < delta < 1, a prior of two positive numbers",
        lambda: theory.sequential_upper(2, 2),
    ),
    "a loss above the largest": Cure(
        lambda: theory.sequential_mean_upper([0.5, 2.0], 1.0),
        "at least one loss, each from 0 to largest, and 0 < delta < 1",
        lambda: theory.sequential_mean_upper([0.5, 1.0], 1.0),
    ),
    "a promise of no error": Cure(
        lambda: theory.Monitor(promised=0.0), "two numbers above 0 and below 1", lambda: theory.Monitor(promised=0.01)
    ),
    "half an error": Cure(
        lambda: theory.Monitor(0.1).update([0, 0.5]),
        "(1) for an error, (0) for none",
        lambda *entries: theory.Monitor(0.1).update([int(e) for e in entries]),
    ),
    "errors in words": Cure(
        lambda: theory.Monitor(0.1).update(["wrong", "right"]),
        "(1) for an error, (0) for none",
        lambda *entries: theory.Monitor(0.1).update([int(e) for e in entries]),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_cure_works(name):
    cured(CASES[name])


def test_every_error_with_a_cure_has_a_case():
    assert raises_without_a_case(files_of("reseau.theory.sequential"), CASES.values()) == []
