"""Shares of the inputs: they add up, and equal what rational arithmetic and other formulas give."""

from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest

import reseau as rs
from reseau.errors import UnsupportedError
from tools.refusals import refused


def shallow(rng, d, m, outputs=1):
    x = rs.input("x", (d,))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, m, name="hidden")), outputs, name="y"))
    shapes = {"hidden.weight": (d, m), "hidden.bias": (m,), "y.weight": (m, outputs), "y.bias": (outputs,)}
    return net, {k: np.round(16 * rng.normal(size=s)) / 16 for k, s in shapes.items()}


def closed_form(params, x, start, output):
    """Each neuron is on for a share of the path, which for one hidden layer is a quotient of two numbers."""
    w, b = params["hidden.weight"], params["hidden.bias"]
    x, start = ([Fraction(float(v)) for v in row] for row in (x, start))
    found = [Fraction(0)] * len(x)
    for j in range(len(b)):
        weights = [Fraction(float(v)) for v in w[:, j]]
        first = sum(a * s for a, s in zip(weights, start, strict=True)) + Fraction(float(b[j]))
        last = sum(a * s for a, s in zip(weights, x, strict=True)) + Fraction(float(b[j]))
        if first == last:
            share = Fraction(int(first > 0))
        else:
            kink = min(max(first / (first - last), Fraction(0)), Fraction(1))
            share = 1 - kink if last > first else kink
        height = Fraction(float(params["y.weight"][j, output]))
        found = [f + (p - q) * share * a * height for f, p, q, a in zip(found, x, start, weights, strict=True)]
    return [float(f) for f in found]


def test_exact_shares_of_one_hidden_layer_are_those_of_rational_arithmetic():
    rng = np.random.default_rng(0)
    for d, m, outputs in ((1, 7, 1), (3, 12, 2), (8, 30, 3)):
        net, params = shallow(rng, d, m, outputs)
        X, start = np.round(8 * rng.normal(size=(3, d))) / 8, np.round(8 * rng.normal(size=d)) / 8
        found = net.attribute(params, X, baseline=start, output=outputs - 1)
        expected = [closed_form(params, row, start, outputs - 1) for row in X]
        np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-10)
        assert np.abs(found.missing).max() < 1e-10


def residual():
    x = rs.input("x", (5,))
    h = rs.relu(rs.affine(x, 12))
    h = h + rs.leaky_relu(rs.affine(h, 12), 0.1)
    return rs.Network(x, rs.affine(rs.maximum(h, rs.abs(rs.affine(h, 12))), 3))


def images():
    x = rs.input("x", (8, 8, 1))
    h = rs.max_pool(rs.relu(rs.batch_norm(rs.conv(x, 3, 3))), 2)
    return rs.Network(x, rs.affine(rs.flatten(h), 4))


@pytest.mark.parametrize("make", [residual, images])
def test_exact_shares_add_up_and_are_the_limit_of_fine_sums(make):
    net, rng = make(), np.random.default_rng(3)
    params = {k: np.asarray(v) + 0.1 * rng.random(v.shape) for k, v in net.init(1).items()}
    X = rng.normal(size=(2, *(int(n) for n in net.graph.inputs[0].shape[1:])))
    found = net.attribute(params, X)
    assert np.abs(found.missing).max() < 1e-9
    assert (found.output > found.baseline_output).any()
    # the gradient at 2,000 midpoints by the network's own backpropagation in float32, summed here
    steps = 2000
    for k in range(2):
        path = np.array([(i + 0.5) / steps * X[k] for i in range(steps)], np.float32)
        run = net.forward(params | {}, path)
        unit = np.zeros(run.output.shape)
        unit[:, found.entry[k]] = 1
        fine = np.asarray(net.backward(run, unit)[str(net.graph.inputs[0].name)], np.float64).mean(0) * X[k]
        np.testing.assert_allclose(found.values[k], fine, rtol=0, atol=2e-2 * np.abs(fine).max())


def test_the_three_methods_agree_where_the_network_is_one_piece():
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.affine(x, 2, name="y"))
    params = {"y.weight": np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]]), "y.bias": np.array([1.0, 1.0])}
    X = np.array([[1.0, -2.0, 4.0]])
    for method in ("exact", "integrated", "gradient"):
        found = net.attribute(params, X, method=method, output=0)
        np.testing.assert_allclose(found.values, [[1.0, -6.0, 2.0]], rtol=1e-12)
        np.testing.assert_allclose(found.missing, 0, atol=1e-12)


def test_integrated_gradients_of_a_smooth_network_add_up():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.sum(rs.tanh(rs.affine(x, 6)), axis=1, keepdims=True))
    found = net.attribute(net.init(0), np.array([[1.0, -1.0], [0.3, 2.0]]), method="integrated")
    assert np.abs(found.missing).max() < 1e-12


def test_what_is_refused_and_that_its_cures_work():
    net, params = shallow(np.random.default_rng(1), 3, 4)
    X = np.ones((2, 3))
    assert "method" in refused(net.attribute, params, X, method="shap")
    assert "output=1" in refused(net.attribute, params, X, output=1)
    assert "baseline" in refused(net.attribute, params, X, baseline=np.ones(4))
    assert "NaN" in refused(net.attribute, params, X, baseline=np.nan)
    assert "(batch, 3)" in refused(net.attribute, params, np.ones(3))
    found = net.attribute(params, X, baseline=np.ones((2, 3)))
    assert not found.values.any()
    assert "row 2" in refused(found.draw, row=2)
    assert "2 names" in refused(found.draw, names=["a", "b"])
    assert ".svg" in refused(found.draw, "bars.pdf")
    smooth = rs.Network(net.graph.inputs, rs.sigmoid(net.graph.outputs[0], name="chance"))
    with pytest.raises(UnsupportedError, match="'chance' is a sigmoid"):
        smooth.attribute(params, X)


def test_bars_are_as_long_as_the_shares(tmp_path):
    x = rs.input("x", (4,))
    net = rs.Network(x, rs.affine(x, 1, name="y"))
    params = {"y.weight": np.array([[3.0], [-1.0], [0.5], [0.25]]), "y.bias": np.zeros(1)}
    found = net.attribute(params, np.ones((1, 4)))
    text = found.draw(tmp_path / "bars.svg", names=["a<b", "second", "third", "fourth"], most=3)
    assert (tmp_path / "bars.svg").read_text() == text
    bars = [e for e in ElementTree.fromstring(text).iter() if e.get("class") == "bar"]
    widths = np.array([float(b.get("width")) for b in bars])
    np.testing.assert_allclose(widths / widths[0], [1, 1 / 3, 1 / 6, 1 / 12], atol=1e-3)
    zero = float(bars[0].get("x"))
    assert float(bars[1].get("x")) + widths[1] == pytest.approx(zero, abs=0.2)
    assert "a&lt;b" in text
    assert "the other 1" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    found.draw(tmp_path / "bars.png")
    assert (tmp_path / "bars.png").read_bytes()[:4] == b"\x89PNG"
