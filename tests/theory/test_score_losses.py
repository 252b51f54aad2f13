"""Each loss has the constants it claims: against grids and finite differences."""

import numpy as np
import pytest

from reseau.errors import DataError
from reseau.theory.score_losses import LOSSES, score_loss

SCORES = np.linspace(-3, 3, 6001)


def targets(loss):
    return (-1.0, 1.0) if loss.binary else (-1.0, 0.3, 1.0)


@pytest.mark.parametrize("name", LOSSES)
def test_slope_range_and_smoothness_hold_on_a_grid(name):
    loss = LOSSES[name]
    for y in targets(loss):
        values = loss.value(np.full_like(SCORES, y), SCORES)
        slopes = np.diff(values) / np.diff(SCORES)
        assert np.max(np.abs(slopes)) <= loss.lipschitz(3.0, 1.0) + 1e-9
        assert np.max(values) <= loss.largest(3.0, 1.0) + 1e-12
        assert np.min(values) >= 0
        if np.isfinite(loss.smoothness):
            assert np.max(np.abs(np.diff(slopes) / np.diff(SCORES)[1:])) <= loss.smoothness * (1 + 1e-5)
    extremes = [np.max(loss.value(np.full_like(SCORES, y), SCORES)) for y in (-1.0, 1.0)]
    assert max(extremes) == pytest.approx(loss.largest(3.0, 1.0), rel=1e-12)  # attained


@pytest.mark.parametrize("name", LOSSES)
def test_derivative_is_the_slope_away_from_kinks(name):
    loss, step = LOSSES[name], 1e-6
    for y in targets(loss):
        u = np.array([-2.5, -0.7, 0.1, 0.62, 2.2])
        t = np.full_like(u, y)
        slope = (loss.value(t, u + step) - loss.value(t, u - step)) / (2 * step)
        np.testing.assert_allclose(loss.derivative(t, u), slope, rtol=0, atol=1e-8)
        bend = (loss.derivative(t, u + step) - loss.derivative(t, u - step)) / (2 * step)
        np.testing.assert_allclose(loss.curvature(t, u), bend, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_conjugate_is_the_supremum_of_lines_minus_the_loss(name):
    loss = LOSSES[name]
    wide = np.linspace(-40, 40, 800_001)
    for y in targets(loss):
        for slope in (0.0, 0.25, 0.9):
            s = -slope * y if loss.binary else slope - 0.4
            best = np.max(s * wide - loss.value(np.full_like(wide, y), wide))
            assert loss.conjugate(np.array([y]), np.array([s]))[0] == pytest.approx(best, abs=1e-8)


def test_targets_and_names_are_checked():
    with pytest.raises(DataError, match=r"'zero' is not known here\n  fix: use one of squared, absolute"):
        score_loss("zero", np.zeros(1))
    with pytest.raises(DataError, match=r"there is 0.0 for the .* loss\n  fix: use -1 and \+1"):
        score_loss("hinge", np.zeros(1))
    with pytest.raises(DataError, match="entry 0 is not finite"):
        score_loss("squared", np.array([np.nan]))
