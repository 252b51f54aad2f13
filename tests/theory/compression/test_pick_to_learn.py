"""Picking rows to learn from: deterministic, resumed to the same bits, and right on all that does not count."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

import reseau as rs
from reseau.errors import ModelFileError
from reseau.optimizers import Adam
from reseau.theory import binomial_upper, compression_bound, pick_to_learn
from tools.refusals import refused


def classifier(inputs, widths, classes):
    x = h = rs.input("x", (inputs,))
    for width in widths:
        h = rs.relu(rs.affine(h, width))
    return rs.Objective(rs.Network(x, rs.affine(h, classes)), rs.losses.CrossEntropy())


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (260, 2)).astype(np.float32)
    return classifier(2, (8,), 2), X, (X[:, 0] ** 2 > X[:, 1]).astype(int)


SETTINGS = {"steps": 60, "batch": 16, "optimizer": Adam(0.02), "growth": 0.2}


class Interrupted(Exception):
    pass


def test_all_rows_that_do_not_count_are_right_and_a_stopped_call_goes_on_to_the_same_bits(rows, tmp_path):
    objective, X, y = rows
    found = pick_to_learn(objective, X[:200], y[:200], before=(X[200:], y[200:]), **SETTINGS)
    right = np.asarray(objective.network(found.params, X[:200])).argmax(1) == y[:200]
    counted = {*found.kept, *found.left}
    assert right[[i for i in range(200) if i not in counted]].all()
    assert len(found.kept) == len(set(found.kept)) < 100
    assert found.bound == compression_bound(len(counted), 200)
    assert "pick-to-learn" in found.certificate.explain()
    assert found.certificate.warnings == ()
    assert json.loads(found.certificate.to_json())["constants"]["k"] == len(counted)

    def stop(now):
        if now.kept >= 3:
            raise Interrupted

    path = tmp_path / "picked.safetensors"
    with pytest.raises(Interrupted):
        pick_to_learn(objective, X[:200], y[:200], before=(X[200:], y[200:]), path=path, progress=stop, **SETTINGS)
    rounds = []
    again = pick_to_learn(
        objective, X[:200], y[:200], before=(X[200:], y[200:]), path=path, progress=rounds.append, **SETTINGS
    )
    assert rounds[0].kept >= 3
    assert again.kept == found.kept
    for name, value in found.params.items():
        np.testing.assert_array_equal(again.params[name], value)
    assert "other rows or settings" in refused(pick_to_learn, objective, X, y, path=path, **SETTINGS)
    path.write_bytes(b"torn")
    with pytest.raises(ModelFileError, match="another path"):
        pick_to_learn(objective, X, y, path=path, **SETTINGS)


def test_rows_left_wrong_count(rows):
    objective, X, y = rows
    found = pick_to_learn(objective, X[:200], y[:200], most=4, **SETTINGS)
    assert len(found.kept) >= 4
    wrong = np.asarray(objective.network(found.params, X[:200])).argmax(1) != y[:200]
    assert set(np.flatnonzero(wrong)) <= {*found.kept, *found.left}
    assert found.bound == compression_bound(len(found.kept) + len(found.left), 200)


def test_a_number_is_right_within_a_distance():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (150, 1)).astype(np.float32)
    y = 2 * X[:, 0] + rng.uniform(-0.1, 0.1, 150).astype(np.float32)
    x = rs.input("x", (1,))
    objective = rs.Objective(rs.Network(x, rs.affine(x, 1)), rs.losses.SquaredError())
    found = pick_to_learn(objective, X, y, within=0.2, steps=200, optimizer=Adam(0.02))
    far = np.abs(np.asarray(objective.network(found.params, X))[:, 0] - y)
    assert (far[[i for i in range(150) if i not in {*found.kept, *found.left}]] <= 0.2).all()
    assert found.bound < 0.2
    assert "off by more than 0.2" in found.certificate.quantity
    assert "within=E" in refused(pick_to_learn, objective, X, y)


def test_what_is_refused(rows):
    objective, X, y = rows
    assert "within=1" in refused(pick_to_learn, objective, X, y, within=1)
    assert "growth=2" in refused(pick_to_learn, objective, X, y, growth=2)
    assert "missing" in refused(pick_to_learn, objective, X, y, params={})
    assert "most=300" in refused(pick_to_learn, objective, X, y, most=300)
    x = rs.input("x", (2,))
    dropped = rs.Objective(rs.Network(x, rs.affine(rs.dropout(x, 0.5), 2)), rs.losses.CrossEntropy())
    assert "layer_norm" in refused(pick_to_learn, dropped, X, y)


@pytest.mark.slow
def test_digits_have_a_bound_below_a_tenth_with_every_row_trained_on():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = (X[order] / 16).astype(np.float32), y[order]
    objective = classifier(64, (128,), 10)
    found = pick_to_learn(objective, X, y, steps=200, batch=64, optimizer=Adam(0.002))
    assert found.bound <= 0.1
    wrong = np.asarray(objective.network(found.params, X)).argmax(1) != y
    assert set(np.flatnonzero(wrong)) <= set(found.kept)


@pytest.mark.slow
def test_iris_has_a_smaller_bound_in_the_mean_than_a_quarter_of_its_rows_would_give():
    """The settings were chosen on the orders of seeds 0 to 11; these are others."""
    X, y = load_iris(return_X_y=True)
    quarter, first = len(X) // 4, 30
    objective = classifier(4, (), 3)
    bounds = []
    for seed in range(100, 120):
        order = np.random.default_rng(seed).permutation(len(X))
        rows, classes = X[order], y[order]
        rows = ((rows - rows[:first].mean(0)) / rows[:first].std(0)).astype(np.float32)
        picked = pick_to_learn(
            objective,
            rows[first:],
            classes[first:],
            before=(rows[:first], classes[:first]),
            batch=16,
            growth=0.0,
            seed=seed,
        )
        known = (rows[:-quarter], classes[:-quarter])
        fitted = rs.fit(
            objective,
            known,
            optimizer=Adam(0.003),
            batches=rs.batches.WithReplacement(16),
            steps=1500,
            seed=seed,
            progress=False,
        )
        wrong = np.asarray(objective.network(fitted.params, rows[-quarter:])).argmax(1) != classes[-quarter:]
        bounds.append((picked.bound, binomial_upper(int(wrong.sum()), quarter)))
    ours, theirs = np.mean(bounds, axis=0)
    assert ours < theirs


def test_rows_that_were_known_before_are_counted_in_a_warning(rows):
    objective, X, y = rows
    found = pick_to_learn(objective, X[:200], y[:200], before=(X[190:], y[190:]), most=0, **SETTINGS)
    assert found.certificate.warnings == ("10 of the 200 rows are among those given as `before` too",)
    assert "10 of the 200 rows" in found.certificate.explain()
    turned = pick_to_learn(objective, X[:200], y[:200], before=(X[190:], 1 - y[190:]), most=0, **SETTINGS)
    assert turned.certificate.warnings == ()
