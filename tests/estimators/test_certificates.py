"""The bounds of an estimator are those of `theory` for its network, and hold on unseen rows."""

import numpy as np
import pytest

from reseau import NetworkClassifier, NetworkRegressor
from reseau.errors import DataError, GraphError
from reseau.theory import ShallowNetwork, binomial_upper

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (3000, 1))
Y = np.where(X[:, 0] > 0, "right", "left")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_one_hidden_layer_is_certified_from_the_sample():
    model = NetworkClassifier((4,), solver="lbfgs", random_state=0).fit(X, Y)
    unseen = RNG.uniform(-1, 1, (2000, 1))
    found = model.certify(X, Y, holdout=(unseen, np.where(unseen[:, 0] > 0, "right", "left")))
    f = ShallowNetwork.from_network(model.network_, model.params_)
    assert found.constants["D"] == pytest.approx(f.path_norm, rel=0.5)
    assert found.kind.startswith("path norm, margin")
    assert not found.vacuous
    errors = int(np.sum(model.predict(unseen) != np.where(unseen[:, 0] > 0, "right", "left")))
    assert found.holdout.bound == binomial_upper(errors, 2000, 0.05)


def test_three_classes_are_certified_too():
    y = np.digitize(X[:, 0], [-0.3, 0.3])
    model = NetworkClassifier((8,), solver="lbfgs", random_state=0).fit(X, y)
    assert model.certify(X, y).kind.startswith("path norm, multiclass margin")


def test_a_deeper_network_needs_unseen_rows():
    model = NetworkClassifier((4, 4), max_iter=5, random_state=0).fit(X, Y)
    with pytest.raises(DataError, match=r"second relu.*\n  fix: holdout="):
        model.certify(X, Y)
    found = model.certify(X, Y, holdout=(X[:500], Y[:500]), delta=0.01)
    wrong = int(np.sum(model.predict(X[:500]) != Y[:500]))
    assert (found.kind, found.bound) == ("hold-out", binomial_upper(wrong, 500, 0.01))


def test_numbers_are_certified_within_bounds_that_were_known():
    y = np.clip(2 * X[:, 0], -1, 1)
    model = NetworkRegressor((6,), solver="lbfgs", random_state=0).fit(X, y)
    found = model.certify(X, y, clip=1.0, target_bound=1.0)
    error = np.mean(0.5 * (np.clip(model.predict(X), -1, 1) - y) ** 2)
    assert found.empirical == pytest.approx(error, rel=1e-4, abs=1e-9)
    assert found.bound < found.largest
    with pytest.raises(GraphError, match="second relu"):
        NetworkRegressor((3, 3), max_iter=2).fit(X, y).certify(X, y, clip=1.0, target_bound=1.0)
