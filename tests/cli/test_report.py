"""What a run leaves to read, for classes and for numbers: measures, simple models, columns, pictures, one HTML file."""

import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def tables(own_folder):
    rng = np.random.default_rng(0)
    n = 240
    size, town = rng.uniform(1, 9, n), rng.choice(["north", "south"], n)
    price = 3 * size + 5 * (town == "south") + rng.normal(0, 0.5, n)
    rare = np.where(size > 8.1, "yes", "no")
    for name, target in (("numbers", price.round(3)), ("classes", rare)):
        lines = [f"{s:.4f},{t},{y}" for s, t, y in zip(size, town, target, strict=True)]
        Path(f"{name}.csv").write_text("size,town,y\n" + "\n".join(lines) + "\n")


def trained(reseau, name, *words):
    result = reseau("train", f"{name}.csv", "--target", "y", "--text", "one-hot", "--epochs", "15", *words)
    assert result.status == 0, result.err
    return result


class Links(HTMLParser):
    """Everything that a page asks of others."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found += [value for key, value in attrs if key in ("src", "href") and value]


@pytest.mark.usefixtures("drawn")
def test_the_report_of_numbers(reseau):
    out = trained(reseau, "numbers").out
    assert re.search(
        r"simple models on the same rows \(RMSE\): mean of the target .*, linear model .*, boosted trees", out
    )
    text = Path("numbers-run/report.md").read_text()
    for said in (
        *("| RMSE |", "| R² |", "| boosted trees |", "nine tenths of the errors within", "validation RMSE", "SHA-256"),
        *("| town | 2 categories |", "| size | number |", "predictions.svg", "importance.svg"),
    ):
        assert said in text, said
    facts = json.loads(Path("numbers-run/report.json").read_text())
    assert facts["baselines"]["linear model"]["R²"] > 0.95
    assert facts["rows"] == {"training": 173, "test": 48}
    assert hashlib.sha256(Path("numbers.csv").read_bytes()).hexdigest() in text
    assert f"numpy {version('numpy')}, scikit-learn {version('scikit-learn')}." in text
    took = {name: float(s) for name, s in re.findall(r"\| (training|simple models|measuring) \| ([\d.]+) \|", text)}
    assert [*took] == ["training", "simple models", "measuring"]
    assert sum(took.values()) > 0
    worth = re.findall(r"\| (size|town) \| ([\d.]+) \| ±", text)
    assert [name for name, _ in worth] == ["size", "town"]


@pytest.mark.usefixtures("drawn")
def test_the_report_of_a_rare_class(reseau):
    out = trained(reseau, "classes").out
    assert out.index("test rows of yes") < out.index("test accuracy")
    text = Path("classes-run/report.md").read_text()
    for said in (
        *("recall of yes", "precision of yes", "| class | precision | recall | F1 | rows |", "| log loss |"),
        *("| AUC |", "calibration.svg", "confusion.svg"),
    ):
        assert said in text, said


def test_balanced_classes_find_more_of_the_rare_one(reseau):
    plain, balanced = (
        json.loads(Path(f"{out}/report.json").read_text())["measures"]["recall of yes"]
        for out in ("plain", "even")
        if trained(reseau, "classes", "--out", out, *(["--class-weight", "balanced"] if out == "even" else []))
    )
    assert balanced > plain


def test_class_weights_are_for_classes(reseau):
    result = reseau("train", "numbers.csv", "--target", "y", "--text", "one-hot", "--class-weight", "balanced")
    assert result.status == 2
    assert "fix: leave --class-weight out" in result.err


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("name", ["numbers", "classes"])
def test_the_html_report_asks_nothing_of_the_network(reseau, name):
    trained(reseau, name, "--epochs", "3")
    page = Path(f"{name}-run/report.html").read_text()
    assert all(link.startswith(("data:", "#")) for link in Links(page).found)
    assert "@import" not in page
    assert "url(" not in page


def test_rows_that_were_trained_on_are_known_in_a_copy(reseau):
    assert "equal to rows that were trained on" not in trained(reseau, "numbers").out
    Path("copy.csv").write_text(Path("numbers.csv").read_text())
    seen = reseau("certify", "numbers-run", "copy.csv", "--within", "2").out
    assert "192 of 240 of these rows were trained on; they are left out" in seen
    assert "n              48\n" in seen
    lines = Path("numbers.csv").read_text().splitlines()
    Path("twice.csv").write_text("\n".join([lines[0], *lines[1:], *lines[1:]]) + "\n")
    assert "384 of 480" in reseau("evaluate", "numbers-run", "twice.csv").out
    told = trained(reseau, "twice").out
    assert re.search(r"diagnosis: \d+ of 96 test rows are equal to rows that were trained on: where rows were", told)
    assert "equal to rows that were trained on" in Path("twice-run/report.md").read_text()
    Path("new.csv").write_text("size,town,y\n2.5,north,7.1\n3.5,south,15.2\n")
    assert "trained on" not in reseau("evaluate", "numbers-run", "new.csv").out


def test_rows_in_the_order_of_time_are_told_and_the_cure_works(reseau):
    days = np.arange("2020-01-01", "2020-07-01", dtype="datetime64[D]")
    lines = [f"{day},{i % 7},{i % 7 + i / 50}" for i, day in enumerate(days)]
    words = ("--target", "y", "--hidden", 4, "--epochs", 2, "--force", "--out", "run")
    orders = {"forth": lines, "back": lines[::-1], "mixed": [lines[(7 * i) % len(lines)] for i in range(len(lines))]}
    for name, rows in orders.items():
        Path("t.csv").write_text("\n".join(["when,a,y", *rows]))
        told = reseau("train", "t.csv", *words).out
        assert ("the rows stand in the order of 'when', and the test rows were drawn among" in told) == (
            name != "mixed"
        )
    Path("t.csv").write_text("\n".join(["when,a,y", *lines[:-30]]))
    Path("last.csv").write_text("\n".join(["when,a,y", *lines[-30:]]))
    assert "the order of" not in reseau("train", "t.csv", *words, "--test", "last.csv").out


def test_a_hold_out_of_training_rows_alone_is_refused(reseau):
    trained(reseau, "numbers", "--test", "0")
    result = reseau("certify", "numbers-run", "numbers.csv", "--within", "2", "--holdout", "numbers.csv")
    assert result.status == 2
    assert "all 240 of these rows were trained on" in result.err


@pytest.mark.usefixtures("drawn")
def test_an_evaluation_is_written_as_a_page(reseau):
    trained(reseau, "classes", "--epochs", "3")
    assert reseau("evaluate", "classes-run", "classes.csv", "--report", "page.html").status == 0
    assert "recall of yes" in Path("page.html").read_text()


@pytest.mark.usefixtures("drawn")
def test_runs_are_compared(reseau):
    trained(reseau, "numbers", "--out", "a")
    trained(reseau, "numbers", "--out", "b", "--batch", "64")
    result = reseau("compare", "a", "b", "--out", "both.svg")
    rows = dict(
        line.split(maxsplit=1) for line in result.out.splitlines() if line.startswith(("RMSE", "batch", "seed"))
    )
    assert rows["batch"].split() == ["32", "64"]
    assert "seed" not in rows
    assert len(rows["RMSE"].split()) == 2
    assert Path("both.svg").read_text().startswith("<?xml")


def test_runs_that_do_different_things_are_not_compared(reseau):
    trained(reseau, "numbers", "--epochs", "1")
    trained(reseau, "classes", "--epochs", "1")
    result = reseau("compare", "numbers-run", "classes-run")
    assert result.status == 2
    assert "classification of 'y' and regression of 'y'" in result.err
    Path("numbers-run/report.json").write_text("{")
    assert "train it again" in reseau("compare", "numbers-run", "numbers-run").err
    assert "fix: give folders" in reseau("compare", "absent", "numbers-run").err


def test_the_worst_rows_are_named_by_their_line(reseau):
    lines = Path("numbers.csv").read_text().splitlines()
    size, town, _ = lines[57].split(",")
    Path("check.csv").write_text("\n".join([*lines[:57], f"{size},{town},500", *lines[58:]]) + "\n")
    trained(reseau, "numbers", "--test", "check.csv")
    text = Path("numbers-run/report.md").read_text()
    first = re.search(r"\| line \| true \| predicted \| error \| size \| town \|\n.*\n\| (.*) \|\n", text)[1].split(
        " | "
    )
    assert (first[0], float(first[1])) == ("58", 500)
    assert float(first[4]) == pytest.approx(float(size), rel=1e-3)
    assert first[5] == town
    decimals = {len(line.split(" | ")[k].partition(".")[2]) for line in worst(text) for k in (1, 2, 3)}
    assert len(decimals) == 1  # true, predicted and error in one notation


def worst(text):
    """The rows of the table of the worst rows."""
    return text.partition("| line | true | predicted | error |")[2].partition("\n\n")[0].splitlines()[2:]
