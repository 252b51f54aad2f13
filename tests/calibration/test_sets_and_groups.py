"""Sets of classes, groups by themselves, ends rounded outward: against MAPIE, crepes, loops and exact rationals."""

import itertools
import math
import warnings
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from crepes import ConformalRegressor
from mapie.classification import SplitConformalClassifier
from scipy.stats import beta, betabinom, kstest

import reseau as rs
from reseau.calibration.guarantee import guarantee_of
from reseau.calibration.nonconformity import CLASS_KINDS, ClassScores, class_scores, set_scores
from tools.refusals import refused

CLASSES = 5
x = rs.input("x", (CLASSES,))
NET = rs.Network(x, rs.affine(x, CLASSES, name="y"))
PARAMS = {"y.weight": 2 * np.eye(CLASSES, dtype=np.float32), "y.bias": np.zeros(CLASSES, np.float32)}


def rows(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, CLASSES)).astype(np.float32)
    p = np.exp(2.0 * X.astype(float))
    p /= p.sum(1, keepdims=True)
    return X, (rng.random((n, 1)) > p.cumsum(1)).sum(1).clip(0, CLASSES - 1), p


class Given:
    """Probabilities as a fitted classifier of scikit-learn's kind."""

    classes_ = np.arange(CLASSES)
    _estimator_type = "classifier"

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        p = np.exp(2.0 * np.asarray(X, float))
        return p / p.sum(1, keepdims=True)

    def predict(self, X):
        return self.predict_proba(X).argmax(1)

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.parametrize(("kind", "theirs"), [("classes", "lac"), ("aps", "aps"), ("top-k", "top_k")])
def test_sets_are_those_of_mapie(kind, theirs):
    X, y, _ = rows(199, 0)
    new = rows(400, 1)[0]
    found = rs.conformal(NET, PARAMS, (X, y), level=0.9, kind=kind, seed=7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mapie = SplitConformalClassifier(
            Given(), confidence_level=0.9, conformity_score=theirs, prefit=True, random_state=7
        )
        sets = mapie.conformalize(X, y).predict_set(new)[1][:, :, 0]
    ours = np.asarray(found.network(found.params, new)[1])
    assert (ours != sets).sum() <= 1  # a probability may fall to the rounding of float32
    assert 1 < sets.sum(1).mean() < CLASSES


def test_scores_are_those_of_the_papers():
    _, y, p = rows(60, 2)
    how = ClassScores("raps", penalty=0.05, free=2, seed=3)
    uniform = np.random.RandomState(3).uniform(size=60)
    for i in range(60):
        order = sorted(range(CLASSES), key=lambda k: -p[i, k])
        for place, k in enumerate(order, 1):
            above = sum(p[i, j] for j in order[: place - 1])
            regular = 0.05 * max(place - 2, 0)
            assert set_scores(p[i : i + 1], how)[0, k] == pytest.approx(above + regular)
            assert set_scores(p[i : i + 1], ClassScores("top-k"))[0, k] == place
            if k == y[i]:
                score = class_scores(p, y, how)[i]
                assert score == pytest.approx(above + regular + (1 - uniform[i]) * p[i, k])


@pytest.mark.parametrize("kind", CLASS_KINDS)
def test_the_network_decides_as_the_scores_do_and_so_does_onnxruntime(tmp_path, kind):
    X, y, _ = rows(150, 4)
    found = rs.conformal(NET, PARAMS, (X, y), level=0.8, kind=kind, penalty=0.05, free=1)
    how = ClassScores(kind, 0.05, 1, 0)
    _, new_y, p = rows(300, 5)
    new = rows(300, 5)[0]
    sets = np.asarray(found.network(found.params, new)[1])
    assert (sets != (set_scores(p, how) <= found.quantile)).sum() <= 1
    assert np.asarray(found.network(found.params, X)[1])[np.arange(150), y].sum() >= found.rank
    assert sets[np.arange(300), new_y].mean() > found.coverage_with(0.999) - 0.06
    assert np.asarray(found.network(found.params, np.full_like(new[:1], np.nan))[1]).all()  # nothing is left out
    found.network.save(tmp_path / "net.onnx", found.params)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    theirs = session.run(None, {session.get_inputs()[0].name: new})[1]
    assert (theirs != sets).sum() <= 1


def line():
    z = rs.input("x", (2,))
    net = rs.Network(z, rs.affine(z, 1, name="y"))
    return net, {"y.weight": np.array([[1.0], [0.0]], np.float32), "y.bias": np.zeros(1, np.float32)}


def grouped(n, seed):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random(n), np.arange(n) % 3]).astype(np.float32)
    return X, X[:, 0].astype(float) + rng.standard_normal(n) * (1 + X[:, 1])


def test_each_group_has_its_interval_as_in_crepes():
    net, params = line()
    X, y = grouped(300, 0)
    found = rs.conformal(net, params, (X, y), level=0.9, groups=1)
    assert sorted(found.groups) == [0, 1, 2]
    new, new_y = grouped(3000, 1)
    prediction, lower, upper = (np.asarray(v)[:, 0].astype(float) for v in found.network(found.params, new))
    predicted = np.asarray(net(params, X))[:, 0].astype(float)
    # crepes takes 1 - level in binary, and the next score where level * (rows + 1) is whole: here it is not
    crepes = ConformalRegressor().fit(y - predicted, bins=X[:, 1])
    theirs = crepes.predict_int(prediction, bins=new[:, 1], confidence=0.9)
    np.testing.assert_allclose(np.stack([lower, upper], 1), theirs, rtol=1e-5, atol=1e-5)
    for group, (guarantee, quantile) in found.groups.items():
        own = new[:, 1] == group
        assert guarantee.rows == (X[:, 1] == group).sum()
        low, high = guarantee.counts(int(own.sum()), 0.999)
        assert low <= ((lower <= new_y) & (new_y <= upper))[own].sum() <= high
        assert quantile == pytest.approx(guarantee.quantile(np.abs(y - predicted)[X[:, 1] == group]), rel=1e-6)
    strange = np.array([[0.5, 3], [0.5, 99], [0.5, -1], [0.5, 0.5], [0.5, 1.001], [0.5, -0.4]], np.float32)
    assert np.isinf(np.asarray(found.network(found.params, strange)[1])).all()


def test_each_class_is_covered_where_groups_are_the_classes(tmp_path):
    X, y, _ = rows(400, 6)
    found = rs.conformal(NET, PARAMS, (X, y), level=0.8, kind="classes", groups="class")
    new, new_y, _ = rows(4000, 7)
    inside = np.asarray(found.network(found.params, new)[1])[np.arange(4000), new_y]
    for k, (guarantee, _) in found.groups.items():
        low, high = guarantee.counts(int((new_y == k).sum()), 0.9999)
        assert low <= inside[new_y == k].sum() <= high
    few = y.copy()
    few[y == 4] = 3
    some = rs.conformal(NET, PARAMS, (X, few), level=0.8, kind="classes", groups="class")
    assert np.asarray(some.network(some.params, new)[1])[:, 4].all()  # nothing is known of it
    found.network.save(tmp_path / "net.safetensors", found.params)
    again, params = rs.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again(params, new[:9])[1], found.network(found.params, new[:9])[1])


@pytest.mark.parametrize("kind", ["absolute", "scaled", "quantiles"])
def test_the_ends_hold_the_exact_interval(kind):
    columns = 1 if kind == "absolute" else 2
    z = rs.input("x", (columns,))
    net = rs.Network(z, z * rs.parameter("y.scale", (1,), rs.initializers.ones))
    rng = np.random.default_rng(8)
    X = (rng.standard_normal((400, columns)) * np.exp(12 * rng.standard_normal((400, 1)))).astype(np.float32)
    X[:, -1] = np.abs(X[:, -1]) + 1e-20 if kind == "scaled" else X[:, -1]
    y = X[:, 0] * (1 + rng.standard_normal(400))
    found = rs.conformal(net, {"y.scale": np.ones(1, np.float32)}, (X[:199], y[:199]), kind=kind)
    outputs, lower, upper = (np.asarray(v) for v in found.network(found.params, X))
    q = Fraction(found.quantile)
    for (first, *rest), low, high in zip(outputs.tolist(), lower[:, 0].tolist(), upper[:, 0].tolist(), strict=True):
        width = q * Fraction(rest[0]) if kind == "scaled" else q
        if not np.isfinite([low, high]).all():
            continue
        assert Fraction(low) <= Fraction(first) - width
        assert Fraction(high) >= Fraction(rest[0] if kind == "quantiles" else first) + width


def test_coverage_has_its_law_on_a_thousand_splits():
    rng = np.random.default_rng(9)
    scores = rng.standard_normal((1000, 540)) ** 2
    guarantee = guarantee_of(0.9, 40)
    counts = [(s[40:] <= guarantee.quantile(s[:40])).sum() for s in scores]
    law = betabinom(500, guarantee.rank, 41 - guarantee.rank)
    randomized = law.cdf(np.array(counts) - 1) + rng.random(1000) * law.pmf(counts)
    assert kstest(randomized, "uniform").pvalue > 0.001
    low, high = guarantee.counts(500)
    assert np.mean([low <= c <= high for c in counts]) == pytest.approx(0.95, abs=0.025)


@pytest.mark.parametrize("kind", CLASS_KINDS)
def test_sets_cover_as_promised_over_all_samples_of_a_law_with_ties(kind):
    """Four kinds of rows, two alike and two with equal probabilities: every ordered sample, with its probability."""
    shares = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [0.2, 0.4, 0.4], [0.1, 0.9, 0.0]])
    label, chance = np.array([0, 1, 2, 1]), [Fraction(k, 8) for k in (3, 1, 2, 2)]
    how, promised = ClassScores(kind, penalty=0.1), guarantee_of(0.6, 4)
    own = set_scores(shares, how)[np.arange(4), label]
    covered, law = Fraction(0), {}
    for sample in itertools.product(range(4), repeat=4):
        rows = list(sample)
        inside = own <= promised.quantile(class_scores(shares[rows], label[rows], how))
        share = sum((c for c, held in zip(chance, inside, strict=True) if held), Fraction(0))
        weight = math.prod(chance[i] for i in rows)
        covered += weight * share
        law[share] = law.get(share, 0) + weight
    assert covered >= Fraction(promised.rank, promised.rows + 1)
    for share in law:  # less is covered no more often than the beta law says
        below = sum(weight for other, weight in law.items() if other < share)
        assert below <= beta.cdf(float(share), promised.rank, promised.rows + 1 - promised.rank) + 1e-12


def test_what_groups_refuse():
    net, params = line()
    X, y = grouped(60, 0)
    X[:, 1] = np.arange(60) < 4
    said = refused(rs.conformal, net, params, (X, y), groups=1)
    assert "4 calibration rows of group 1 are too few for a level of 0.9\n  fix: at least 9 rows" in said
    X[0, 1] = 0.5
    assert "whole numbers from 0" in refused(rs.conformal, net, params, (X, y), groups=1)
    assert "is no column of an input (2,)" in refused(rs.conformal, net, params, (X, y), groups=2)
    assert "fix: kind='classes'" in refused(rs.conformal, net, params, (X, y), groups="class")
    assert "penalty and free" in refused(rs.conformal, NET, PARAMS, rows(50, 0)[:2], kind="raps", penalty=-1.0)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_groups_that_half_precision_would_join_are_refused(kind):
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(x, 3, name="y"))
    params = {name: jnp.asarray(value, kind) for name, value in net.init(0).items()}
    apart = 2048 if kind == "float16" else 256
    X = np.column_stack([np.zeros(40), np.repeat([apart - 1.0, apart], 20)])
    y = np.arange(40) % 3
    said = refused(rs.conformal, net, params, (X, y), groups=1, kind="classes")
    assert f"there is a group {apart}, and {kind} does not tell" in said
    X[:, 1] -= 1  # from 0 to `apart` - 1, as the cure says
    found = rs.conformal(net, params, (X, y), groups=1, kind="classes")
    held = np.asarray(found.network(found.params, X)[-1])[np.arange(40), y].astype(bool)
    assert min(held[:20].sum(), held[20:].sum()) >= found.rank
