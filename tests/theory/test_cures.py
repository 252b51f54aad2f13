"""The cures in the errors of what all parts of the theory read work; each part has a table in its own folder."""

import numpy as np
import pytest

from reseau.theory.score_losses import score_loss
from tools.cures import Cure, cured, files_of, raises_without_a_case

CASES = {
    "no such loss": Cure(
        lambda: score_loss("huber", np.ones(1)),
        r"use one of (.*)",
        lambda names: [score_loss(name, np.ones(1)) for name in names.split(", ")],
    ),
    "a blank target": Cure(
        lambda: score_loss("squared", np.array([1.0, np.nan])),
        "drop its row",
        lambda: score_loss("squared", np.array([1.0])),
    ),
    "classes as 0 and 1": Cure(
        lambda: score_loss("logistic", np.array([0.0, 1.0])),
        r"use (\S+) and (\S+)",
        lambda *signs: score_loss("logistic", np.array([float(sign) for sign in signs])),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_cure_works(name):
    cured(CASES[name])


def test_every_error_with_a_cure_has_a_case():
    """But for one that tells of a fault of this library, whose cure is to report it."""
    assert raises_without_a_case(files_of("reseau.theory"), CASES.values(), ["internal error"]) == []
