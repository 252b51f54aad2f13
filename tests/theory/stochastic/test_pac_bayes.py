"""The bound of a stochastic network: counted whole, saved and read, resumed to the same bits."""

import json

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

import reseau as rs
from reseau.errors import ModelFileError
from reseau.losses import CrossEntropy, SquaredError
from reseau.objective import Examples
from reseau.theory import PacBayes, StochasticNetwork, pac_bayes
from reseau.theory.stochastic.drawn_risk import drawn_losses, loss_of_row
from reseau.training.interruptions import Notes
from tools.refusals import refused

SETTINGS = {"epochs": 20, "batch": 32, "draws": 300, "progress": False}


def moons(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 2)).astype(np.float32)
    return X, (X[:, 0] ** 2 > X[:, 1]).astype(int)


@pytest.fixture(scope="module")
def classes():
    x = rs.input("x", (2,))
    return rs.Objective(rs.Network(x, rs.affine(rs.relu(rs.affine(x, 16)), 2, name="scores")), CrossEntropy())


@pytest.fixture(scope="module")
def found(classes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return pac_bayes(classes, moons(1000, 0), checkpoint=folder, holdout=moons(300, 1), **SETTINGS), folder


def test_the_certificate_counts_everything(found):
    picked, _ = found
    certificate = picked.certificate
    numbers = certificate.constants
    assert numbers["n"] == 500
    upper = certificate.empirical + certificate.concentration
    price = (numbers["KL"] + numbers["choices"] + np.log(2 * np.sqrt(500) / 0.045)) / 500
    formula = brentq(
        lambda p: upper * np.log(upper / p) + (1 - upper) * np.log((1 - upper) / (1 - p)) - price, upper, 1 - 1e-12
    )
    assert picked.bound == pytest.approx(formula, rel=1e-9)
    assert sum(certificate.delta_split.values()) == pytest.approx(0.05)
    assert upper + certificate.complexity == pytest.approx(picked.bound)
    assert certificate.holdout.constants["n"] == 300
    assert certificate.holdout.warnings == ()
    assert "stochastic network" in certificate.explain()
    assert json.loads(certificate.to_json())["kind"] == "PAC-Bayes"
    # on fresh rows it errs less often than promised
    X, y = moons(4000, 2)
    wrong = [np.asarray(picked.network(k, X)).argmax(1) != y for k in range(10)]
    assert np.mean(wrong) < picked.bound < 0.3


def test_the_same_call_goes_on_from_its_folder_to_the_same_bits(found, classes):
    picked, folder = found
    again = pac_bayes(classes, moons(1000, 0), checkpoint=folder, **SETTINGS)
    assert again.bound == picked.bound
    for name, value in picked.network.deviation.items():
        np.testing.assert_array_equal(again.network.deviation[name], value)


def interrupted_once(folder):
    """Ctrl-C, as a training hears it: once, as soon as there is a folder."""
    left = [True]
    return lambda _: folder.exists() and bool(left) and left.pop()


def test_a_call_that_is_interrupted_in_each_training_goes_on_to_the_same_bits(found, classes, tmp_path, monkeypatch):
    for stage in ("prior", "posterior"):
        with monkeypatch.context() as patch:
            patch.setattr(Notes, "__call__", interrupted_once(tmp_path / stage))
            with pytest.raises(KeyboardInterrupt):
                pac_bayes(classes, moons(1000, 0), checkpoint=tmp_path, **SETTINGS)
        assert (tmp_path / "posterior").exists() == (stage == "posterior")
    again = pac_bayes(classes, moons(1000, 0), checkpoint=tmp_path, **SETTINGS)
    assert again.bound == found[0].bound
    for name, value in found[0].network.deviation.items():
        np.testing.assert_array_equal(again.network.deviation[name], value)


def test_a_stochastic_network_is_saved_and_read(found, tmp_path):
    network = found[0].network
    network.save(tmp_path / "varied.safetensors")
    again = StochasticNetwork.load(tmp_path / "varied.safetensors")
    X, _ = moons(20, 3)
    np.testing.assert_array_equal(again(5, X), network(5, X))
    assert (np.asarray(again(5, X)) != np.asarray(again(6, X))).any()
    network.network.save(tmp_path / "fixed.safetensors", dict(network.mean))
    with pytest.raises(ModelFileError, match=r"fix: rs\.load"):
        StochasticNetwork.load(tmp_path / "fixed.safetensors")
    flat = {name: 0 * value for name, value in network.deviation.items()}
    assert "above 0" in refused(StochasticNetwork, network.network, network.mean, flat)


def test_draws_have_the_mean_and_deviation_that_are_named_and_the_loss_of_the_law():
    """One weight w ~ N(0.5, 1) and the scores (w x, 0): class 0 is chosen where w x > 0."""
    x = rs.input("x", (1,))
    net = rs.Network(x, rs.concatenate((rs.affine(x, 1, bias=False, name="w"), 0 * x)))
    weight = next(iter(net.graph.parameters))
    varied = StochasticNetwork(net, {weight: np.full((1, 1), 0.5, np.float32)}, {weight: np.ones((1, 1), np.float32)})
    drawn = np.array([float(varied.sample(k)[weight][0, 0]) for k in range(200)])
    assert abs(drawn.mean() - 0.5) < 4 / 200**0.5
    assert abs(drawn.std() - 1) < 4 / 400**0.5
    X = np.array([[1.0], [2.0], [-1.0]], np.float32)
    examples = Examples((X,), (np.array([0, 0, 0]),), np.ones(3))
    rate = loss_of_row(CrossEntropy(), None, None)
    exact = np.array([norm.cdf(-0.5), norm.cdf(-0.5), norm.cdf(0.5)])
    losses = drawn_losses(varied, examples, rate, 4000, 2, 0, in_turn=False)
    assert losses.shape == (4000,)
    assert set(np.unique(losses)) <= {0.0, 0.5, 1.0}
    assert abs(losses.mean() - exact.mean()) < 4 * losses.std() / 4000**0.5


@pytest.mark.slow
def test_numbers_within_a_distance_and_a_loss_that_is_cut():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (900, 4, 4, 1)).astype(np.float32)
    y = X.mean((1, 2, 3)) + 0.01 * rng.standard_normal(900).astype(np.float32)
    x = rs.input("x", (4, 4, 1))
    net = rs.Network(x, rs.affine(rs.dropout(rs.flatten(rs.relu(rs.conv(x, 4, 3))), 0.1), 1))
    objective = rs.Objective(net, SquaredError())
    near = pac_bayes(objective, (X, y), within=0.3, **SETTINGS)
    assert isinstance(near, PacBayes)
    assert near.bound < 0.3
    assert "off by more than 0.3" in near.certificate.quantity
    cut = pac_bayes(objective, (X, y), largest=2.0, prior=near.prior, **SETTINGS)
    assert cut.certificate.constants["n"] == 900
    assert cut.bound < cut.certificate.largest == 2.0


def test_what_is_refused(classes):
    data = moons(40, 0)
    assert "a smaller prior" in refused(pac_bayes, classes, data, prior=0.9)
    center = classes.network.init(0)
    assert "missing 'scores.bias'" in refused(
        pac_bayes, classes, data, prior={n: v for n, v in center.items() if n != "scores.bias"}
    )
    unsound = center | {"scores.bias": np.full(2, np.nan, np.float32)}
    assert "'scores.bias' has entries that are not finite" in refused(pac_bayes, classes, data, prior=unsound)
    assert "prior=1" in refused(pac_bayes, classes, data, prior=1)
    assert "price > 0" in refused(pac_bayes, classes, data, price=0.0)
    assert "within=1" in refused(pac_bayes, classes, data, within=1.0)
    assert "leave one" in refused(pac_bayes, classes, data, largest=1.0, holdout=data)
    x = rs.input("x", (2,))
    joined = rs.Objective(rs.Network(x, rs.affine(rs.batch_norm(x), 2)), CrossEntropy())
    assert "layer_norm" in refused(pac_bayes, joined, data)
    numbers = rs.Objective(rs.Network(x, rs.affine(x, 1)), SquaredError())
    assert "within=E" in refused(pac_bayes, numbers, data)


def test_hold_out_rows_that_were_trained_on_are_counted_in_a_warning(classes):
    X, y = moons(60, 0)
    quick = SETTINGS | {"epochs": 1, "draws": 64}
    found = pac_bayes(classes, (X, y), holdout=(X[50:], np.r_[y[50:57], 1 - y[57:]]), **quick)
    assert found.certificate.holdout.warnings == ("7 of the 10 hold-out rows are also in the data",)
    assert "above 0 and finite" in refused(pac_bayes, classes, (X, y), largest=np.inf)


def test_a_sum_of_losses_that_is_whole_by_chance_is_rounded_up(classes):
    X, y = moons(4, 0)
    net = classes.network
    varied = StochasticNetwork(net, net.init(0), {name: np.full(v.shape, 1e-3) for name, v in net.init(0).items()})
    data = Examples((X,), (y,), np.ones(4))
    halves = drawn_losses(varied, data, lambda scores, target: 0 * scores[:, 0] + 0.5, 3, 4, 0, in_turn=False)
    counts = drawn_losses(varied, data, lambda scores, target: 0 * scores[:, 0] + 1.0, 3, 4, 0, in_turn=False)
    assert (halves > 0.5).all()
    assert (counts == 1).all()
