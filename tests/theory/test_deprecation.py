"""Old names of theory work for one more release, and say the new ones."""

import pytest

from reseau.theory import ShallowNetwork, global_optimum, kernel_ridge, optimality_gap, random_ridge, width_figure

ZERO = ShallowNetwork([[1.0]], [0.0], [0.0])
X, Y = [0.0, 1.0], [0.0, 1.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda **k: global_optimum(X, Y, **k).primal,
        lambda **k: optimality_gap(ZERO, X, Y, **k).excess,
        lambda **k: width_figure(lambda width, seed: ZERO, X, Y, widths=(1,), seeds=(0,), **k).excess.item(),
        lambda **k: kernel_ridge(X, Y, **k)([0.5]).item(),
        lambda **k: random_ridge(X, Y, width=3, seed=0, **k)([0.5]).item(),
    ],
)
def test_the_strength_of_a_penalty_is_still_read_by_its_old_name(call):
    with pytest.warns(DeprecationWarning, match="'penalty' is now called 'strength'"):
        old = call(penalty=0.1)
    assert old == call(strength=0.1)
