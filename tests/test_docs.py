"""The course runs: every block of every page, what it prints, and the figures it shows."""

import re
import sys
from pathlib import Path

import matplotlib
import pytest

from reseau.extras import EXTRAS
from tools.pages import DOCS, figures, same_but_for_rounding

PAGES = sorted(DOCS.glob("[0-9]-*.md"))


def test_there_is_a_page_for_each_section_and_each_is_listed():
    assert [p.name[0] for p in PAGES] == list("12345678")
    assert all(f"]({p.name})" in (DOCS / "README.md").read_text(encoding="utf-8") for p in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_page_runs_and_says_what_it_prints(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    for extra in EXTRAS.keys() - set(re.findall(r"`(\w+)`", text.split("\n")[2])):
        monkeypatch.setitem(sys.modules, EXTRAS[extra], None)
    with matplotlib.rc_context():
        printed = figures.run(text, page.name)
    assert printed
    assert figures.with_output(text, printed) == text
    shown = re.findall(r"!\[[^]]+\]\((figures/[^)]+)\)", text)
    assert shown
    assert {Path(figure).name for figure in shown} == {p.name for p in tmp_path.iterdir()} - {"thermocouple.onnx"}
    for figure in shown:
        assert (tmp_path / Path(figure).name).stat().st_size > 1000
        assert (DOCS / figure).stat().st_size < 200_000
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (DOCS / link).exists()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_page_on_estimators_runs_and_says_what_it_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "estimators.md").read_text(encoding="utf-8")
    same_but_for_rounding(figures.with_output(text, figures.run(text, "estimators.md")), text)


def test_the_page_on_extending_runs_and_says_what_it_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "extending.md").read_text(encoding="utf-8")
    assert figures.with_output(text, figures.run(text, "extending.md")) == text
