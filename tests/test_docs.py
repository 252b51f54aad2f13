"""The course runs: every block of every page, what it prints, and the figures it shows."""

import importlib.util
import re
from pathlib import Path

import matplotlib
import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(DOCS.glob("[0-9]-*.md"))

spec = importlib.util.spec_from_file_location("figures", DOCS / "figures.py")
figures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(figures)


def test_there_is_a_page_for_each_section_and_each_is_listed():
    assert [p.name[0] for p in PAGES] == list("12345678")
    assert all(f"]({p.name})" in (DOCS / "README.md").read_text(encoding="utf-8") for p in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_page_runs_and_says_what_it_prints(page, tmp_path, monkeypatch):
    (tmp_path / "figures").mkdir()
    (tmp_path / "data").symlink_to(DOCS / "data")
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    with matplotlib.rc_context():
        printed = figures.run(text, page.name)
    assert printed
    assert figures.with_output(text, printed) == text
    shown = re.findall(r"!\[[^]]+\]\((figures/[^)]+)\)", text)
    assert shown
    for figure in shown:
        assert (tmp_path / figure).stat().st_size > 1000
        assert (DOCS / figure).stat().st_size < 200_000
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (DOCS / link).exists()


def same_but_for_rounding(again, text):
    """What training prints is the same up to the rounding of the machine."""
    assert NUMBER.sub("0", re.sub(" +", " ", again)) == NUMBER.sub("0", re.sub(" +", " ", text))
    found, said = ([float(n) for n in NUMBER.findall(page)] for page in (again, text))
    assert found == pytest.approx(said, rel=0.1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_page_on_estimators_runs_and_says_what_it_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "estimators.md").read_text(encoding="utf-8")
    same_but_for_rounding(figures.with_output(text, figures.run(text, "estimators.md")), text)


def test_the_page_on_extending_runs_and_says_what_it_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "extending.md").read_text(encoding="utf-8")
    assert figures.with_output(text, figures.run(text, "extending.md")) == text


SHARED = DOCS.parents[1] / "shared" / "data"
TABLES = {
    "adult.data": "adult/adult-train.csv",
    "adult.test": "adult/adult-test.csv",
    "housing.csv": "california-housing/housing.csv",
}
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]\d+)?")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the data sets are not at {SHARED}")
def test_the_tutorial_on_tables_runs_and_says_what_it_prints(tmp_path, monkeypatch):
    for name, source in TABLES.items():
        (tmp_path / name).symlink_to(SHARED / source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = (DOCS / "tables.md").read_text(encoding="utf-8")
    again = figures.with_output(text, figures.run(text, "tables.md"))
    same_but_for_rounding(again, text)
    accuracy, r2 = re.search(r"test accuracy: ([\d.]+) %", again)[1], re.search(r"held out: ([\d.]+)", again)[1]
    assert float(accuracy) > 85
    assert float(r2) > 0.78
