"""`reseau train --cv`: folds that hold each row once, one compilation, runs that go on, mean and spread."""

import json
import re
import statistics
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score

from reseau.cli import cross_validate as module
from reseau.cli.report import spread_over
from reseau.data.splits import folds
from tools.refusals import refused


@pytest.fixture
def table(own_folder):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 2)).round(4)
    y = (X @ [2.0, -1.0] + 0.3 * rng.standard_normal(200)).round(4)
    Path("t.csv").write_text("a,b,y\n" + "".join(f"{a},{b},{c}\n" for (a, b), c in zip(X, y, strict=True)))
    return X, y


def test_folds_hold_every_row_once_and_spread_the_classes():
    for n, k, classes in [(10, 3, None), (50, 5, np.arange(50) % 3), (7, 7, None), (23, 2, np.arange(23) < 3)]:
        parts = folds(n, k, 1, classes)
        assert sorted(np.concatenate(parts).tolist()) == list(range(n))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        if classes is not None:
            for c in set(classes.tolist()):
                counts = [int((classes[part] == c).sum()) for part in parts]
                assert max(counts) - min(counts) <= 1
    assert "cannot be split in 4 parts" in refused(folds, 3, 4, 0)


def test_mean_and_spread_are_those_of_the_folds_and_one_program_serves_them_all(reseau, table, monkeypatch):
    X, y = table
    objectives = []
    whole = module.cross_validate

    def watched(arguments, parts, name, partial, train):
        def kept(*given):
            run = train(*given)
            objectives.append(run.objective)
            return run

        return whole(arguments, parts, name, partial, kept)

    monkeypatch.setattr("reseau.cli.train.cross_validate", watched)
    words = ("train", "t.csv", "--target", "y", "--hidden", "0", "--cv", "4", "--epochs", "60", "--validation", "0")
    out = reseau(*words, "--learning-rate", "0.01").out
    assert len({id(o) for o in objectives}) == 1
    (program,) = objectives[0].programs.made.values()
    assert len(program.many.programs.made) + len(getattr(program.kernel, "made", ())) <= 2  # 150 rows in each fold
    facts = json.loads(Path("t-run/report.json").read_text())
    found = [fold["R²"] for fold in facts["folds"]]
    theirs = cross_val_score(Ridge(1e-3), X, y, cv=KFold(4, shuffle=True, random_state=0))
    assert np.mean(found) == pytest.approx(theirs.mean(), abs=0.02)
    assert f"cross-validated R²: {np.mean(found):.4g} ± {np.std(found, ddof=1):.2g}" in out
    assert out.count("\nfold ") == 4
    assert facts["rows"] == {"training": 200, "test": 0}
    assert f"| R² | {np.mean(found):.4g} | ± {np.std(found, ddof=1):.2g} |" in Path("t-run/report.md").read_text()
    linear = [fold["linear model"]["R²"] for fold in facts["folds of simple models"]]
    assert linear == pytest.approx(theirs, abs=0.01)
    assert re.search(r"simple models on the same folds \(RMSE\): mean of the target [\d.]+ ± ", out)
    report = Path("t-run/report.md").read_text()
    assert re.search(r"\| linear model \| [\d.]+ ± [\d.]+ \|", report)
    assert reseau("report", "t-run").status == 0
    assert Path("t-run/report.md").read_text() == report


def test_an_interrupted_cross_validation_goes_on_to_the_same_numbers(reseau, table, monkeypatch):
    words = ("train", "t.csv", "--target", "y", "--hidden", "3", "--cv", "3", "--epochs", "10")
    assert reseau(*words, "--out", "whole").status == 0
    parts_of, calls = module.parts_of, []

    def stop(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return parts_of(*given)

    with monkeypatch.context() as patch:
        patch.setattr(module, "parts_of", stop)
        assert reseau(*words, "--out", "cut").status == 130
    assert not Path("cut").exists()
    assert sorted(p.name for p in Path("cut.partial/checkpoints").iterdir()) == ["fold-1", "fold-2"]
    assert reseau("train", "--resume", "cut").status == 0
    whole, cut = (json.loads(Path(name, "report.json").read_text())["folds"] for name in ("whole", "cut"))
    assert whole == cut
    assert Path("whole/model.safetensors").read_bytes() == Path("cut/model.safetensors").read_bytes()
    assert not Path("cut.partial").exists()


def test_a_test_part_that_is_asked_for_stays_apart(reseau, table):
    out = reseau("train", "t.csv", "--target", "y", "--hidden", "0", "--cv", "2", "--epochs", "2", "--test", "0.1").out
    assert "test RMSE" in out
    assert "cross-validated RMSE" in out
    assert "fix: " in reseau("train", "t.csv", "--target", "y", "--cv", "1").err
    assert (
        "180 rows cannot" in reseau("train", "t.csv", "--target", "y", "--cv", "999", "--test", "0.1", "--out", "o").err
    )


def test_folds_that_are_equal_have_no_spread_and_others_that_of_their_sample():
    found = spread_over([{"same": 0.35, "other": value} for value in (0.1, 0.4, 0.6)])
    assert found["same"] == (pytest.approx(0.35), 0.0)
    assert found["other"] == pytest.approx((statistics.mean([0.1, 0.4, 0.6]), statistics.stdev([0.1, 0.4, 0.6])))
