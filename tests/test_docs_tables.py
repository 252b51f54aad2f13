"""The tutorial on tables runs and says what it prints; collected where its two real tables lie beside the checkout."""

import re

import pytest

from tools.pages import DOCS, figures, hide_extras, same_but_for_rounding
from tools.shared_data import SHARED

TABLES = {
    "adult.data": "adult/adult-train.csv",
    "adult.test": "adult/adult-test.csv",
    "housing.csv": "california-housing/housing.csv",
}


@pytest.mark.slow
def test_the_tutorial_on_tables_runs_and_says_what_it_prints(tmp_path, monkeypatch):
    for name, source in TABLES.items():
        (tmp_path / name).symlink_to(SHARED / source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = (DOCS / "tables.md").read_text(encoding="utf-8")
    hide_extras(text, monkeypatch)
    again = figures.with_output(text, figures.run(text, "tables.md"))
    same_but_for_rounding(again, text, within=2e-3)  # a calibration error of 0.0046 moves by more than a tenth
    accuracy, r2 = re.search(r"test accuracy: ([\d.]+) %", again)[1], re.search(r"held out: ([\d.]+)", again)[1]
    assert float(accuracy) > 85
    assert float(r2) > 0.78
