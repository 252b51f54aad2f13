"""Files and folders put in their place whole: written beside it, flushed to the disk, then renamed."""

import os
import secrets
import shutil
from collections.abc import Iterable
from glob import escape
from pathlib import Path

from reseau.errors import ModelFileError, ReseauError

__all__ = ["flush", "replace_file", "replace_folder"]


def replace_file(path: Path, chunks: Iterable[bytes | memoryview], refusal: type[ReseauError] = ModelFileError) -> None:
    """Put the bytes in the place of `path`, all of them or none: a new file, flushed to the disk, then renamed.

    Raises:
        ReseauError: The disk refuses; of the class `refusal`.
    """
    target = Path(os.path.realpath(path))
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(new, "xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, target)
        finally:
            new.unlink(missing_ok=True)
        flush(target.parent)
    except OSError as error:
        raise refusal(
            f"{path}: it cannot be written: {error.strerror or error}\n"
            "  fix: a folder that exists, may be written and has room"
        ) from error


def replace_folder(new: Path, path: Path) -> None:
    """Put the folder `new` in the place of `path`; the old folder comes back if that fails."""
    for file in new.iterdir():
        flush(file)
    flush(new)
    old = path.with_name(f"{new.name}.old")
    had = path.exists()
    if had:
        os.rename(path, old)
    try:
        os.rename(new, path)
    except BaseException:
        if had:
            os.rename(old, path)
        raise
    for left in path.parent.glob(f".{escape(path.name)}.????????.tmp*"):  # by this process, or by one that was killed
        shutil.rmtree(left, ignore_errors=True)
    flush(path.parent)


def flush(path: Path) -> None:
    """What the system holds of a file or a folder goes to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
