"""The affine piece at a point: equal to exact rational arithmetic, and the network as far as it says."""

from fractions import Fraction
from itertools import pairwise

import jax
import numpy as np
import pytest

import reseau as rs
from reseau.errors import UnsupportedError
from tools.refusals import refused


def chain(rng, widths):
    """A chain of affine maps and ReLUs with weights of few bits, and the same numbers as rationals."""
    x = h = rs.input("x", (widths[0],))
    params, layers = {}, []
    for i, (n, m) in enumerate(pairwise(widths)):
        h = rs.affine(h if i == 0 else rs.relu(h, name=f"relu{i}"), m, name=f"layer{i}")
        w, b = np.round(8 * rng.normal(size=(n, m))) / 8, np.round(8 * rng.normal(size=m)) / 8
        params |= {f"layer{i}.weight": w, f"layer{i}.bias": b}
        layers.append(([[Fraction(v) for v in row] for row in w.tolist()], [Fraction(v) for v in b.tolist()]))
    return rs.Network(x, h), params, layers


def exact_piece(layers, point):
    """Slopes by input, offset, and the smallest squared distance to a kink, by rational arithmetic."""
    d = len(point)
    affine = [([Fraction(int(i == j)) for j in range(d)], Fraction(0)) for i in range(d)]
    nearest = None
    for k, (weight, bias) in enumerate(layers):
        if k:
            for a, c in affine:
                value, norm = sum(s * p for s, p in zip(a, point, strict=True)) + c, sum(s * s for s in a)
                if norm and (nearest is None or value * value / norm < nearest):
                    nearest = value * value / norm
            on = [sum(s * p for s, p in zip(a, point, strict=True)) + c > 0 for a, c in affine]
            affine = [(a, c) if up else ([Fraction(0)] * d, Fraction(0)) for (a, c), up in zip(affine, on, strict=True)]
        affine = [
            (
                [sum(weight[i][j] * affine[i][0][q] for i in range(len(affine))) for q in range(d)],
                sum(weight[i][j] * affine[i][1] for i in range(len(affine))) + bias[j],
            )
            for j in range(len(bias))
        ]
    return affine, nearest


def test_slopes_offset_and_distance_are_those_of_rational_arithmetic():
    rng = np.random.default_rng(0)
    for widths in [(2, 5, 1), (3, 4, 4, 2), (1, 6, 5, 4, 3), (6, 8, 1)] * 5:
        net, params, layers = chain(rng, widths)
        x = np.round(64 * rng.normal(size=widths[0])) / 64 + 2.0**-20
        piece = net.local(params, x)
        affine, nearest = exact_piece(layers, [Fraction(v) for v in x.tolist()])
        for j, (slopes, offset) in enumerate(affine):
            for i, s in enumerate(slopes):
                assert abs(Fraction(float(piece.slope[j, i])) - s) <= Fraction(piece.slope_error)
            assert abs(Fraction(float(piece.offset[j])) - offset) <= Fraction(piece.offset_error)
        assert piece.slope_error < 1e-10
        if nearest is None:
            assert piece.distance > 1e100
        else:
            assert Fraction(piece.distance) ** 2 <= nearest
            assert Fraction(piece.distance) ** 2 >= nearest * (1 - Fraction(1, 10**9))


def mixed():
    x = rs.input("x", (4,))
    h = rs.relu(rs.affine(x, 6))
    g = rs.maximum(rs.leaky_relu(rs.affine(h, 6), 0.2) + h, rs.abs(rs.affine(x, 6)))
    g = rs.concatenate([rs.clip(g, -1.0, 2.0), rs.max(rs.reshape(g, (2, 3)), axis=2)])
    return rs.Network(x, rs.minimum(rs.affine(g, 3), 5.0) / 2.0 - rs.mean(g, axis=1, keepdims=True))


def images():
    x = rs.input("x", (6, 6, 1))
    h = rs.max_pool(rs.relu(rs.batch_norm(rs.conv(x, 3, 3))), 2, stride=1)
    return rs.Network(x, rs.affine(rs.flatten(rs.average_pool(h, 2)), 2))


@pytest.mark.parametrize("make", [mixed, images])
def test_the_network_is_the_piece_within_the_distance(make):
    net, rng = make(), np.random.default_rng(1)
    params = {k: np.asarray(v) + 0.2 * rng.random(v.shape) for k, v in net.init(3).items()}
    for _ in range(3):
        x = rng.normal(size=[int(n) for n in net.graph.inputs[0].shape[1:]])
        piece = net.local(params, x)
        assert 0 < piece.distance < 1
        assert (piece.alone >= piece.distance * (1 - 1e-12)).all()
        steps = rng.normal(size=(40, *x.shape))
        steps *= (0.999 * piece.distance / np.linalg.norm(steps.reshape(40, -1), axis=1)).reshape(40, *(1,) * x.ndim)
        axis = rng.integers(0, x.size, 40)
        alone = np.zeros((40, x.size))
        alone[np.arange(40), axis] = 0.999 * np.minimum(piece.alone.reshape(-1)[axis], 1e3) * rng.choice([-1, 1], 40)
        points = x + np.concatenate([steps, alone.reshape(40, *x.shape)])
        with jax.enable_x64(True):
            values = np.asarray(net(params, points))
        np.testing.assert_allclose(values, [piece(p) for p in points], rtol=0, atol=1e-9)


def test_past_the_nearest_kink_along_an_input_the_network_is_another_piece():
    net, rng = mixed(), np.random.default_rng(2)
    params = {k: np.asarray(v) + 0.2 * rng.random(v.shape) for k, v in net.init(3).items()}
    x = rng.normal(size=4)
    piece = net.local(params, x)
    for i in range(4):
        moved = [x + sign * 1.001 * piece.alone[i] * np.eye(4)[i] for sign in (-1, 1)]
        others = [net.local(params, m) for m in moved]
        assert any(not np.array_equal(o.slope, piece.slope) or o.distance < 1e-2 * piece.alone[i] for o in others)


def test_units_that_do_not_move_make_no_kink_and_a_point_on_a_kink_is_told():
    x = rs.input("x", (2,))
    net = rs.Network(
        x, rs.relu(rs.affine(rs.relu(rs.affine(x, 1, name="a"), name="first"), 1, name="b"), name="second")
    )
    params = {"a.weight": [[1.0], [1.0]], "a.bias": [0.0], "b.weight": [[1.0]], "b.bias": [0.0]}
    params = {k: np.array(v) for k, v in params.items()}
    dead = net.local(params, [-1.0, 0.0])
    assert dead.nearest == "first"
    assert dead.distance == pytest.approx(2**-0.5, rel=1e-12)
    assert not dead.active["first"].any()
    assert net.local(params, [1.0, -1.0]).distance == 0


def test_what_is_refused_is_named_and_the_cure_works():
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.softmax(rs.affine(x, 2), name="shares"))
    params = net.init()
    with pytest.raises(UnsupportedError, match='method="integrated"') as caught:
        net.local(params, np.ones(3))
    assert "'shares' is a softmax" in str(caught.value)
    assert np.abs(net.attribute(params, np.ones((2, 3)), method="integrated").missing).max() < 1e-12
    y = rs.affine(x, 2)
    two = rs.Network(x, (y, rs.relu(y)))
    with pytest.raises(UnsupportedError, match="2 outputs"):
        two.local(two.init(), np.ones(3))
    one = rs.Network(two.graph.inputs, two.graph.outputs[0])
    assert one.local(one.init(), np.ones(3)).nearest is None
    assert "(4,)" in refused(one.local, one.init(), np.ones(4))
    assert "NaN" in refused(one.local, one.init(), [1.0, np.nan, 0.0])
