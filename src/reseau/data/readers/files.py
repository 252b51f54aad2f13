"""Files as bytes, whatever they are packed in: gzip, bzip2, xz, zip, and standard input."""

import bz2
import gzip
import io
import lzma
import os
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from reseau.data.readers.workbook import workbook_text
from reseau.disk import file_error
from reseau.errors import DataError

__all__ = ["Source", "read_bytes"]

CHUNK_BYTES = 1 << 22
MOST_UNPACKED = 2 << 30  # bytes: a small packed file can claim to hold a disk
MOST_XZ_MEMORY = 1 << 28  # bytes that an xz file may ask for to be unpacked
WORKBOOK = "xl/workbook.xml"
OTHER_SPREADSHEETS = ("xl/workbook.bin", "content.xml")
FAILURES = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)


@dataclass(frozen=True)
class Source:
    """Where a table comes from: a file, or a pipe, which is read once and kept.

    Attributes:
        path: The file or the pipe, such as `/dev/stdin`; "-" for standard input.
    """

    path: str | PathLike[str]

    def __str__(self) -> str:
        return "standard input" if str(self.path) == "-" else str(self.path)

    @cached_property
    def content(self) -> bytes | None:
        """What a pipe holds; nothing for a file, which can be read again."""
        if str(self.path) == "-":
            return sys.stdin.buffer.read()
        status = os.stat(self.path)
        if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            return None
        with open(self.path, "rb") as pipe:
            held = pipe.read(MOST_UNPACKED + 1)
        if len(held) > MOST_UNPACKED:
            raise DataError(f"{self}: it gives more than {MOST_UNPACKED} bytes\n  fix: write them to a file first")
        return held

    def open(self) -> BinaryIO:
        """The bytes as they stand."""
        return open(self.path, "rb") if self.content is None else io.BytesIO(self.content)

    @cached_property
    def head(self) -> bytes:
        """The first bytes as they stand."""
        with self.refusals(), self.open() as file:
            return file.read(8)

    def chunks(self) -> Iterator[bytes]:
        """The bytes, unpacked, some millions at a time.

        Raises:
            DataError: The file is missing, damaged, or too large unpacked; or it is a spreadsheet, or several files.
        """
        with self.refusals(), self.open() as file:
            total = 0
            for chunk in self._unpacked(file):
                total += len(chunk)
                if self.packed and total > MOST_UNPACKED:
                    raise DataError(
                        f"{self}: it unpacks to more than {MOST_UNPACKED} bytes\n"
                        "  fix: unpack the file yourself, or train from a folder of Parquet files, which are streamed"
                    )
                yield chunk

    @property
    def packed(self) -> str:
        """What the bytes are packed by, as their first ones say; empty where they are not."""
        kinds = {
            b"\x1f\x8b": "gzip",
            b"BZh": "bzip2",
            b"\xfd7zXZ\x00": "xz",
            b"PK\x03\x04": "zip",
            b"PK\x05\x06": "zip",
        }
        return next((kind for magic, kind in kinds.items() if self.head.startswith(magic)), "")

    @cached_property
    def workbook(self) -> bool:
        """Whether it is an Excel workbook of the new kind."""
        if self.packed != "zip":
            return False
        with self.refusals(), self.open() as file, zipfile.ZipFile(file) as archive:
            return WORKBOOK in archive.namelist()

    def refusals(self) -> "_Refusals":
        """Whatever goes wrong while the file is read is one `DataError`."""
        return _Refusals(self)

    def _unpacked(self, file: BinaryIO) -> Iterator[bytes]:
        if self.head == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
            raise _spreadsheet(self, "an Excel workbook of the old kind (.xls)")
        if self.packed == "xz":
            yield from _xz(file)
            return
        if self.packed == "zip":
            with zipfile.ZipFile(file) as archive:
                if self.workbook:
                    yield from workbook_text(file, str(self))
                    return
                with archive.open(_only_member(self, archive)) as member:
                    yield from iter(lambda: member.read(CHUNK_BYTES), b"")
            return
        opened: BinaryIO = file
        if self.packed == "gzip":
            opened = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
        elif self.packed == "bzip2":
            opened = bz2.BZ2File(file)  # type: ignore[assignment]
        yield from iter(lambda: opened.read(CHUNK_BYTES), b"")


def read_bytes(path: Path) -> bytes:
    """The whole file, unpacked; `DataError` where that fails or it grows too large."""
    return b"".join(Source(path).chunks())


class _Refusals:
    """Turns what reading raises into a `DataError` that names the file, a `FileError` where the system refuses it."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DataError) or error is None:
            return
        source = self.source
        broken = isinstance(error, FAILURES) or (isinstance(error, OSError) and error.errno is None)
        if broken or (isinstance(error, RuntimeError | ValueError) and source.packed == "zip"):
            said = str(error) or type(error).__name__
            raise DataError(
                f"{source}: it is a damaged {source.packed} file: {said}\n  fix: get the file again"
            ) from error
        if isinstance(error, OSError):
            raise file_error(str(source), error) from error


def _xz(file: BinaryIO) -> Iterator[bytes]:
    """The unpacked bytes of an xz file, of one or more streams."""
    rest = file.read(CHUNK_BYTES)
    while rest.strip(b"\0"):
        unpacker = lzma.LZMADecompressor(memlimit=MOST_XZ_MEMORY)
        while not unpacker.eof:
            if not rest and unpacker.needs_input and not (rest := file.read(CHUNK_BYTES)):
                raise EOFError("it ends before its last block")
            yield unpacker.decompress(rest, CHUNK_BYTES)
            rest = b""
        rest = unpacker.unused_data or file.read(CHUNK_BYTES)


def _only_member(source: Source, archive: zipfile.ZipFile) -> str:
    """The one file in a zip archive."""
    names = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX/")]
    if any(name in OTHER_SPREADSHEETS for name in names):
        raise _spreadsheet(source, "a spreadsheet (.xlsb or .ods)")
    if len(names) != 1:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise DataError(
            f"{source}: the archive holds {len(names)} files{f' ({shown})' if names else ''}, not one table\n"
            f"  fix: unzip {source}, and give one of them"
        )
    return names[0]


def _spreadsheet(source: Source, what: str) -> DataError:
    out = Path(str(source)).with_suffix(".csv")
    return DataError(
        f"{source}: it is {what}, not a CSV file\n"
        f"  fix: save the sheet as CSV UTF-8 in the spreadsheet program, or in Python: "
        f"pandas.read_excel({str(source)!r}).to_csv({str(out)!r}, index=False)"
    )
