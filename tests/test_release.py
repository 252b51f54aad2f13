"""The version stands once, and the changelog, the citation and the installed package agree with it."""

import re
import tomllib
from pathlib import Path

import reseau

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_newest_version_of_the_changelog_is_the_package_s():
    headings = re.findall(r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0][0] == PROJECT["version"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in headings[1:])
    assert f"version: {PROJECT['version']}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_extra_is_told_in_the_readme():
    text = (ROOT / "README.md").read_text()
    missing = [extra for extra in PROJECT["optional-dependencies"] if f"`{extra}`" not in text]
    assert missing == []


def test_the_versions_are_shown(capsys):
    reseau.show_versions()
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert {"python", "system", "jax", "numpy", "reseau"} <= shown.keys()
    assert shown["jax"][0].isdigit()
