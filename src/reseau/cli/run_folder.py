"""The folder of a run: there when it is whole, and not before."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reseau.disk import WRITTEN, absent, refusals, replace_folder
from reseau.errors import DataError

__all__ = [
    "FACTS", "FILES", "HISTORY", "MODEL", "OUTPUTS", "ROWS",
    "check_not_read", "check_place", "find_model", "new_folder",
]  # fmt: skip

MODEL = "model.safetensors"
ROWS = "training-rows.safetensors"
OUTPUTS = "test-outputs.safetensors"
FACTS, HISTORY = "report.json", "history.csv"
PICTURES = ("history.png", "network.svg", "predictions.svg", "confusion.svg", "calibration.svg", "importance.svg")
FILES = frozenset({MODEL, ROWS, OUTPUTS, HISTORY, FACTS, "report.md", "report.html", *PICTURES})


@contextmanager
def new_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` at the end; nothing stays of it if anything goes wrong.

    Args:
        path: Where the folder shall be.
        force: Whether it may replace the folder of an earlier run. A folder with other files is never replaced.
    """
    check_place(path, force=force)
    path = Path(os.path.realpath(path))
    absent = [p for p in (path, *path.parents) if not p.exists()][1:]
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with refusals(path, WRITTEN, "--out with a folder that can be written"):
        try:
            new.mkdir(parents=True)
            yield new
            absent = []
            replace_folder(new, path)
        finally:
            shutil.rmtree(new, ignore_errors=True)
            for parent in absent:
                with suppress(OSError):
                    parent.rmdir()


def find_model(run: str) -> Path:
    """The model file of a run's folder, or the file itself."""
    path = Path(run)
    if path.is_dir():
        if not (path / MODEL).is_file():
            raise DataError(f"{run}: the folder holds no {MODEL}\n  fix: give a folder that `reseau train` wrote")
        return path / MODEL
    if not path.exists():
        raise absent(run, "there is no such folder or file", "give a folder that `reseau train` wrote")
    return path


def check_place(path: Path, *, force: bool) -> None:
    """Refuse a place that is taken, before any work is done."""
    path = Path(os.path.realpath(path))
    if not path.is_dir():
        if path.exists() or path.is_symlink():
            raise DataError(f"{path} is a file, not a folder\n  fix: --out with another name")
        return
    found = sorted(p.name for p in path.iterdir())
    foreign = [name for name in found if name not in FILES]
    if foreign:
        raise DataError(f"the folder {path} holds other files, such as {foreign[0]!r}\n  fix: --out with another name")
    if found and not force:
        raise DataError(
            f"the folder {path} holds an earlier run\n  fix: --force replaces it, or --out with another name"
        )


def check_not_read(out: str | None, data: str | None) -> None:
    """Refuse to write over the file that is read, by whatever name."""
    if out and data and Path(out).is_file() and Path(data).exists() and Path(out).samefile(data):
        raise DataError(f"{out} is the data that is read, and would be lost\n  fix: --out with another name")
