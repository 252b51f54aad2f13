"""Commands run in the process of the tests, in a folder of their own."""

from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest
from matplotlib.figure import Figure

from reseau.cli import main
from reseau.report import pictures


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit status and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Each test stands in an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def small_pictures():
    """A picture of each kind."""
    return {kind: pictures._bytes(Figure(figsize=(1, 1)), kind) for kind in ("png", "svg")}


@pytest.fixture
def drawn():
    """For a test that looks at the pictures."""


@pytest.fixture(autouse=True)
def pictures_in_outline(request, small_pictures, monkeypatch):
    """Other tests have small ones in their place, since each takes half a second to draw."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(pictures, "_bytes", lambda figure, kind: small_pictures[kind])


@pytest.fixture
def reseau(capsys):
    """Run one command."""

    def run(*words):
        try:
            status = main([str(w) for w in words])
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def beginnings():
    """What `begun` has kept: of each beginning, what was told and a folder."""
    return {}


@pytest.fixture
def begun(beginnings, reseau, own_folder, tmp_path, tmp_path_factory):
    """Begin with what commands left: a function runs them for the first test that asks, the others have a copy."""

    def begin(work):
        if work not in beginnings:
            told, kept = work(reseau), tmp_path_factory.mktemp("begun")
            copytree(tmp_path, kept, dirs_exist_ok=True)
            beginnings[work] = told, kept
        told, kept = beginnings[work]
        copytree(kept, tmp_path, dirs_exist_ok=True)
        return told

    return begin


@pytest.fixture
def tree(tmp_path):
    """Every file below the test's folder with its content."""

    def read():
        return {p.relative_to(tmp_path): p.read_bytes() if p.is_file() else None for p in Path(tmp_path).rglob("*")}

    return read
