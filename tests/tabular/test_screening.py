"""Of more columns than rows each member reads the features that say most about the target on its own rows."""

import numpy as np
import pytest
from sklearn.feature_selection import f_classif, f_regression

import reseau as rs
from reseau.tabular import TableSettings, fit_table
from reseau.tabular.ensemble import member_network
from reseau.tabular.screening import CHOSEN, shares_explained

onnxruntime = pytest.importorskip("onnxruntime")

QUICK = TableSettings(members=2, epochs=30, held_out=1 / 3, batch=64, hidden=(16,), rate=0.1)


@pytest.mark.parametrize("classes", [0, 2, 5])
def test_shares_explained_are_those_of_the_f_tests_of_scikit_learn(classes):
    rng = np.random.default_rng(classes)
    X, n = rng.standard_normal((60, 9)) * 10.0 ** np.arange(9), 60
    y = rng.integers(0, classes, n) if classes else rng.standard_normal(n)
    X[:, 3] += 1e3 * y
    F = f_classif(X, y)[0] if classes else f_regression(X, y)[0]
    between = max(classes - 1, 1)
    share = F * between / (F * between + n - 1 - between)
    found = shares_explained(X, np.eye(classes)[y] if classes else y[:, None])
    np.testing.assert_allclose(found, share, rtol=1e-9)
    assert found.argmax() == 3


@pytest.fixture(scope="module")
def wide():
    """80 rows of 300 numbers, of which three decide."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((380, 300)).astype("f4")
    y = np.where(X[:, 3] + X[:, 100] - X[:, 77] > 0, "up", "down")
    table = rs.data.from_arrays(X[:80], y[:80]).fitted()
    return table, fit_table(table, settings=QUICK, progress=False), X[80:], y[80:]


def test_a_table_with_more_columns_than_rows_is_learned_from(wide):
    table, found, X, y = wide
    scores = np.asarray(found.network(found.params, X))
    assert np.mean(np.array(table.classes)[scores.argmax(1)] == y) > 0.7  # of all columns: 0.55
    assert found.network.graph.states.keys() >= {f"member{i} {CHOSEN}" for i in (1, 2)}
    chosen = [set(np.asarray(found.params[f"member{i} {CHOSEN}"]).tolist()) for i in (1, 2)]
    assert all(len(places) == 40 for places in chosen)
    assert chosen[0] != chosen[1]


def test_what_was_chosen_is_saved_and_exported(wide, tmp_path):
    _, found, X, _ = wide
    wanted = np.asarray(found.network(found.params, X[:20]))
    for name in ("kept.safetensors", "kept.onnx"):
        found.network.save(tmp_path / name, found.params)
        net, params = rs.load(tmp_path / name)
        np.testing.assert_allclose(net(params, X[:20]), wanted, rtol=2e-5, atol=2e-6)
    session = onnxruntime.InferenceSession(tmp_path / "kept.onnx")
    outputs = session.run(None, {session.get_inputs()[0].name: X[:20]})[0]
    np.testing.assert_allclose(outputs, wanted, rtol=2e-5, atol=2e-6)


def test_as_many_columns_as_rows_are_all_read():
    X = np.random.default_rng(0).standard_normal((60, 61))
    for columns, chosen in ((60, 0), (61, 1)):
        recipe = rs.data.from_arrays(X[:, :columns], X[:, 0]).fitted().recipe
        states = member_network(recipe, X[:, :columns], QUICK).graph.states
        assert sum(name == CHOSEN for name in states) == chosen
