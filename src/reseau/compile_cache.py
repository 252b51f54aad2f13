"""Compiled programs kept on the disk for the next process: in a private folder, bounded, each entry with its digest.

JAX's own cache does the work; what it lacks is added here. A damaged entry is dropped and compiled again, where JAX
would warn at each start; only what this library compiles is kept, and JAX's settings stay as they are; a folder that
others could write to is not used, since its entries are machine code; entries of another version of JAX or of another
processor are never read. A cache that the program has set for JAX itself takes the place of this one.
"""

import os
import platform
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import mkstemp
from threading import RLock, local
from typing import Any

import jax
from jax._src import compilation_cache, config, core

from reseau.compiler import SOUND, Options

__all__ = ["SWITCH", "Folder", "Kept", "compiled_here", "cores", "folder_now", "kept", "use_compile_cache"]

SWITCH = "RESEAU_COMPILE_CACHE"  # the environment variable: "off", or a folder

MOST_BYTES = 256 << 20  # of all entries; a program of a fit takes about 40 kB

SUFFIX = ".program"

NAMES = ("persistent_cache_min_compile_time_secs", "compilation_cache_dir", "enable_compilation_cache")
"""Settings of JAX that are read here."""


class Folder:
    """Entries of JAX's compile cache in a folder of this user alone.

    Args:
        path: The folder.
        most: Bytes of all entries; the ones that were used longest ago go first.
    """

    def __init__(self, path: Path, most: int = MOST_BYTES) -> None:
        self._path, self.most = path, most
        self.unchecked = 0  # that may be filled before the folder is looked at again

    def get(self, key: str) -> bytes | None:
        """The entry, or nothing where there is none that is whole."""
        file = self.file(key)
        try:
            content = file.read_bytes()
            if content[:32] == digest(key, content[32:]):
                os.utime(file)
                return content[32:]
            file.unlink()
        except OSError:
            pass
        return None

    def put(self, key: str, value: bytes) -> None:
        """Write an entry, in place only when it is whole; where the disk refuses, there is none."""
        with suppress(OSError):
            if len(value) > self.most // 4:
                return
            descriptor, new = mkstemp(dir=self._path)
            try:
                with open(descriptor, "wb") as file:
                    file.write(digest(key, value) + value)
                os.replace(new, self.file(key))
            except OSError:
                os.unlink(new)
                return
            self.unchecked -= 32 + len(value)
            if self.unchecked < 0:
                self.shorten()

    def file(self, key: str) -> Path:
        """Where an entry is; the name depends on what it was compiled by and for."""
        return self._path / (sha256((machine() + key).encode()).hexdigest()[:40] + SUFFIX)

    def shorten(self) -> None:
        """Remove the entries that were used longest ago, until there is room."""
        with os.scandir(self._path) as found:
            files = [(status.st_mtime, status.st_size, entry.path) for entry in found for status in [entry.stat()]]
        self.unchecked = self.most // 64
        excess = sum(size for _, size, _ in files) - (self.most - self.unchecked)
        for _, size, path in sorted(files):
            if excess <= 0:
                break
            os.unlink(path)
            excess -= size

    def clear(self) -> None:
        """Nothing is held in memory."""


def digest(key: str, value: bytes) -> bytes:
    """Of an entry under its key."""
    return sha256(machine().encode() + key.encode() + value).digest()


@cache
def machine() -> str:
    """The versions of JAX and the processor with all that it can do."""
    compiler = version("jaxlib")
    with suppress(OSError), open("/proc/cpuinfo") as file:
        lines = iter(file.readline, "\n")  # the first of the processors
        kept = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
        return f"{jax.__version__} {compiler} {platform.machine()} {''.join(kept)}"
    return f"{jax.__version__} {compiler} {platform.machine()} {platform.processor()}"


def cores() -> int:
    """Threads that XLA takes for a kernel, by whose number it splits sums: as many as it has cores, or as are fixed."""
    fixed = os.environ.get("PJRT_NPROC") or os.environ.get("NPROC") or ""
    if fixed.isdigit() and int(fixed) > 0:
        return int(fixed)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def private(path: Path) -> Path | None:
    """The folder, made now if need be; nothing where it cannot be written, or others than this user could."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
    except OSError:
        return None
    ours = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
    return path if stat.S_ISDIR(status.st_mode) and ours and os.access(path, os.W_OK) else None


def usual() -> Path | None:
    """The folder that the environment names, else that of the user's cache; nothing where it is switched off."""
    said = os.environ.get(SWITCH, "")
    if said.lower() in ("off", "0", "none", "no", "false"):
        return None
    if said:
        return Path(said)
    with suppress(RuntimeError):  # there is no home
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reseau" / "programs"
    return None


class Chosen:
    """Which folder serves, and which thread is compiling for this library."""

    def __init__(self) -> None:
        self.lock, self.inside, self.threads = RLock(), 0, local()
        self.everything = False
        self.folder: Folder | None = None
        self.known = False

    def use(self, path: Path | None) -> Folder | None:
        """Take this folder from now on, or none."""
        with self.lock:
            found = None if path is None else private(path)
            self.folder, self.known = None if found is None else Folder(found), True
            return self.folder

    def current(self) -> Folder | None:
        """The folder; the usual one where none was chosen."""
        return self.folder if self.known else self.use(usual())

    # what JAX calls

    def get(self, key: str) -> bytes | None:
        """An entry, for a thread that compiles for this library."""
        return self.folder.get(key) if self.folder is not None and self.asks() else None

    def put(self, key: str, value: bytes) -> None:
        """Keep an entry, from a thread that compiles for this library."""
        if self.folder is not None and self.asks():
            self.folder.put(key, value)

    def asks(self) -> bool:
        wanted = self.everything or getattr(self.threads, "inside", False)
        return wanted and not getattr(self.threads, "aside", False)

    @property
    def _path(self) -> Path | None:  # JAX names it in its log
        return None if self.folder is None else self.folder._path


CHOSEN = Chosen()


def folder_now() -> Folder | None:
    """Where programs of this library are kept; nothing where they are not, or where JAX has a cache of its own."""
    if CHOSEN.current() is None or not _enter():
        return None
    _leave()
    return CHOSEN.folder


@contextmanager
def kept() -> Iterator[None]:
    """What this thread compiles meanwhile is read from the disk, or written there."""
    if getattr(CHOSEN.threads, "inside", False) or CHOSEN.current() is None or not _enter():
        yield
        return
    CHOSEN.threads.inside = True
    try:
        with config.persistent_cache_min_compile_time_secs(0.0):
            yield
    finally:
        CHOSEN.threads.inside = False
        _leave()


@contextmanager
def compiled_here() -> Iterator[None]:
    """What this thread compiles meanwhile does not come from the disk, and JAX does not write it there.

    An executable that was read cannot be written again: the runtime leaves out functions of it.
    """
    CHOSEN.threads.aside = True
    try:
        yield
    finally:
        CHOSEN.threads.aside = False


def use_compile_cache(folder: str | os.PathLike[str] | None = "") -> None:
    """Where compiled programs are kept for the next process; without a call, those of this library alone are.

    Programs are machine code, so the folder is one that only this user can read and write; another is not used. It
    holds at most 256 MiB. A cache that is set for JAX itself (`JAX_COMPILATION_CACHE_DIR`) takes its place.

    Args:
        folder: The folder, in which all programs of JAX are kept from now on, whoever compiles them: for an
            application. By default the one that the environment variable `RESEAU_COMPILE_CACHE` names, else
            `reseau/programs` in the user's cache (`$XDG_CACHE_HOME`, or `~/.cache`). None: nothing is read or written,
            as with `RESEAU_COMPILE_CACHE=off`.

    Example:
        >>> import reseau as rs
        >>> rs.use_compile_cache(None)
    """
    with CHOSEN.lock:
        if CHOSEN.everything:
            CHOSEN.everything = False
            _leave()
        path = usual() if folder == "" else None if folder is None else Path(folder)
        if CHOSEN.use(path) is not None and folder is not None and _enter():
            CHOSEN.everything = True
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _enter() -> bool:
    """Put this cache in the place of JAX's, where there is none; whether it could be done."""
    with CHOSEN.lock:
        if CHOSEN.inside == 0 and _theirs() is not None:
            return False
        if config.compilation_cache_dir.value or not config.enable_compilation_cache.value:
            return False  # the user has chosen
        compilation_cache._cache = CHOSEN  # type: ignore[assignment]
        CHOSEN.inside += 1
    return True


def _theirs() -> Any:
    """The cache that JAX uses now; something where that cannot be said, as JAX promises nothing about its name."""
    known = all(hasattr(config, name) for name in NAMES)
    return getattr(compilation_cache, "_cache", "unknown") if known else "unknown"


def _leave() -> None:
    with CHOSEN.lock:
        CHOSEN.inside -= 1
        if CHOSEN.inside == 0 and _theirs() is CHOSEN:
            compilation_cache._cache = None


class Kept:
    """A function that XLA compiles; what the first call compiles is kept on the disk.

    Args:
        function: Of arrays.
        options: What XLA is told. Where the function is traced as a part of another program, that program's count.
        donate_argnums: As `jax.jit` takes them.
        keep_unused: As `jax.jit` takes it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        options: Options = SOUND,
        *,
        donate_argnums: int | tuple[int, ...] = (),
        keep_unused: bool = False,
    ) -> None:
        self.program = jax.jit(
            function, compiler_options=options, donate_argnums=donate_argnums, keep_unused=keep_unused
        )
        self.part, self.fresh = jax.jit(function), True

    def __call__(self, *arguments: Any) -> Any:
        if not core.trace_state_clean():
            return self.part(*arguments)
        if not self.fresh:
            return self.program(*arguments)
        with kept():
            found = self.program(*arguments)
        self.fresh = False
        return found
