"""The text of a file as UTF-8, whatever its encoding, in pieces as pyarrow asks for them."""

import codecs
import io
import re
import shlex
from collections.abc import Iterator
from itertools import chain
from threading import Event, Lock
from time import sleep
from typing import Any

from reseau.data.readers.files import Source
from reseau.data.readers.other_programs import refuse_foreign
from reseau.errors import DataError

__all__ = ["BLOCK_BYTES", "Feed", "Pieces", "single_spaced", "utf8"]

SHOWN_BYTES = 1 << 18  # from which the layout is decided
BLOCK_BYTES = 1 << 22
PATIENCE = 0.05  # seconds
QUOTED_OR_SPACES = re.compile(rb'"[^"]*"|\s+')
MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class Feed:
    """The text of a file as UTF-8, in pieces as they are asked for, as pyarrow reads files; it counts the lines."""

    closed = False

    def __init__(self, source: Source) -> None:
        self.source, self.reading, self.over = source, Lock(), Event()
        self.spaced = b""  # the delimiter, where spaces between it and a quote are to go
        self.text: Iterator[bytes] = iter(())
        self.again()
        shown, size = [], 0
        for chunk in self.text:
            shown.append(chunk)
            size += len(chunk)
            if size >= SHOWN_BYTES:
                break
        begin = b"".join(shown)
        if not begin.strip():
            raise DataError(f"{source}: it is empty\n  fix: give a file with a header and rows")
        self.whole: bool = size < SHOWN_BYTES
        self.shown: str = begin.decode("utf-8", "ignore")
        self.text = chain([begin], self.text)

    def again(self) -> None:
        """From the beginning."""
        self.text = utf8(self.source)
        self.rest, self.ends, self.begun, self.ended = b"", 0, False, True
        self.over.clear()

    @property
    def lines(self) -> int:
        """How many were read."""
        return self.ends + (not self.ended)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is open between two pieces."""

    def stop(self) -> None:
        """End the text here: pyarrow reads ahead in a thread, which would abort a process that ends meanwhile."""
        self.text = iter(())
        with self.reading:
            self.rest = b""
        if not self.over.is_set() and self.over.wait(PATIENCE):
            sleep(PATIENCE / 10)  # the thread was told, and lets go of what it was given

    def read(self, size: int = -1) -> bytes:
        """The next bytes, as many as `size` unless the file ends."""
        with self.reading:
            given = self._read(size)
        if size and not given:
            self.over.set()
        return given

    def _read(self, size: int) -> bytes:
        parts, count = [self.rest], len(self.rest)
        while size < 0 or count < size:
            part = next(self.text, None)
            if part is None:
                break
            part = self._tidy(part)
            parts.append(part)
            count += len(part)
        whole = b"".join(parts)
        given, self.rest = (whole, b"") if size < 0 else (whole[:size], whole[size:])
        return given

    def _tidy(self, part: bytes) -> bytes:
        if not self.begun:
            bare = part.lstrip(b"\r\n")  # pyarrow would take a blank line for the header
            self.ends += part.count(b"\n") - bare.count(b"\n")
            part, self.begun = bare, bool(bare)
        self.ends += part.count(b"\n")
        self.ended = part[-1:] == b"\n" if part else self.ended
        if self.spaced:
            part = re.sub(rb"(" + re.escape(self.spaced) + rb"|^|\n) +(?=\")", rb"\1", part)
        return part


def utf8(source: Source) -> Iterator[bytes]:
    """The text in UTF-8, cut between lines where it can be."""
    decoder: Any = None
    read, left, encoding = 0, b"", ""
    for chunk in source.chunks():
        if not encoding:
            refuse_foreign(source, chunk)
            encoding = _encoding(chunk)
            decoder = codecs.getincrementaldecoder(encoding)()
        left += chunk
        end = max(left.rfind(b"\n"), left.rfind(b"\r")) + 1 if encoding == "utf-8-sig" else len(left)
        if not end and len(left) < 4 * BLOCK_BYTES:
            continue
        end = end or len(left)
        part, left = left[:end], left[end:]
        yield _decoded(source, decoder, part, read, encoding, final=False)
        read += len(part)
    if encoding:
        yield _decoded(source, decoder, left, read, encoding, final=True)


def single_spaced(text: Iterator[bytes]) -> Iterator[bytes]:
    """The text with one space for each run of spaces and tabs outside quotes, and none at the ends of lines.

    Example:
        >>> b"".join(single_spaced(iter([b"  1.5   2\\n", b'3 \\t"New  York" \\n'])))
        b'1.5 2\\n3 "New  York"\\n'
    """
    rest = b""
    for part in text:
        lines, end, rest = (rest + (part if b"\n" in part else part.replace(b"\r", b"\n"))).rpartition(b"\n")
        yield b"\n".join(map(_single_spaced, lines.split(b"\n"))) + end if end else b""
    yield _single_spaced(rest)


def _single_spaced(line: bytes) -> bytes:
    if b'"' not in line:
        return b" ".join(line.split())
    return QUOTED_OR_SPACES.sub(lambda found: found[0] if found[0][:1] == b'"' else b" ", line).strip()


def _decoded(source: Source, decoder: Any, part: bytes, read: int, encoding: str, final: bool) -> bytes:
    try:
        text = decoder.decode(part, final)
    except UnicodeError as error:
        start = read + getattr(error, "start", 0)
        if encoding == "utf-8-sig" and b"\0" not in part:
            name = shlex.quote(str(source))
            cure = f"if it comes from Windows, convert it: iconv -f cp1252 -t utf-8 {name} > utf-8.csv"
            raise DataError(f"{source}: byte {start} is not UTF-8 text\n  fix: {cure}") from error
        kind = encoding.removesuffix("-sig").upper()
        raise DataError(
            f"{source}: byte {start} is not {kind} text, and the file looks like no other kind of text\n"
            "  fix: give a CSV, Parquet, Arrow or JSON file"
        ) from error
    return text.encode()


def _encoding(head: bytes) -> str:
    """How the text is encoded: by its mark, or by the zero bytes of its first letters."""
    marked = next((name for mark, name in MARKS if head.startswith(mark)), None)
    if marked:
        return marked
    even, odd = head[:1000:2], head[1:1000:2]
    if even and odd and even.count(0) + odd.count(0) > 0.3 * len(even):
        if odd.count(0) > 0.6 * len(odd) and even.count(0) < 0.1 * len(even):
            return "utf-16-le"
        if even.count(0) > 0.6 * len(even) and odd.count(0) < 0.1 * len(odd):
            return "utf-16-be"
    return "utf-8-sig"


class Pieces(io.RawIOBase):
    """Pieces as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.rest = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, memory: Any) -> int:
        while not self.rest:
            piece = next(self.pieces, None)
            if piece is None:
                return 0
            self.rest = piece
        count = min(len(memory), len(self.rest))
        memory[:count], self.rest = self.rest[:count], self.rest[count:]
        return count
