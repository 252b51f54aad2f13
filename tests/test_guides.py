"""The guides run where a reader stands, an empty folder, and print what they say; every link of every page resolves."""

import re
from pathlib import Path

import jax
import matplotlib
import pytest

from tools.pages import DOCS, figures, hide_extras, printed, same_but_for_rounding, same_picture

ROOT = DOCS.parent
GUIDES = [DOCS / "index.md", DOCS / "deployment.md", DOCS / "gallery.md", *sorted(DOCS.glob("guides/*.md"))]
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")] + sorted(DOCS.rglob("*.md"))


def anchors(text):
    """The names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


WANTS = {
    "predict a column of a table": "guides/table.md",
    "classify images": "guides/images.md",
    "take over from scikit-learn": "estimators.md",
    "take over from PyTorch": "guides/pytorch.md",
    "see what happens in a network": "guides/inside.md",
    "have a guarantee": "guarantees.md",
    "ship it": "guides/ship.md",
    "train in more than one process": "scaling.md",
    "write an operation": "extending.md",
}


@pytest.mark.parametrize(("want", "guide"), WANTS.items())
def test_the_nutshell_leads_to_the_guide_for_each_want(want, guide):
    (line,) = [line for line in (DOCS / "index.md").read_text(encoding="utf-8").splitlines() if f"| {want}" in line]
    assert f"]({guide})" in line


@pytest.mark.parametrize("page", GUIDES, ids=lambda p: p.stem)
def test_the_page_runs_and_says_what_it_prints(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = page.read_text(encoding="utf-8")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    with matplotlib.rc_context(), jax.enable_x64(False):  # as a reader runs it, not as the tests do
        figures.plain_svg()
        hide_extras(text, monkeypatch)
        same_but_for_rounding(figures.with_output(text, printed(text, page.name)), text)
    for figure in re.findall(r"!\[[^]]+\]\((figures/[^)]+)\)", text):
        same_picture(tmp_path / Path(figure).name, DOCS / figure)
        assert 1000 < (DOCS / figure).stat().st_size < 100_000


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_of_the_page_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link
