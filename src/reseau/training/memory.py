"""Memory that is kept from step to step, where the system would take it back and give it again."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["kept"]

# names and defaults of `mallopt` in glibc's malloc.h
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -3, -4, -8
KEPT = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1, ARENA_MAX: 1}
# a setting ends glibc's own adjustment, so what that reaches at most is set: arrays up to 32 MiB are kept, as before
USUAL = {MMAP_MAX: 65_536, MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**26, ARENA_MAX: 0}


@contextmanager
def kept() -> Iterator[None]:
    """Within it, glibc keeps what is freed; after it, all that is free goes back to the system.

    A step that is dispatched by itself allocates its temporary arrays anew. Above 32 MiB, glibc takes each from the
    system and gives it back, page by page: 12,800 pages a step of `make bench` (d2), of which 2,200 are left here. What
    is above 64 MiB in a thread of XLA's that began before is still given back: 40,000 pages a step of (d3). Other
    libraries of C allocate as they do.
    """
    libc = glibc()
    if libc is None:
        yield
        return
    for name, value in KEPT.items():
        libc.mallopt(name, value)
    try:
        yield
    finally:
        for name, value in USUAL.items():
            libc.mallopt(name, value)
        libc.malloc_trim(0)


def glibc() -> ctypes.CDLL | None:
    """The library of C of this process, if it is glibc."""
    try:
        if sys.platform != "linux" or not os.confstr("CS_GNU_LIBC_VERSION"):
            return None
    except ValueError:  # another library, which has no such name
        return None
    return ctypes.CDLL(None)
