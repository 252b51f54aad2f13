"""Measures against scikit-learn, against hand-counted tables, and where a class is missing."""

import numpy as np
import pytest
from sklearn import metrics

from reseau.report.measures import calibration_of, measure_classes, measure_numbers


def drawn(classes, n=500, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((n, classes))
    target = (scores + rng.standard_normal((n, classes))).argmax(axis=1)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return target, shares


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_measures_are_scikit_learns(classes):
    target, shares = drawn(classes)
    chosen = shares.argmax(axis=1)
    found = measure_classes(target, chosen, shares, tuple("abcdefg"[:classes]))
    assert found.values["accuracy"] == metrics.accuracy_score(target, chosen)
    assert found.values["balanced accuracy"] == pytest.approx(metrics.balanced_accuracy_score(target, chosen))
    assert found.values["F1, mean of the classes"] == pytest.approx(metrics.f1_score(target, chosen, average="macro"))
    assert found.values["log loss"] == pytest.approx(metrics.log_loss(target, shares))
    if classes == 2:
        assert found.values["AUC"] == pytest.approx(metrics.roc_auc_score(target, shares[:, 1]))
    else:
        auc = metrics.roc_auc_score(target, shares, multi_class="ovr")
        assert found.values["AUC, mean of the classes"] == pytest.approx(auc)


def test_a_rare_class_stands_in_the_headline():
    target = np.array([0] * 990 + [1] * 10)
    chosen = np.array([0] * 985 + [1] * 5 + [1] * 4 + [0] * 6)
    lines = dict(measure_classes(target, chosen, None, ("no", "fraud")).lines)
    assert list(lines)[:3] == ["rows of fraud", "recall of fraud", "precision of fraud"]
    assert lines["rows of fraud"] == "10 of 1000 (1.00 %)"
    assert lines["recall of fraud"] == "40.00 % (4 of 10 found)"
    assert lines["precision of fraud"] == "44.44 % (4 of the 9 called so)"


@pytest.mark.parametrize(("target", "chosen"), [([0, 0, 0], [0, 0, 0]), ([2, 2], [1, 2]), ([0], [1])])
def test_classes_without_rows_are_no_error(target, chosen):
    shares = np.full((len(target), 3), 1 / 3)
    found = measure_classes(np.array(target), np.array(chosen), shares, ("a", "b", "c"))
    assert all(np.isfinite(v) for v in found.values.values())
    assert "nan" not in str(found.lines)


def test_a_calibrated_model_has_no_calibration_error_and_an_overconfident_one_has():
    rng = np.random.default_rng(1)
    said = rng.uniform(0.5, 1, 200_000)
    assert calibration_of(said, rng.random(200_000) < said).error < 0.01
    assert calibration_of(np.full(1000, 0.99), rng.random(1000) < 0.7).error == pytest.approx(0.29, abs=0.05)


def test_numbers_are_measured_in_the_unit_of_the_target():
    target, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    found = measure_numbers(target, predicted)
    assert found.values["RMSE"] == pytest.approx(np.sqrt((0.25 + 1) / 3))
    assert found.values["MAE"] == 0.5
    assert found.values["R²"] == pytest.approx(metrics.r2_score(target, predicted))
    assert "R²" not in measure_numbers(np.ones(3), predicted).values
