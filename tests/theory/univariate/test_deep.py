"""Deep one-input networks: against forward passes in rationals, and Telgarsky's count."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from reseau.errors import DataError
from reseau.theory.univariate.deep import deep_to_pwl, tent_layers


def forward(layers, x):
    values = [Fraction(x)]
    for depth, (weight, bias) in enumerate(layers):
        if depth:
            values = [max(v, Fraction(0)) for v in values]
        values = [
            sum((v * Fraction(weight[i][j]) for i, v in enumerate(values)), Fraction(bias[j])) for j in range(len(bias))
        ]
    return values[0]


@pytest.mark.parametrize("exact", [False, True])
def test_a_tent_map_composed_twelve_times_has_4096_pieces(exact):
    f = deep_to_pwl(tent_layers(12), (0, 1), exact=exact)
    assert f.pieces == 4096
    assert set(f.slopes) == {4096, -4096}
    assert f.knots == tuple(Fraction(k, 4096) for k in range(1, 4096))


@pytest.mark.parametrize("seed", range(8))
def test_pieces_agree_with_the_forward_pass(seed):
    rng = np.random.default_rng(seed)
    sizes = [1, *rng.integers(1, 5, size=int(rng.integers(1, 4))), 1]
    layers = [
        ([[Fraction(int(rng.integers(-5, 6)), 3) for _ in range(b)] for _ in range(a)],
         [Fraction(int(rng.integers(-5, 6)), 2) for _ in range(b)])
        for a, b in pairwise(sizes)
    ]  # fmt: skip
    f = deep_to_pwl(layers, (-2, 2), exact=True)
    for a, b in pairwise(f.breaks):
        for t in (a, (2 * a + b) / 3, (a + b) / 2, b):
            assert f.at(t) == forward(layers, t)
    assert all(f.jumps)

    floats = [(np.array(w, dtype=float), np.array(c, dtype=float)) for w, c in layers]
    x = np.linspace(-2, 2, 41)
    g = deep_to_pwl(floats, (-2.0, 2.0))
    np.testing.assert_allclose(g(x), [float(forward(layers, t)) for t in x], rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize(
    ("layers", "domain", "message"),
    [
        ([([[1.0, 2.0]], [0.0])], (0, 1), "layer 0 has weight"),
        ([([[1.0, 2.0]], [0.0, 0.0])], (0, 1), "2 outputs"),
        ([([[1.0]], [0.0])], (1, 0), "reversed"),
        ([([[np.nan]], [0.0])], (0, 1), "not finite"),
    ],
)
def test_refusals(layers, domain, message):
    with pytest.raises(DataError, match=message):
        deep_to_pwl(layers, domain)
    with pytest.raises(DataError, match="at least once"):
        tent_layers(0)
