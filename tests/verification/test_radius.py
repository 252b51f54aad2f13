"""The certified radius against a mixed-integer program, closed forms, and attacks."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

import reseau as rs
from reseau.errors import UnsupportedError
from reseau.verification.graph_chain import chain_of
from tools.refusals import refused


def classifier(rng, widths):
    x = h = rs.input("x", (widths[0],))
    for width in widths[1:-1]:
        h = rs.relu(rs.affine(h, width))
    net = rs.Network(x, rs.affine(h, widths[-1]))
    return net, {k: rng.normal(size=v.shape).astype(np.float32) for k, v in net.init(0).items()}


def test_the_radius_of_an_affine_classifier_is_its_margin_over_a_norm():
    rng = np.random.default_rng(0)
    for _ in range(5):
        net, params = classifier(rng, (3, 4))
        weight, bias = (np.asarray(params[n], float) for n in net.graph.stored)
        x = rng.normal(size=3)
        scores = x @ weight + bias
        label = int(scores.argmax())
        others = [i for i in range(4) if i != label]
        true = min((scores[label] - scores[i]) / np.abs(weight[:, label] - weight[:, i]).sum() for i in others)
        found = rs.certified_radius(net, params, x, largest=100.0)
        assert found.label == label
        assert found.lower <= true * (1 + 1e-12)
        assert found.upper >= true * (1 - 1e-12)
        assert found.upper <= 1.03 * found.lower


def nearest_by_enumeration(chain, x, label):
    """The smallest radius that changes the class: a linear program for each pattern of the ReLUs of one layer."""
    (w, b), (v, c) = ((layer.weight, layer.bias) for layer in chain.layers)
    d, best = len(x), np.inf
    for code in range(2 ** len(b)):
        on = np.array([(code >> j) & 1 for j in range(len(b))], float)
        sign = 2 * on - 1
        for other in range(len(c)):
            if other == label:
                continue
            head = (v[:, label] - v[:, other]) * on
            rows = np.vstack([-(w * sign).T, (w @ head)[None]])
            tops = np.append(b * sign, -(b @ head + c[label] - c[other]))
            # variables: the input, and the radius t with |x' - x| <= t
            near = np.block([[np.eye(d), -np.ones((d, 1))], [-np.eye(d), -np.ones((d, 1))]])
            lhs = np.vstack([np.hstack([rows, np.zeros((len(rows), 1))]), near])
            rhs = np.concatenate([tops, x, -x])
            ends = [(None, None)] * d + [(0, None)]
            solved = linprog(np.append(np.zeros(d), 1.0), A_ub=lhs, b_ub=rhs, bounds=ends)
            if solved.status == 0:
                best = min(best, solved.fun)
    return best


def test_the_radius_of_a_small_network_is_that_of_all_its_pieces():
    rng = np.random.default_rng(1)
    for _ in range(3):
        net, params = classifier(rng, (2, 5, 3))
        x = rng.normal(size=2).astype(np.float32).astype(float)
        found = rs.certified_radius(net, params, x, largest=4.0, timeout=20)
        true = nearest_by_enumeration(chain_of(net.graph, params), x, found.label)
        assert found.lower <= min(true, 4.0) + 1e-9
        if true < 4:
            assert true - 1e-9 <= found.upper <= 1.03 * found.lower
            scores = chain_of(net.graph, params).exact(found.witness.inputs)
            assert max(scores) > scores[found.label] or scores.count(max(scores)) > 1
            far = max(abs(a - Fraction(b)) for a, b in zip(found.witness.inputs, x.tolist(), strict=True))
            assert far <= Fraction(found.upper)


def test_one_output_is_a_class_by_its_sign_and_no_attack_comes_closer():
    net, params = classifier(np.random.default_rng(2), (4, 16, 16, 1))
    rng = np.random.default_rng(3)
    x = rng.normal(size=4)
    found = rs.certified_radius(net, params, x, timeout=8, float32=True)
    assert "float32" in found.semantics
    assert 0 < found.lower < found.upper
    points = x + 0.999 * found.lower * rng.choice([-1.0, 1.0], (2000, 4))
    assert (np.asarray(net(params, points))[:, 0] > 0).all() == bool(found.label)


def test_other_graphs_are_proved_by_intervals():
    x = rs.input("x", (6, 6, 1))
    h = rs.relu(rs.conv(x, 2, 3))
    net = rs.Network(x, rs.affine(rs.flatten(rs.max_pool(h + rs.relu(rs.conv(h, 2, 3, padding="same")), 2)), 2))
    params, rng = net.init(0), np.random.default_rng(4)
    image = rng.normal(size=(6, 6, 1))
    found = rs.certified_radius(net, params, image)
    assert found.upper == np.inf
    assert 0 < found.lower < 1
    points = image + found.lower * rng.choice([-1.0, 1.0], (300, 6, 6, 1))
    assert (np.asarray(net(params, points)).argmax(1) == found.label).all()
    with pytest.raises(UnsupportedError, match="float32=False"):
        rs.certified_radius(net, params, image, float32=True)


def test_a_tie_has_no_radius_and_bad_input_is_refused():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(x, 2, name="y"))
    params = {"y.weight": np.eye(2), "y.bias": np.zeros(2)}
    tied = rs.certified_radius(net, params, [0.5, 0.5])
    assert (tied.lower, tied.upper) == (0, 0)
    assert "above 0" in refused(rs.certified_radius, net, params, [1.0, 0.0], largest=0.0)
    assert "(3,)" in refused(rs.certified_radius, net, params, [1.0, 0.0, 1.0])
    assert "NaN" in refused(rs.certified_radius, net, params, [1.0, np.nan])


def test_the_euclidean_radius_of_an_affine_classifier_is_its_margin_over_the_norm():
    rng = np.random.default_rng(0)
    net, params = classifier(rng, (3, 4))
    weight, bias = (np.asarray(params[n], float) for n in net.graph.stored)
    x = rng.normal(size=3)
    scores = x @ weight + bias
    label = int(scores.argmax())
    others = [i for i in range(4) if i != label]
    true = min((scores[label] - scores[i]) / np.linalg.norm(weight[:, label] - weight[:, i]) for i in others)
    found = rs.certified_radius(net, params, x, largest=100.0, norm=2)
    assert found.lower <= true * (1 + 1e-12)
    assert true * (1 - 1e-12) <= found.upper <= 1.03 * found.lower


def test_no_point_of_a_proved_ball_has_another_class_and_the_one_that_was_found_has():
    rng = np.random.default_rng(4)
    for widths in [(6, 8, 3), (4, 6, 5, 1)]:
        net, params = classifier(rng, widths)
        x = rng.normal(size=widths[0])
        found = rs.certified_radius(net, params, x, largest=50.0, norm=2, timeout=4)
        assert 0 < found.lower <= found.upper
        chain = chain_of(net.graph, params)
        away = rng.normal(size=(20_000, widths[0]))
        away *= found.lower / np.linalg.norm(away, axis=1, keepdims=True) * rng.random((20_000, 1)) ** 0.1
        scores = chain(x + away)
        labels = (scores[:, 0] > 0).astype(int) if scores.shape[1] == 1 else scores.argmax(1)
        assert (labels == found.label).all()
        there = np.array([float(v) for v in found.witness.inputs])
        assert np.linalg.norm(there - x) <= found.upper
        scores = chain.exact(found.witness.inputs)
        rest = [s for i, s in enumerate(scores) if i != found.label]
        assert (scores[0] > 0) != found.label if len(scores) == 1 else max(rest) >= scores[found.label]
        near = rs.certified_radius(net, params, x, largest=50.0, timeout=2)
        assert found.upper >= near.lower  # a ball lies in its box


def test_another_norm_is_refused():
    net, params = classifier(np.random.default_rng(0), (3, 4))
    assert "norm=2" in refused(rs.certified_radius, net, params, np.zeros(3), norm=1)
