"""Which file is read: its size and its time say whether it changed while it was read, sampled bytes what it holds."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from reseau.disk import refusals
from reseau.errors import DataError

__all__ = ["Identity", "digest_of"]

SAMPLES, SAMPLE_BYTES = 8, 1024


@dataclass(frozen=True)
class Identity:
    """A file as it stood when it was first looked at.

    Attributes:
        path: The file.
        size: Its size, in bytes.
        time: When it was last written, in nanoseconds.
    """

    path: Path
    size: int
    time: int

    @classmethod
    def of(cls, path: Path, file: BinaryIO) -> "Identity":
        """That of an open file."""
        known = os.fstat(file.fileno())
        return cls(path, known.st_size, known.st_mtime_ns)

    def check(self, file: BinaryIO) -> None:
        """Refuse a file that is another by now."""
        if Identity.of(self.path, file) != self:
            raise DataError(
                f"{self.path}: it was changed while it was read\n"
                "  fix: leave the files in place, unchanged, until the run is over; then make the stream again"
            )


def digest_of(path: Path, start: int, stop: int) -> str:
    """A digest of bytes sampled evenly between two places of a file, the first and the last of them included."""
    length = stop - start
    size = SAMPLE_BYTES if length > SAMPLES * SAMPLE_BYTES else length
    places = [start + (length - size) * k // (SAMPLES - 1) for k in range(SAMPLES)] if size < length else [start]
    digest = sha256()
    with refusals(path), open(path, "rb", buffering=0) as file:
        for place in places:
            file.seek(place)
            digest.update(file.read(size))
    return digest.hexdigest()
