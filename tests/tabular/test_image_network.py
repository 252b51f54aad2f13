"""The default for images: what it chooses by their size, what it learns beside scikit-learn, that it is one network."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

import reseau as rs
from reseau.errors import DataError
from reseau.ops import AveragePool, Conv
from reseau.tabular import TableSettings, fit_table
from reseau.tabular.image_network import image_network, settings_of_images

onnxruntime = pytest.importorskip("onnxruntime")

QUICK = TableSettings(
    *(2, 24, 0.2, 32, (64,)), dropout=0.3, rate=0.004, decay=0.01, smoothing=0.03, fitted_start=False, filters=(16,)
)


@pytest.fixture(scope="module")
def digits():
    """600 of the digits to learn from, and 300 others."""
    all_of_them = rs.data.digits()
    order = np.random.default_rng(0).permutation(len(all_of_them))
    return all_of_them.rows(order[:600]), all_of_them.rows(order[600:900])


@pytest.fixture(scope="module")
def found(digits):
    return fit_table(digits[0], settings=QUICK, progress=False)


def test_digits_are_learned_better_than_by_what_sees_no_neighbors(digits, found):
    train, fresh = digits
    right = (np.asarray(found.network(found.params, fresh.features)).argmax(1) == fresh.target).mean()
    flat = [part.features.reshape(len(part), -1) / 16 for part in digits]
    forest = RandomForestClassifier(random_state=0).fit(flat[0], train.target).score(flat[1], fresh.target)
    perceptron = MLPClassifier((64,), max_iter=500, early_stopping=True, random_state=0).fit(flat[0], train.target)
    assert right >= max(forest, perceptron.score(flat[1], fresh.target), 0.97)
    assert found.settings.members == 2


def test_the_members_are_one_network_that_onnxruntime_runs(digits, found, tmp_path):
    found.network.save(tmp_path / "digits.onnx", found.params)
    session = onnxruntime.InferenceSession(tmp_path / "digits.onnx")
    images = digits[1].features[:20].astype(np.float32)
    assert [output.name for output in session.get_outputs()] == ["scores"]
    scores = session.run(["scores"], {session.get_inputs()[0].name: images})[0]
    np.testing.assert_allclose(scores, found.network(found.params, images), atol=1e-4)


def test_a_number_is_learned_from_images():
    rng = np.random.default_rng(0)
    places = rng.integers(0, 8, 400)
    X = rng.uniform(0, 30, (400, 10, 8, 1)).astype(np.uint8)
    X[np.arange(400), :, places, 0] = 200
    table = rs.data.Table(X, 100.0 + 3 * places, rs.data.Recipe((10, 8, 1), "where"))
    found = fit_table(table.rows(np.arange(300)), settings=QUICK, progress=False)
    predicted = np.asarray(found.network(found.params, X[300:]))[:, 0]
    assert 1 - np.mean((predicted - table.target[300:]) ** 2) / table.target[300:].var() > 0.9


@pytest.mark.parametrize(
    ("shape", "rows", "filters", "read"),
    [
        ((8, 8, 1), 1_400, (32,), (8, 8)),
        ((28, 28, 1), 2_000, (32, 64), (28, 28)),
        ((28, 28, 1), 60_000, (16, 32), (28, 28)),
        ((64, 48, 3), 300, (32, 64, 128), (64, 48)),
        ((224, 150, 3), 300, (32, 64, 128), (56, 75)),
        ((1, 40, 1), 300, (32,), (1, 40)),
    ],
)
def test_filters_follow_from_the_size_of_the_images_and_their_number(shape, rows, filters, read):
    recipe = rs.data.Recipe(shape, "kind", ("a", "b"))
    X = np.broadcast_to(np.uint8(255), (rows, *shape))
    chosen = settings_of_images(recipe, X)
    assert chosen.filters == filters
    network = image_network(recipe, X[:1], chosen)
    first = next(node for node in network.graph.nodes if isinstance(node.op, Conv))
    assert first.parents[0].shape[1:3] == read
    assert any(isinstance(node.op, AveragePool) for node in network.graph.nodes) == (read != shape[:2])


def test_more_time_is_used_and_less_is_kept_to():
    recipe, X = rs.data.Recipe((28, 28, 1), "kind", ("a", "b")), np.broadcast_to(np.uint8(255), (60_000, 28, 28, 1))
    settings = [settings_of_images(recipe, X, seconds) for seconds in (10, 60, 600)]
    assert [s.filters[0] for s in settings] == [8, 16, 32]
    assert settings[0].epochs < 10


def test_a_search_is_for_tables(digits):
    with pytest.raises(DataError, match=r"these are images\n  fix: rs\.tabular\.fit_table"):
        rs.tabular.tune(digits[0], seconds=1)
