"""Commands run in the process of the tests, in a folder of their own."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from reseau.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit status and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Each test stands in an empty folder, and leaves JAX's settings alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path.parent / "compiled"))


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


@pytest.fixture
def tree(tmp_path):
    """Every file below the test's folder with its content."""

    def read():
        return {p.relative_to(tmp_path): p.read_bytes() if p.is_file() else None for p in Path(tmp_path).rglob("*")}

    return read
