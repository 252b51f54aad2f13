"""What the disk does for everyone: files and folders put in place whole, locks, and refusals as one error."""

import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from errno import ENOENT
from glob import escape
from pathlib import Path

from reseau.errors import DataError, FileError

__all__ = [
    "FolderLock",
    "absent",
    "alone_in",
    "file_error",
    "flush",
    "is_locked",
    "locked",
    "refusals",
    "replace_file",
    "replace_folder",
    "same_file",
    "take",
]

READ, WRITTEN = "it cannot be read", "it cannot be written"
CURES = {READ: "check the path", WRITTEN: "a folder that exists, may be written and has room"}
LOCK = ".lock"
LOCKED_BYTE = 1 << 30  # beyond what is written: Windows locks bytes, and others may read them no more


def file_error(path: str | os.PathLike[str], error: OSError, what: str = READ, cure: str | None = None) -> FileError:
    """What the system refuses, as one error that names the path.

    Args:
        path: The file or folder that was meant.
        error: What the system said.
        what: What cannot be done, in a clause.
        cure: A way out; there is one for reading and one for writing.
    """
    found = FileError(f"{os.fspath(path)}: {what}: {error.strerror or error}\n  fix: {cure or CURES[what]}")
    found.errno = error.errno
    return found


def absent(
    path: str | os.PathLike[str], what: str = "there is no such file or folder", cure: str | None = None
) -> FileError:
    """That something is not there, as the error that opening it would be; a name beside it that is close is told."""
    near = "" if cure else neighbor(Path(path))
    told = f"did you mean {near}? check the path" if near else CURES[READ]
    found = FileError(f"{os.fspath(path)}: {what}\n  fix: {cure or told}")
    found.errno = ENOENT
    return found


def neighbor(path: Path) -> str:
    """What is there under the name that is closest, not for its ending alone, or nothing."""
    try:
        names = [name for name in os.listdir(path.parent) if name != path.name]  # a link that leads nowhere
    except (OSError, ValueError):  # a null byte is in no path
        return ""
    alike = get_close_matches(path.stem, {Path(name).stem for name in names}, len(names) + 1)
    near = get_close_matches(path.name, [name for name in names if Path(name).stem in alike], 1)
    return str(path.with_name(near[0])) if near else ""


@contextmanager
def refusals(path: str | os.PathLike[str], what: str = READ, cure: str | None = None) -> Iterator[None]:
    """Every refusal of the system inside, as a `FileError`."""
    try:
        yield
    except (FileError, BrokenPipeError):  # a pipe is no file: whoever read what is printed has gone
        raise
    except OSError as error:
        raise file_error(path, error, what, cure) from error


def replace_file(path: Path, chunks: Iterable[bytes | memoryview], check: Callable[[Path], None] | None = None) -> None:
    """Put the bytes in the place of `path`, all of them or none: a new file, flushed to the disk, then renamed.

    What a process that was killed left of the same file is removed first, since it may need the room. `check` sees the
    new file before it is put in place; where it raises, the old one stays.

    Raises:
        FileError: The disk refuses.
    """
    target = Path(os.path.realpath(path))
    with refusals(path, WRITTEN):
        clear_unfinished(target)
        new, descriptor = new_beside(target)
        try:
            with open(descriptor, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                if check is not None:
                    check(new)
                os.fsync(file.fileno())
            os.replace(new, target)
        except BaseException:
            with suppress(OSError):  # it must not hide what went wrong
                new.unlink(missing_ok=True)
            raise
        flush(target.parent)


def new_beside(target: Path) -> tuple[Path, int]:
    """A new file in the folder of `target`, locked for as long as it is open, so that nobody takes it for abandoned."""
    while True:
        new = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        if locked(descriptor) and same_file(descriptor, new):
            return new, descriptor
        os.close(descriptor)  # another process cleared it away before it was locked


def clear_unfinished(target: Path) -> None:
    """Remove what was to become `target` in processes that are no more."""
    unfinished = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.tmp")
    with suppress(OSError):
        for path in target.parent.iterdir():
            if unfinished.fullmatch(path.name) and abandoned(path):
                path.unlink(missing_ok=True)


def abandoned(path: Path) -> bool:
    """Whether nobody is writing an unfinished file."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return locked(descriptor)
    finally:
        os.close(descriptor)


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
    """What the system holds of a file or a folder goes to the disk; Windows does so for folders by itself."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def locked(descriptor: int) -> bool:
    """Lock an open file until it is closed; false where another has locked it. Some file systems know no locks."""
    if sys.platform == "win32":
        import msvcrt

        place = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, place, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def same_file(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that stands at the path now."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:  # it is gone, or its folder is, or is one no more
        return False


class FolderLock:
    """A lock on a folder, by a file in it; gone when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self.descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock; false where another has it."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            if not locked(descriptor):
                os.close(descriptor)
                return False
            if same_file(descriptor, self.path):  # and not one that was removed in the meantime
                self.descriptor = descriptor
                return True
            os.close(descriptor)

    def held(self) -> bool:
        """Whether the lock is still that of the folder, and not of one that was removed."""
        return self.descriptor is not None and same_file(self.descriptor, self.path)

    def release(self) -> None:
        """Give the lock back, and leave no file."""
        if self.descriptor is None:
            return
        held, descriptor, self.descriptor = self.held(), self.descriptor, None
        with suppress(OSError):
            if held and os.name != "nt":
                self.path.unlink()
        os.close(descriptor)
        with suppress(OSError):
            if held and os.name == "nt":  # there, an open file cannot be removed
                self.path.unlink()


@contextmanager
def alone_in(folder: Path) -> Iterator[FolderLock]:
    """Make the folder, and keep other processes from training in it.

    Raises:
        DataError: Another process is training in it.
        FileError: The disk refuses.
    """
    lock = FolderLock(folder)
    take(lock, folder)
    try:
        yield lock
    finally:
        lock.release()


def take(lock: FolderLock, folder: Path) -> None:
    """Make the folder and lock it, or say who has it."""
    with refusals(folder, "checkpoints cannot be kept in it", "a folder that can be written"):
        folder.mkdir(parents=True, exist_ok=True)
        if lock.acquire():
            return
    raise DataError(f"another process is training in {folder}\n  fix: wait for it, or give another folder")


def is_locked(folder: Path) -> bool:
    """Whether a process is training in a folder that is there."""
    lock = FolderLock(folder)
    try:
        free = lock.acquire()
    except OSError:
        return False
    lock.release()
    return not free
