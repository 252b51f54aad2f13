"""The version stands once, and the changelog, the citation and the installed package agree with it."""

import re
import tomllib
from datetime import date
from pathlib import Path
from runpy import run_path

from markdown_it import MarkdownIt

import reseau

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_newest_version_of_the_changelog_is_the_package_s():
    headings = re.findall(r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0][0] == PROJECT["version"]
    dates = [date.fromisoformat(day) for _, day in headings]
    assert dates == sorted(dates, reverse=True)
    released = f"version: {PROJECT['version']}\ndate-released: {dates[0]}\n"
    assert released in (ROOT / "CITATION.cff").read_text()


def test_the_notes_of_a_version_begin_with_the_whole_in_few_lines_and_have_what_is_new_first():
    newest = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    summary, *parts = newest.split("\n### ")
    assert 3 < summary.count("\n- ") < 11
    assert [part.partition("\n")[0] for part in parts] == ["Added", "Changed", "Fixed"]


def test_every_extra_is_told_in_the_readme():
    text = (ROOT / "README.md").read_text()
    missing = [extra for extra in PROJECT["optional-dependencies"] if f"`{extra}`" not in text]
    assert missing == []


def test_the_versions_are_shown(capsys):
    reseau.show_versions()
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert {"python", "system", "jax", "numpy", "reseau"} <= shown.keys()
    assert shown["jax"][0].isdigit()


def test_every_version_has_left_files_that_later_ones_read():
    versions = re.findall(r"^## (\S+) \(", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert all((ROOT / "tests" / "fixtures" / version / "run").is_dir() for version in versions)


def test_every_system_has_the_extras_of_make_and_what_its_tests_need():
    installed = re.findall(r'-e "\.\[(plot,[^]]*)\]"', (ROOT / "Makefile").read_text())
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    (extras,) = re.findall(r'pip install -e "\.\[(.*)\]"', workflow)
    assert set(extras.split(",")) == set(max(installed, key=len).split(","))
    assert re.search(r'PYTHONUTF8: "1"', workflow)  # tests read files in UTF-8


def test_what_pypi_shows_has_no_link_that_leads_nowhere_there():
    description = run_path(str(ROOT / "setup.py"))["description"]((ROOT / "README.md").read_text(encoding="utf-8"))
    render = MarkdownIt("commonmark").enable("table").render
    page = render(description)
    led = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert [address for address in led if not address.startswith("https://")] == []
    assert "docs/1-graph.md" in page
    assert "<h2>Ten lines</h2>" in page
    assert "<table>" in page
    assert render("[a](b.md)").count('href="b.md"')  # a relative link would be seen
