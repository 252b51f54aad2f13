"""What the folder of a run is good for: intervals, decisions, the report again, and lines that run where they stand."""

import csv
import io
import json
import os
import re
import shutil
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    mean_absolute_error,
    precision_recall_curve,
    r2_score,
    roc_curve,
)

from reseau.cli import main
from reseau.cli.promise import rounded_outward
from reseau.cli.threshold import RULES, best_threshold


def rows(n, seed):
    rng = np.random.default_rng(seed)
    size, town = rng.uniform(1, 9, n), rng.choice(["north", "south"], n)
    price = 3 * size + 5 * (town == "south") + rng.normal(0, 0.5, n)
    rare = np.where(size + rng.normal(0, 0.5, n) > 8.1, "yes", "no")
    return size.round(4), town, price.round(3), rare


def write(name, columns, names):
    lines = [",".join(map(str, line)) for line in zip(*columns, strict=True)]
    Path(name).write_text("\n".join([",".join(names), *lines]) + "\n")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of numbers and one of a rare class, with the rows they were trained on and new ones."""
    folder = tmp_path_factory.mktemp("runs")
    with chdir(folder):
        for name, n, seed in (("", 300, 0), ("new-", 2000, 1)):
            size, town, price, rare = rows(n, seed)
            write(f"{name}numbers.csv", (size, town, price), ("size", "town", "y"))
            write(f"{name}classes.csv", (size, town, rare), ("size", "town", "y"))
        common = ("--target", "y", "--text", "one-hot", "--validation", "0.3")
        assert main(["train", "numbers.csv", "--epochs", "30", *common]) == 0
        assert main(["train", "classes.csv", "--epochs", "40", "--threshold", "f1", *common]) == 0
    return folder


@pytest.fixture(autouse=True)
def runs(trained, own_folder, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_interval_covers_as_many_new_rows_as_the_beta_law_says(reseau):
    found = read(reseau("predict", "numbers-run", "new-numbers.csv", "--interval", "0.9").out)
    truth = rows(2000, 1)[2]
    assert [*found[0]] == ["predicted y", "lower y", "upper y"]
    low, high = (np.array([float(row[name]) for row in found]) for name in ("lower y", "upper y"))
    covered = np.mean((low <= truth) & (truth <= high))
    law = beta(55, 61 - 55)  # of 60 test rows
    assert law.ppf(0.0005) < covered < law.ppf(0.9995)
    wide = read(reseau("predict", "numbers-run", "new-numbers.csv", "--interval", "0.98").out)
    assert all(float(a["lower y"]) < float(b["lower y"]) for a, b in zip(wide, found, strict=True))
    half = float(re.search(r"prediction ± (\S+) holds", Path("numbers-run/report.md").read_text())[1])
    assert (high - low) / 2 == pytest.approx(half, rel=1e-5)


def test_the_set_of_classes_holds_the_class_often_enough(reseau):
    found = read(reseau("predict", "classes-run", "new-classes.csv", "--interval", "0.95").out)
    truth, column = rows(2000, 1)[3], "classes that hold y with 95 %"
    covered = np.mean([true in row[column].split(" | ") for true, row in zip(truth, found, strict=True)])
    assert covered > beta(58, 3).ppf(0.0005)
    assert {row[column] for row in found} <= {"no", "yes", "no | yes", ""}


def test_a_level_that_the_test_part_cannot_promise_says_how_many_rows_it_needs(reseau):
    said = reseau("predict", "numbers-run", "new-numbers.csv", "--interval", "0.999").err
    assert "60 test rows are too few for a level of 0.999\n  fix: at least 999 rows" in said
    assert "is not a probability" in reseau("predict", "numbers-run", "new-numbers.csv", "--interval", "1").err
    assert reseau("convert", "numbers-run", "net.onnx").status == 0
    assert "give the folder of a run" in reseau("predict", "net.onnx", "new-numbers.csv", "--interval", "0.9").err
    out = reseau(
        *("train", "numbers.csv", "--target", "y", "--text", "one-hot", "--epochs", 1, "--test", "0.02", "--out", "o")
    ).out
    assert "no interval of 90 %: it needs 9 test rows, there are 6" in out


def test_ends_are_rounded_outward():
    rng = np.random.default_rng(0)
    for value in (*rng.standard_normal(200), *np.exp(60 * rng.standard_normal(50)), 0.1, 1e-30, -1e22, 0.0):
        assert float(rounded_outward(value, up=False)) <= value <= float(rounded_outward(value, up=True))
        assert abs(float(rounded_outward(value, up=True)) - value) <= 2e-8 * abs(value)


@pytest.mark.parametrize("rule", RULES)
def test_the_threshold_is_the_best_of_all(rule):
    rng = np.random.default_rng(3)
    for n in (5, 40, 200):
        probability = rng.random(n).round(2)
        truth = rng.random(n) < probability * 0.4
        truth[:2] = [True, False]
        found = best_threshold(probability, truth, rule)

        called = probability >= found
        if rule == "f1":
            precision, recall, _ = precision_recall_curve(truth, probability)
            best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300))
            assert f1_score(truth, called) == pytest.approx(best)
        else:
            low, high, _ = roc_curve(truth, probability)
            assert balanced_accuracy_score(truth, called) == pytest.approx(np.max((1 - low + high) / 2))


def test_the_threshold_decides_in_every_command(reseau):
    report = json.loads(Path("classes-run/report.json").read_text())
    decision = report["settings"]["decision"]
    chosen = float(re.search(r"from a probability of ([\d.]+) on", decision)[1])
    assert decision.startswith("yes from")
    assert decision.endswith("the largest F1 on the validation part")
    assert chosen == pytest.approx(report["report"]["thresholds"]["f1"], rel=1e-3)
    found = read(reseau("predict", "classes-run", "new-classes.csv").out)
    called = [float(row["probability of yes"]) >= report["report"]["thresholds"]["f1"] for row in found]
    assert [row["predicted y"] == "yes" for row in found] == called
    truth = rows(2000, 1)[3]
    right = np.mean([row["predicted y"] == t for row, t in zip(found, truth, strict=True)])
    assert f"accuracy: {100 * right:.2f} %" in reseau("evaluate", "classes-run", "new-classes.csv").out
    bound = reseau("certify", "classes-run", "numbers.csv", "--holdout", "new-classes.csv")
    assert bound.status == 2  # those rows have no classes
    bound = reseau("certify", "classes-run", "classes.csv", "--holdout", "new-classes.csv").out
    assert f"errors         {round(2000 * (1 - right))}\n" in bound
    assert "| 0.5 |" in Path("classes-run/report.md").read_text()
    assert reseau("convert", "classes-run", "net.onnx").status == 0
    assert (
        reseau("predict", "net.onnx", "new-classes.csv").out == reseau("predict", "classes-run", "new-classes.csv").out
    )


def test_thresholds_that_cannot_be_chosen(reseau):
    common = ("train", "classes.csv", "--target", "y", "--text", "one-hot", "--epochs", 1, "--out", "o")
    said = reseau(*common, "--threshold", "f1", "--validation", 0).err
    assert "does not hold rows of both classes\n  fix: a larger --validation" in said
    assert "estimates no probabilities" in reseau(*common, "--threshold", "0.2", "--loss", "hinge").err
    assert "is not a probability" in reseau(*common, "--threshold", "2").err
    assert reseau(*common, "--threshold", "0.2", "--validation", 0).status == 0


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("name", ["numbers", "classes"])
def test_the_report_is_written_again_to_the_same_bytes_without_data(reseau, name):
    os.remove(f"{name}.csv")
    before = {p.name: p.read_bytes() for p in Path(f"{name}-run").iterdir()}
    for gone in ("report.md", "report.html", "history.png", "network.svg"):
        Path(f"{name}-run", gone).unlink()
    assert reseau("report", f"{name}-run").status == 0
    after = {p.name: p.read_bytes() for p in Path(f"{name}-run").iterdir()}
    assert after == before
    assert reseau("report", f"{name}-run", "--interval", "0.8").status == 0
    assert "probability 80 %" in Path(f"{name}-run/report.md").read_text()


def test_a_damaged_folder_is_one_error(reseau):
    for name, content in (("report.json", "{}"), ("history.csv", "epoch\nx\n"), ("test-outputs.safetensors", "abc")):
        shutil.copytree("numbers-run", "bad")
        Path("bad", name).write_text(content)
        result = reseau("report", "bad")
        assert (result.status, name in result.err, "fix: " in result.err) == (2, True, True), result.err
        shutil.rmtree("bad")
    shutil.copy("classes-run/test-outputs.safetensors", "numbers-run")
    assert "does not fit the model beside it" in reseau("report", "numbers-run").err
    assert "fix: give a folder" in reseau("report", "absent").err


@pytest.mark.parametrize("name", ["numbers", "classes"])
def test_the_lines_for_python_and_for_onnxruntime_run_in_the_folder(reseau, name, capsys):
    text = Path(f"{name}-run/report.md").read_text().partition("## Use")[2]
    python, runtime = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert max(len(python.splitlines()), len(runtime.splitlines())) <= 6
    with chdir(f"{name}-run"):
        shutil.copy(f"../new-{name}.csv", "new.csv")
        assert reseau("convert", ".", "model.onnx").status == 0
        exec(python, {})
        exec(runtime.replace('"size": ', '"size": 0 * '), {})
    printed = capsys.readouterr().out
    assert printed.count("[[") == 2


def test_measures_of_numbers_by_epoch_are_in_the_units_of_the_target(reseau):
    lines = read(Path("numbers-run/history.csv").read_text())
    last = {name: float(value) for name, value in lines[-1].items()}
    assert {"validation_RMSE", "validation_MAE", "validation_R2"} <= last.keys()
    assert len(lines) == 30
    # the validation part, taken from all rows by the seeds of the command
    from reseau.data import read_csv, split

    table = read_csv("numbers.csv", "y", text="one-hot")
    stay, _ = split(len(table), 0.2, 0, None)
    _, held = split(len(stay), 0.3, 1, None)
    truth = table.target[stay[held]]
    found = [float(row["predicted y"]) for row in read(reseau("predict", "numbers-run", "numbers.csv").out)]
    predicted = np.array(found)[stay[held]]
    assert last["validation_MAE"] == pytest.approx(mean_absolute_error(truth, predicted), rel=1e-4)
    assert last["validation_R2"] == pytest.approx(r2_score(truth, predicted), rel=1e-4)
    assert last["validation_RMSE"] == pytest.approx(np.sqrt(np.mean((truth - predicted) ** 2)), rel=1e-4)
    assert "| validation MAE | validation R² |" in Path("numbers-run/report.md").read_text()
