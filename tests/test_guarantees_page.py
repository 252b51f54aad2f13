"""The page on guarantees says what its blocks compute, and shows what they draw."""

import doctest
import re

from tools.pages import DOCS, hide_extras, same_picture


def test_the_page_runs_and_says_what_it_prints_and_shows_what_it_draws(tmp_path, monkeypatch):
    page = DOCS / "guarantees.md"
    hide_extras(page.read_text(encoding="utf-8"), monkeypatch)
    space = {}
    test = doctest.DocTestParser().get_doctest(page.read_text(encoding="utf-8"), space, page.name, str(page), 0)
    found = doctest.DocTestRunner().run(test, clear_globs=False)
    assert found.failed == 0
    assert found.attempted > 15
    (shown,) = re.findall(r"!\[[^]]+\]\(figures/([^)]+)\)", page.read_text(encoding="utf-8"))
    (tmp_path / shown).write_text(test.globs["picture"], encoding="utf-8")
    same_picture(tmp_path / shown, DOCS / "figures" / shown)
