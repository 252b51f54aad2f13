"""`--groups COLUMN`: an interval or a set of each group, in the report, in predictions and in exported networks."""

import csv
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from reseau.cli import main
from reseau.cli.kept_outputs import Outputs
from reseau.cli.promise import _promised


def lines_of(path):
    with Path(path).open(newline="") as file:
        return list(csv.reader(file))


def of_the_file(path, rows):
    """What onnxruntime gives for the columns a, town and k of these rows, by the name of the output."""
    session = onnxruntime.InferenceSession(path)
    columns = zip(("a", "town", "k"), zip(*(r[:3] for r in rows), strict=True), strict=True)
    fed = {n: np.array(cells, object if n == "town" else np.float32)[:, None] for n, cells in columns}
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, fed), strict=True))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A table whose noise depends on the town, and runs that predict its number and its class by town and by class."""
    folder = tmp_path_factory.mktemp("groups")
    rng = np.random.default_rng(0)
    n = 600
    a, town = rng.uniform(-1, 1, n), rng.choice(["calm", "wild"], n)
    town[:3] = "tiny"
    y = 2 * a + np.where(town == "wild", 1.0, 0.05) * rng.normal(size=n)
    rows = [
        f"{x:.4f},{t},{i % 3},{v:.4f},{'up' if v > 1 else 'down'}"
        for i, (x, t, v) in enumerate(zip(a, town, y, strict=True))
    ]
    (folder / "t.csv").write_text("a,town,k,y,class\n" + "\n".join(rows) + "\n")
    words = ["--text", "one-hot", "--hidden", "8", "--epochs", "20", "--test", "0.5", "--learning-rate", "0.01"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        number = ["train", "t.csv", "--target", "y", "--drop", "class", *words]
        assert main([*number, "--groups", "town", "--out", "town"]) == 0
        classes = ["train", "t.csv", "--target", "class", "--drop", "y", *words]
        assert main([*classes, "--groups", "class", "--out", "classes"]) == 0
    return folder


@pytest.fixture(autouse=True)
def there(runs, own_folder, monkeypatch):
    monkeypatch.chdir(runs)


def test_each_group_has_a_width_of_its_own_in_the_report_and_in_predictions(reseau):
    said = Path("town/report.md").read_text()
    assert re.search(r"\| calm \| \d+ \| prediction ± [\d.]+ \|", said)
    assert re.search(r"\| tiny \| \d \| nothing \(9 rows are needed\) \|", said) or "tiny" not in said
    assert re.search(r"\| town = wild \| \d+ \| \d+ \| [\d.]+ % \| [\d.]+ \| \d+ to \d+ \|", said)
    result = reseau("predict", "town", "t.csv", "--interval", "0.9", "--keep-columns")
    assert "the group of 3 of 600 rows had too few test rows for a level" in result.err
    head, *rows = csv.reader(result.out.splitlines())
    town, low, high, y = (head.index(name) for name in ("town", "lower y", "upper y", "y"))
    widths = {t: {round(float(r[high]) - float(r[low]), 3) for r in rows if r[town] == t} for t in ("calm", "wild")}
    assert max(widths["calm"]) < min(widths["wild"]) / 3
    for t in widths:
        held = [float(r[low]) <= float(r[y]) <= float(r[high]) for r in rows if r[town] == t]
        assert np.mean(held) > 0.85
    assert {(r[low], r[high]) for r in rows if r[town] == "tiny"} == {("-inf", "inf")}


def test_a_converted_network_gives_the_interval_of_predict(reseau):
    assert reseau("convert", "town", "town.onnx", "--interval", "0.9").status == 0
    assert reseau("convert", "town", "town.safetensors", "--interval", "0.9").status == 0
    _, *rows = csv.reader(reseau("predict", "town", "t.csv", "--interval", "0.9").out.splitlines())
    ours = np.array([r for r in rows if r[2] != "inf"], float)
    found = of_the_file("town.onnx", [r for r in lines_of("t.csv")[1:] if r[1] != "tiny"])
    assert list(found)[1:] == ["lower", "upper"]
    np.testing.assert_allclose(np.concatenate(list(found.values()), axis=1), ours, rtol=1e-4, atol=1e-4)
    plain = reseau("predict", "town", "t.csv").out
    assert reseau("predict", "town.safetensors", "t.csv").out == plain
    assert "fix: give the folder of a run" in reseau("predict", "town.onnx", "t.csv", "--interval", "0.9").err


def test_sets_by_class_are_those_of_the_network_that_is_converted(reseau):
    out = reseau("predict", "classes", "t.csv", "--interval", "0.9").out
    _, *rows = csv.reader(out.splitlines())
    assert reseau("convert", "classes", "classes.onnx", "--interval", "0.9").status == 0
    sets = of_the_file("classes.onnx", lines_of("t.csv")[1:])["set"]
    found = [" | ".join(c for c, inside in zip(["down", "up"], row, strict=True) if inside) for row in sets]
    assert np.mean([f == row[-1] for f, row in zip(found, rows, strict=True)]) > 0.995
    assert "class = up" in Path("classes/report.md").read_text()


def test_a_report_that_is_written_again_has_the_same_groups(reseau):
    before = Path("town/report.md").read_text()
    assert reseau("report", "town").status == 0
    assert Path("town/report.md").read_text() == before


def test_quantiles_of_groups_are_those_that_sorting_gives():
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 3, 200).astype(float)
    cells[:5] = np.nan
    scores = rng.exponential(size=200) * (1 + np.nan_to_num(cells))

    class Numbers:
        class recipe:
            target = "y"

    found = _promised(scores, Outputs(np.zeros((200, 1)), np.zeros(200), cells, "g"), 0.8, Numbers)
    for cell in range(3):
        own = np.sort(scores[cells == cell])
        assert found.groups[cell][1] == own[int(np.ceil(0.8 * (len(own) + 1))) - 1]
    low, high = found.interval(np.zeros(3), np.array([0.0, 2.0, 7.0]))
    assert high[1] > high[0]
    assert (low[2], high[2]) == (-np.inf, np.inf)


def test_columns_that_are_no_groups_are_refused_with_those_that_are(reseau):
    words = ("train", "t.csv", "--target", "y", "--drop", "class", "--text", "one-hot", "--out", "none", "--groups")
    for column, why in (("a", "at most 20 different ones"), ("x", "there is no column 'x'"), ("y", "holds numbers")):
        said = reseau(*words, column).err
        assert why in said
        assert "fix: --groups with one of town, k" in said
    assert not Path("none").exists()
