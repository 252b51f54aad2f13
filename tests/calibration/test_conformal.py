"""Intervals and sets inside the network: their quantile, their coverage, and the files that keep them."""

import math

import jax
import numpy as np
import pytest
from scipy.stats import beta, kstest

import reseau as rs
from tools.refusals import refused


def line(columns=1):
    x = rs.input("x", (1,))
    net = rs.Network(x, rs.affine(x, columns, name="y"))
    weight = np.ones((1, columns), np.float32)
    bias = np.array([0.0, 1.0][:columns], np.float32)
    return net, {"y.weight": weight, "y.bias": bias}


def rows(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.random((n, 1)).astype(np.float32)
    return x, x[:, 0].astype(np.float64) + rng.standard_normal(n) * (0.1 + x[:, 0])


def covered(found, X, y):
    *_, lower, upper = (np.asarray(v)[:, 0] for v in found.network(found.params, X))
    return (lower <= y) & (y <= upper)


@pytest.mark.parametrize(("kind", "columns"), [("absolute", 1), ("scaled", 2), ("quantiles", 2)])
def test_exactly_as_many_calibration_rows_are_covered_as_the_rank_says(kind, columns):
    net, params = line(columns)
    X, y = rows(99, 0)
    for level, rank in ((0.9, 90), (0.5, 50), (0.99, 99), (0.05, 5)):
        found = rs.conformal(net, params, (X, y), level=level, kind=kind)
        assert (found.rank, found.coverage) == (rank, rank / 100)
        assert covered(found, X, y).sum() == rank  # the ends are rounded outward: the row that decides is inside


def test_the_quantile_is_the_one_that_enumeration_gives():
    net, params = line()
    X, y = rows(50, 1)
    found = rs.conformal(net, params, (X, y), level=0.8)
    distances = np.abs(y - np.asarray(net(params, X))[:, 0].astype(float))
    enough = [q for q in distances if (distances <= q).sum() >= math.ceil(51 * 0.8 - 1e-12)]
    assert found.quantile == pytest.approx(min(enough), rel=2e-7)
    assert found.quantile >= min(enough)
    assert found.quantile == pytest.approx(np.quantile(distances, 41 / 50, method="inverted_cdf"), rel=2e-7)


def test_coverage_has_the_law_that_is_stated():
    net, params = line()
    new_X, new_y = rows(4000, 2)
    shares = []
    for seed in range(60):
        found = rs.conformal(net, params, rows(40, 100 + seed), level=0.9)
        shares.append(covered(found, new_X, new_y).mean())
    assert kstest(shares, beta(found.rank, 41 - found.rank).cdf).pvalue > 0.001
    assert np.mean(np.array(shares) >= found.coverage_with(0.9)) == pytest.approx(0.9, abs=0.12)


def test_sets_of_classes_hold_the_class_often_enough_and_are_small():
    rng = np.random.default_rng(3)
    x = rs.input("x", (3,))
    net = rs.Network(x, 4.0 * x)
    X = rng.standard_normal((1200, 3)).astype(np.float32)
    chances = np.exp(4.0 * X) / np.exp(4.0 * X).sum(1, keepdims=True)
    y = np.array([rng.choice(3, p=p / p.sum()) for p in chances.astype(float)])
    found = rs.conformal(net, {}, (X[:199], y[:199]), level=0.9, kind="classes")
    scores, chosen = found.network(found.params, X)
    assert np.asarray(scores).shape == np.asarray(chosen).shape == (1200, 3)
    hit = np.asarray(chosen)[np.arange(1200), y]
    assert hit[:199].sum() == found.rank == 180
    assert hit[199:].mean() >= found.coverage_with(0.999) - 0.03
    assert np.asarray(chosen).sum(1).mean() < 2


@pytest.mark.parametrize("suffix", ["safetensors", "onnx"])
def test_a_file_keeps_the_interval(tmp_path, suffix):
    net, params = line()
    found = rs.conformal(net, params, rows(99, 0))
    path = tmp_path / f"net.{suffix}"
    found.network.save(path, found.params)
    again, stored = rs.load(path)
    X, _ = rows(5, 9)
    for a, b in zip(again(stored, X), found.network(found.params, X), strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(np.asarray(stored["conformal_quantile"])) == found.quantile
    assert "lower" in found.network.draw()


def test_a_set_of_classes_is_written_to_onnx(tmp_path):
    import onnxruntime

    x = rs.input("x", (3,))
    X = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    net = rs.Network(x, rs.affine(x, 3, name="y"))
    params = {"y.weight": 2 * np.eye(3, dtype=np.float32), "y.bias": np.zeros(3, np.float32)}
    found = rs.conformal(net, params, (X, X.argmax(1)), level=0.6, kind="classes")
    found.network.save(tmp_path / "set.onnx", found.params)
    session = onnxruntime.InferenceSession(tmp_path / "set.onnx")
    _, chosen = session.run(None, {session.get_inputs()[0].name: X[:7]})
    np.testing.assert_array_equal(chosen, found.network(found.params, X[:7])[1])


def test_float64_rows_keep_their_precision():
    with jax.enable_x64(True):
        net, params = line()
        params = {name: value.astype(np.float64) for name, value in params.items()}
        X, y = rows(99, 0)
        found = rs.conformal(net, params, (X.astype(float), y))
        assert found.quantile == np.sort(np.abs(y - X[:, 0].astype(float)))[89]


def test_what_is_refused():
    net, params = line()
    X, y = rows(8, 0)
    assert "at least 9 rows" in (said := refused(rs.conformal, net, params, (X, y)))
    assert "8 calibration rows are too few" in said
    assert rs.conformal(net, params, rows(9, 0)).rank == 9
    for level in (0, 1, math.nan):
        assert "a level of" in refused(rs.conformal, net, params, (X, y), level=level)
    assert "row 2" in refused(rs.conformal, net, params, (X, np.where(np.arange(8) == 2, np.nan, y)), level=0.5)
    assert "one of absolute" in refused(rs.conformal, net, params, (X, y), kind="laplace")
    assert "2 columns" in refused(rs.conformal, net, params, (X, y), kind="scaled", level=0.5)
    assert "targets of the type" in refused(rs.conformal, net, params, (X, y.astype(str) + "?"), level=0.5)
    assert "one target" in refused(rs.conformal, net, params, (X, y[1:]), level=0.5)
    two, more = line(2)
    assert "above 0" in refused(rs.conformal, two, more, (X - 3, y), kind="scaled", level=0.5)
    assert "not classes" in refused(rs.conformal, two, more, (X, y), kind="classes", level=0.5)
    once = rs.conformal(net, params, (X, y), level=0.5)
    assert "calibrated already" in refused(rs.conformal, once.network, once.params, (X, y), level=0.5)
