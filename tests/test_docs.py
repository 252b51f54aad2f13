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
