"""What is said of CSV files that cannot be read as they stand: their names, their rows, what stands above and below."""

import csv
import io
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

import numpy as np

from reseau.data.readers.files import Source
from reseau.data.readers.sniffing import SHOWN_ROWS, Layout
from reseau.data.readers.text import Pieces, single_spaced, utf8
from reseau.data.table.columns import Cells, Texts
from reseau.data.table.mending import mended
from reseau.errors import DataError

__all__ = [
    "check_absent", "check_names", "every_line", "ragged_rows", "refuse_nameless", "refuse_second_header",
    "refuse_title",
]  # fmt: skip


def check_names(path: object, names: Sequence[str], *, renamed: bool = False) -> None:
    """Refuse columns that cannot be told apart by name; `renamed` says whether other names may be given."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(i + 1) for i, name in enumerate(names) if name == twice[0]]
        here = f", in the file or here: --names {shlex.quote(_own_names(names))}" if renamed else ""
        both = " and ".join(places[:3])
        raise DataError(f"{path}: columns {both} are both called {twice[0]!r}\n  fix: give each its own name{here}")
    if "" in names:
        raise DataError(f"{path}: column {[*names].index('') + 1} has no name\n  fix: name it")


def refuse_nameless(path: object, names: Sequence[str], place: int) -> None:
    """Refuse a column that holds something and has no name."""
    given = _line([f"column {i + 1}" if name == f"Unnamed: {i}" else name for i, name in enumerate(names)])
    raise DataError(
        f"{path}: column {place + 1} has no name\n  fix: name it, in the file or here: --names {shlex.quote(given)}"
    )


def refuse_second_header(source: Source, names: Sequence[str], cells: Sequence[Cells], lines: Sequence[int]) -> None:
    """Refuse a file in which the line of names comes again, as where several files were joined."""
    again: np.ndarray | bool = True
    for name, column in zip(names, cells, strict=True):
        if not isinstance(column, Texts) or name not in column.values:
            return
        again = again & (column.codes == column.values.index(name))
    if names and np.any(again):
        cure = mended("leave such lines out", "awk 'NR == 1 {head = $0} NR == 1 || $0 != head'", source)
        line = lines[int(np.argmax(again))]
        raise DataError(f"{source}: line {line} holds the names of the columns again\n  fix: {cure}")


def _own_names(names: Sequence[str]) -> str:
    """The names with a number behind each that occurred before, as a line of a CSV file."""
    found: list[str] = []
    for name in names:
        own, count = name, 2
        while own in found or (own != name and own in names):
            own, count = f"{name} {count}", count + 1
        found.append(own)
    return _line(found)


def _line(names: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()


def refuse_title(source: Source, shown: str, layout: Layout, found: Sequence[str]) -> None:
    """Refuse a header without names where a later line could be the header: what is above it is to be left out."""
    rows = csv.reader(shown.splitlines(), delimiter=layout.delimiter)
    full = next((i for i, row in enumerate(rows) if len(row) == len(found) and all(map(str.strip, row))), 0)
    if full:
        blank = [str(i + 1) for i, name in enumerate(found) if not name]
        cure = without_head(source, full + 1)
        raise DataError(f"{source}: columns {', '.join(blank[:6])} have no name in line 1\n  fix: {cure}")


def check_absent(path: object, names: Sequence[str], without: Collection[str]) -> None:
    """Refuse to leave out columns that are not there."""
    absent = [name for name in without if name not in names]
    if absent:
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise DataError(f"{path}: there is no column {absent[0]!r} to leave out\n  fix: --drop with some of {shown}")


def every_line(source: Source, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, the first too, however many cells it has."""
    pieces = single_spaced(utf8(source)) if layout.aligned else utf8(source)
    text = io.TextIOWrapper(io.BufferedReader(Pieces(pieces)), encoding="utf-8", newline="")
    reader = csv.reader(text, delimiter=layout.delimiter, skipinitialspace=True)
    return ((reader.line_num, row) for row in reader if row)


def ragged_rows(source: Source, layout: Layout) -> DataError:
    """Which row has more or fewer cells than the first; or that the table begins below a title."""
    width = len(layout.first)
    shown = list(islice(every_line(source, layout), SHOWN_ROWS))
    usual = Counter(len(cells) for _, cells in shown).most_common(1)[0][0]
    begin = next((i for i, (_, cells) in enumerate(shown) if len(cells) == usual), 0)
    rows = islice(every_line(source, layout), layout.header, None)
    line, cells = next((each for each in rows if len(each[1]) != width), (0, []))
    whole = next((number for number, row in shown if len(row) == width), shown[0][0])
    said = f"{source}: line {line} has {len(cells)} cells, line {whole} has {width}"
    if any("\\" in cell for cell in cells) and any('"' in cell for cell in cells):  # such a cell was cut in two
        cure = mended("write two quotes", """sed 's/\\\\"/""/g'""", source)
        return DataError(f"{said}; a backslash stands before quotes in its cells\n  fix: {cure}")
    if (usual, begin) == (width + 1, 1):
        said = f"{source}: line 1 has {width} cells, the others have {usual}"
        if not any(cells[-1].strip() for _, cells in shown[1:]):
            cure = mended("remove it", f"sed '2,$s/{layout.delimiter}\\r*$//'", source)
            return DataError(f"{said}: they end with {layout.delimiter!r}\n  fix: {cure}")
        cure = mended("if that is the first one", f"sed '1s/^/row{layout.delimiter}/'", source)
        return DataError(f"{said}: one column has no name, or texts of one are not in quotes\n  fix: {cure}")
    below = [len(cells) for _, cells in shown[begin:]]
    if usual > width and begin and width not in below and all(len(cells) < usual for _, cells in shown[:begin]):
        return DataError(
            f"{source}: line {shown[0][0]} has {width} cells, most lines have {usual}\n"
            f"  fix: {without_head(source, shown[begin - 1][0] + 1)}"
        )
    return DataError(
        f"{said}\n"
        f"  fix: give every row {width} cells, quoting those that hold {layout.delimiter!r}; "
        "or --auto (auto=True) leaves such rows out while they are few"
    )


def without_head(source: Source, first: int) -> str:
    """The command that leaves out what stands above a line."""
    return mended("leave out what stands above the header", f"tail -n +{first}", source)
