"""`reseau certify`: what it bounds, what it says of the data, and what it refuses."""

import re

import numpy as np
import pytest
from scipy.stats import beta

from reseau.theory import sequential_upper

TRAINING = ("--epochs", "3", "--l2", "0.01", "--target", "y")


def table(path, n, seed, *, classes=("p", "q"), blank=False, unit=1.0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 2))
    x[:, 0] += np.sign(x[:, 0]) * 0.5
    rows = [f"{a * unit:.5f},{b * unit:.5f},{classes[int(a < 0)]}\n" for a, b in x]
    if blank:
        rows[3] = rows[3].replace(rows[3].split(",")[1], "", 1)
    path.write_text("a,b,y\n" + "".join(rows))


@pytest.fixture
def tables(tmp_path):
    table(tmp_path / "seen.csv", 4000, 0)
    table(tmp_path / "unseen.csv", 1000, 1)


def rate(out, what):
    return float(re.search(rf"{what} at most ([0-9.e-]+)", out)[1].rstrip("."))


@pytest.mark.parametrize("loss", ["cross-entropy", "logistic"])
@pytest.mark.usefixtures("tables")
def test_one_hidden_layer_has_both_bounds(reseau, loss):
    assert reseau("train", "seen.csv", *TRAINING, "--hidden", "8", "--loss", loss, "--out", "run").status == 0
    told = reseau("certify", "run", "seen.csv", "--holdout", "unseen.csv", "--delta", "0.1")
    assert told.status == 0, told.err
    assert "With probability at least 0.9" in told.out
    bound, beside = rate(told.out, "the error rate is"), rate(told.out, "hold-out:")
    assert 0 < beside < bound < 1  # not vacuous, and the hold-out bound wins
    errors = int(re.search(r"accuracy: .*\((\d+) of 1000\)", reseau("evaluate", "run", "unseen.csv").out)[1])
    assert beside == pytest.approx(beta.ppf(0.9, 1000 - errors + 1, errors), rel=1e-4)
    assert "The standardization was fitted on rows of seen.csv. It is folded into the weights" in told.out
    assert "NOT A CERTIFICATE" not in told.out
    always = reseau("certify", "run", "seen.csv", "--holdout", "unseen.csv", "--delta", "0.1", "--sequential")
    assert rate(always.out, "hold-out, at all times:") == pytest.approx(
        sequential_upper(1000 - errors, 1000, 0.1), rel=1e-5
    )
    refused = reseau("certify", "run", "seen.csv", "--sequential")
    assert refused.status == 2
    assert "fix: --holdout DATA" in refused.err


def test_the_unit_of_the_features_hardly_matters(reseau, tmp_path):
    bounds = []
    for unit in (1.0, 1e3):
        table(tmp_path / "t.csv", 4000, 0, unit=unit)
        assert reseau("train", "t.csv", *TRAINING, "--hidden", "8", "--out", "run", "--force").status == 0
        bounds.append(rate(reseau("certify", "run", "t.csv").out, "the error rate is"))
    assert bounds[1] == pytest.approx(bounds[0], abs=0.02)
    assert max(bounds) < 1  # neither is vacuous


@pytest.mark.usefixtures("tables")
def test_deeper_networks_have_the_hold_out_bound_and_the_reason(reseau):
    assert reseau("train", "seen.csv", *TRAINING, "--hidden", "8,8", "--out", "run").status == 0
    told = reseau("certify", "run", "seen.csv", "--holdout", "unseen.csv")
    assert told.status == 0, told.err
    assert "No certificate from the training sample" in told.out
    assert "'hidden2 relu' is a second relu" in told.out
    errors = int(re.search(r"errors +(\d+)", told.out)[1])
    assert rate(told.out, "the error rate is") == pytest.approx(beta.ppf(0.95, errors + 1, 1000 - errors), rel=1e-4)
    # DATA itself serves where it is not what the network was trained on
    assert rate(reseau("certify", "run", "unseen.csv").out, "the error rate is") == rate(told.out, "the error rate is")
    # and so do the rows of the training file that were held out of training
    own = reseau("certify", "run", "seen.csv").out
    assert re.search(r"seen.csv: (\d+) of (\d+) of these rows were trained on; they are left out", own)
    kept_out = int(re.search(r" n +(\d+)\n", own)[1])
    errors = int(re.search(r"errors +(\d+)", own)[1])
    assert rate(own, "the error rate is") == pytest.approx(beta.ppf(0.95, errors + 1, kept_out - errors), rel=1e-4)


@pytest.mark.usefixtures("tables")
def test_the_training_file_as_the_hold_out_set_is_cut_in_two(reseau):
    trained = reseau("train", "seen.csv", *TRAINING, "--hidden", "8", "--out", "run")
    used = sum(
        map(int, re.search(r"seen.csv: (\d+) rows to train on(?:, (\d+) for validation)?", trained.out).groups("0"))
    )
    told = reseau("certify", "run", "seen.csv", "--holdout", "seen.csv")
    assert told.status == 0, told.err
    assert f"seen.csv: {used} of 4000 of these rows were trained on; they are left out" in told.out
    assert f"seen.csv: {used} examples, {4000 - used} kept out\n" in told.out
    assert "also in the sample" not in told.out
    apart = reseau("certify", "run", "unseen.csv", "--holdout", "unseen.csv")  # no row of it was trained on
    assert "unseen.csv: 1000 examples, 1000 kept out\n" in apart.out
    assert "1000 of the 1000 hold-out inputs are also in the sample" in apart.out


def test_texts_and_blanks_leave_the_hold_out_bound_and_the_reason(reseau, tmp_path):
    table(tmp_path / "seen.csv", 1000, 0, blank=True)
    table(tmp_path / "fresh.csv", 1000, 1)
    told = reseau("train", "seen.csv", *TRAINING, "--hidden", "4", "--missing", "impute", "--out", "run")
    assert told.status == 0, told.err
    own = reseau("certify", "run", "seen.csv").out
    assert "features of texts and blanks are no affine function of the columns" in own
    assert "were read off seen.csv" in own
    assert "800 of 1000 of these rows were trained on" in own
    assert "    - the prediction of every row of seen.csv that the run was not trained on\n" in own
    fresh = reseau("certify", "run", "fresh.csv").out
    assert "    - the prediction of every row of fresh.csv\n" in fresh
    assert "No certificate from the training sample: features of texts and blanks are no affine function" in fresh
    errors = int(re.search(r"errors +(\d+)", fresh)[1])
    assert rate(fresh, "the error rate is") == pytest.approx(beta.ppf(0.95, errors + 1, 1000 - errors), rel=1e-4)


def test_several_classes_of_images(reseau, tmp_path):
    digits = np.load(save_digits(tmp_path))
    assert digits["x_train"].shape == (1500, 64)
    trained = reseau("train", "digits.npz", "--epochs", "3", "--hidden", "16", "--out", "run")
    assert trained.status == 0, trained.err
    told = reseau("certify", "run", "digits.npz")
    assert told.status == 0, told.err
    assert told.out.startswith("digits.npz: 1500 examples, 297 kept out\nVACUOUS: ")
    assert "multiclass margin" in told.out
    right = int(re.search(r"accuracy: .*\((\d+) of 297\)", reseau("evaluate", "run", "digits.npz").out)[1])
    assert rate(told.out, "hold-out:") == pytest.approx(beta.ppf(0.95, 297 - right + 1, right), rel=1e-4)


def save_digits(folder):
    from reseau.data import digits

    table = digits()
    X, y = table.features.reshape(len(table), -1), table.target
    np.savez(folder / "digits.npz", x_train=X[:1500], y_train=y[:1500], x_test=X[1500:], y_test=y[1500:])
    return folder / "digits.npz"


def test_a_number_is_certified_within_a_distance(reseau, tmp_path):
    rng = np.random.default_rng(0)
    for name, n in (("seen", 400), ("unseen", 300)):
        x = rng.uniform(-1, 1, n)
        rows = "".join(f"{a:.5f},{2 * a + e:.5f}\n" for a, e in zip(x, rng.normal(0, 0.1, n), strict=True))
        (tmp_path / f"{name}.csv").write_text("x,y\n" + rows)
    assert reseau("train", "seen.csv", "--epochs", "30", "--target", "y", "--out", "run").status == 0
    told = reseau("certify", "run", "seen.csv", "--holdout", "unseen.csv", "--within", "0.15").out
    predicted = np.array(reseau("predict", "run", "unseen.csv").out.split()[2:], float)
    target = np.loadtxt(tmp_path / "unseen.csv", delimiter=",", skiprows=1)[:, 1]
    errors = int(np.sum(np.abs(predicted - target) > 0.15))
    assert 0 < errors < 150
    assert re.search(rf"\[hold-out\].*errors +{errors}\n", told, re.DOTALL)
    bound = rate(told, "the share of predictions off by more than 0.15 is")
    assert bound == pytest.approx(beta.ppf(0.95, errors + 1, 300 - errors), rel=1e-4)
    always = reseau("certify", "run", "seen.csv", "--holdout", "unseen.csv", "--within", "0.15", "--sequential").out
    assert re.search(rf"\[hold-out, at all times\].*errors +{errors}\n", always, re.DOTALL)
    wider = rate(always, "the share of predictions off by more than 0.15 is")
    assert wider == pytest.approx(sequential_upper(errors, 300), rel=1e-5)


def test_bad_input(reseau, tmp_path):
    table(tmp_path / "seen.csv", 200, 0)
    table(tmp_path / "numbers.csv", 200, 0, classes=("0.37", "1.91"))
    assert reseau("train", "seen.csv", *TRAINING, "--hidden", "4", "--out", "run").status == 0
    numbers = ("--task", "regression", "--out", "line")
    assert reseau("train", "numbers.csv", *TRAINING, "--hidden", "4", *numbers).status == 0
    for words, said in [
        (("certify", "run"), "neither DATA nor --dataset is given"),
        (("certify", "absent", "seen.csv"), "absent: there is no such folder or file"),
        (("certify", "run", "absent.csv"), "absent.csv: there is no such file or folder"),
        (("certify", "run", "seen.csv", "--holdout", "absent.csv"), "absent.csv: there is no such file or folder"),
        (("certify", "run", "seen.csv", "--delta", "0"), "'0' is not a probability"),
        (("certify", "line", "numbers.csv"), "it predicts a number"),
        (("certify", "run", "seen.csv", "--within", "1"), "it predicts classes\n  fix: leave --within out"),
    ]:
        told = reseau(*words)
        assert (told.status, told.out) == (2, "")
        assert said in told.err
        assert "\n  fix: " in told.err
