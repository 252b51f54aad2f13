"""`reseau train --time`: from a table to a folder, without a choice."""

from pathlib import Path

import numpy as np
import pytest

from reseau.cli import main


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    a, b, kind = rng.standard_normal(120), rng.standard_normal(120), rng.integers(0, 3, 120)
    lines = ["a,b,kind,y", *(f"{x},{z},{'uvw'[k]},{x * (k - 1) + z}" for x, z, k in zip(a, b, kind, strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_a_table_is_trained_measured_and_predicted(table, capsys):
    words = ["train", "t.csv", "--target", "y", "--text", "one-hot", "--time", "0.3", "--out", "run"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "averaged in one network" in told
    assert "R²" in told
    written = {p.name for p in (table / "run").iterdir()}
    assert {"model.safetensors", "history.csv", "report.md", "network.svg"} <= written
    assert main(["predict", "run", "t.csv", "--out", "p.csv"]) == 0
    assert len((table / "p.csv").read_text().splitlines()) == 121
    assert main(["convert", "run", "m.onnx"]) == 0


def test_what_has_no_default_for_tables_is_refused(table, capsys):
    assert main(["train", "--dataset", "digits", "--time", "5"]) != 0
    assert "fix: leave --time out" in capsys.readouterr().err


def test_what_the_time_chooses_is_not_asked_for_beside_it(reseau):
    Path("t.csv").write_text("a,b,y\n" + "".join(f"{i},{i % 7},{2 * i}\n" for i in range(60)))
    result = reseau("train", "t.csv", "--target", "y", "--time", "1", "--hidden", "8", "--class-weight", "balanced")
    assert result.status == 2
    assert "fix: leave --hidden, --class-weight out, or --time" in result.err
