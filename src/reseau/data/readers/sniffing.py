"""What a CSV file looks like, decided from its first lines: what stands between cells, and whether names come first."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from reseau.data.readers.text import single_spaced
from reseau.data.table.columns import NOTHING, is_data
from reseau.data.table.dates import is_date
from reseau.data.table.mending import mended
from reseau.data.table.notation import is_number
from reseau.errors import DataError

__all__ = ["Layout", "sniff"]

DELIMITERS = ",;\t|"
SHOWN_ROWS = 200
CELL = re.compile(r'"[^"]*"|\S+')
ALIGNED = re.compile(r"(?:^|\t) *[-+.\deE]+ {2,}[-+.\deE]+ +[-+.\deE]+[^\t]*(?:\t|$)")
DOUBLE_QUOTES = """sed "s/'/\\"/g\""""  # in place of single ones
YEARS = range(1800, 2101)
FEWEST_RUNNING = 5  # numbers one after another that are names: three or four may be the first row
CODE = re.compile(r"0\d{2,}|\d+E\d+")  # what is lost where it is read as a number: 01067, 1E5
IN_THOUSANDS = re.compile(r"[+\-]?[1-9]\d{0,2}(?:\.\d{3})+")


@dataclass(frozen=True)
class Layout:
    """How the cells of a file stand.

    Attributes:
        delimiter: What stands between them.
        spaced: Whether spaces stand between a delimiter and the quote that opens a cell.
        first: The cells of the first row; a blank one before them where it names all columns but the first.
        header: Whether they are names.
        codes: The columns whose cells are digits that no number keeps, such as `01067` or `1E5`.
        points: The columns whose points all stand before three digits, as `1.234`.
        aligned: Whether runs of spaces or tabs are each one delimiter.
    """

    delimiter: str
    spaced: bool
    first: tuple[str, ...]
    header: bool
    codes: frozenset[int] = frozenset()
    points: frozenset[int] = frozenset()
    aligned: bool = False


def sniff(path: str, text: str, *, whole: bool, delimiter: str | None, header: bool | None) -> Layout:
    """The layout that the first lines show.

    Args:
        path: What messages call the file.
        text: Its beginning.
        whole: Whether that is all of it; if not, its last line may be cut off.
        delimiter: What stands between cells; decided from all of these lines where it is not given.
        header: Whether the first row holds names. Where it is not given, it does if none of its cells is a number or a
            date, or if one is not above a column of numbers and dates.

    Raises:
        DataError: The first row could be names or numbers: years above numbers of another kind, or 0, 1, 2, ...
    """
    begin = text.lstrip("\r\n")
    if begin[:4].lower() == "sep=" and (end := begin[4:].splitlines()[0].strip('" ')) in DELIMITERS:
        raise DataError(
            f"{path}: its first line tells Excel that {end!r} stands between cells, and is no row\n"
            f"  fix: {mended('leave it out', 'tail -n +2', path)}"
        )
    tried = {d: _rows(text, d, whole, True) for d in ([delimiter] if delimiter else DELIMITERS)}
    chosen = max(tried, key=lambda d: _score(tried[d], d))
    rows = tried[chosen]
    tight = _rows(text, chosen, whole, False)
    spaced = [len(r) for r in rows] != [len(r) for r in tight] or any(
        c.lstrip(" ").startswith('"') and c.startswith(" ") for r in tight for c in r
    )
    first = tuple(c.strip() for c in rows[0]) if rows else ()
    if delimiter is None and _are_aligned([x for x in text.splitlines()[:SHOWN_ROWS] if x.strip()], first, chosen):
        tidy = b"".join(single_spaced(iter([text.encode()]))).decode()
        return replace(sniff(path, tidy, whole=whole, delimiter=" ", header=header), aligned=True)
    if header is None:
        header = _is_header(path, first, rows[1:])
    if header and _names_its_rows(text, first, rows[1:]):
        first = ("", *first)
    columns = [[c for row in rows[header:] if j < len(row) and (c := row[j].strip())] for j in range(len(first))]
    if any(_are_quoted(cells) for cells in columns):
        raise DataError(
            f"{path}: its cells stand in single quotes\n  fix: {mended('double them', DOUBLE_QUOTES, path)}"
        )
    codes = frozenset(j for j, cells in enumerate(columns) if _are_codes(cells))
    return Layout(chosen, spaced, first, header, codes, frozenset(j for j, c in enumerate(columns) if _by_thousands(c)))


def _names_its_rows(text: str, first: tuple[str, ...], rows: list[list[str]]) -> bool:
    """Whether each row begins with a name of its own in quotes, for which the first row has none: so R writes tables.

    Where texts are not in quotes, one may have been cut in two at a delimiter of its own instead.
    """
    if len(rows) < 2 or any(len(row) != len(first) + 1 for row in rows) or "\\" in text:
        return False
    names, lines = [row[0] for row in rows], text.split("\n")[: len(rows) + 1]
    return len({*names}) == len(names) and all(line.startswith('"') for line in lines)


def _are_codes(cells: list[str]) -> bool:
    """Whether the digits of a column are codes, which recur: as numbers some would lose zeros, or be powers of ten."""
    coded = any(CODE.fullmatch(c) for c in cells) and 2 * len({*cells}) <= len(cells)
    return coded and all(c.isdecimal() or CODE.fullmatch(c) or c.lower() in NOTHING for c in cells)


def _are_quoted(cells: list[str]) -> bool:
    """Whether all cells of a column begin and end with a single quote, or hold the rest of a quoted cell."""
    return len(cells) > 2 and all(len(c) > 1 and c[0] == c[-1] == "'" for c in cells)


def _by_thousands(cells: list[str]) -> bool:
    """Whether the points of a column may set thousands apart."""
    pointed = [c for c in cells if "." in c]
    return bool(pointed) and all(IN_THOUSANDS.fullmatch(c) for c in pointed)


def _are_aligned(lines: list[str], first: tuple[str, ...], delimiter: str) -> bool:
    """Whether the cells of most lines stand apart by spaces: so many numbers, or texts in quotes.

    Of cells between tabs one must be several numbers in alignment: a date and its time stand apart by a space too.
    """
    if len(first) > 1 and not (delimiter == "\t" and _share(lines, lambda line: bool(ALIGNED.search(line))) > 0.8):
        return False
    rows = [CELL.findall(line) for line in lines[1:]]
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    fit = [row for row in rows if len(row) == width and sum(c[0] == '"' or is_data(c) for c in row) > 0.5 * width]
    return width > len(first) and len(fit) > 0.8 * len(rows) and len(CELL.findall(lines[0])) in (width - 1, width)


def _rows(text: str, delimiter: str, whole: bool, spaced: bool) -> list[list[str]]:
    """The first rows that are not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=spaced)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
            if len(rows) > SHOWN_ROWS:
                break
    except csv.Error:
        pass
    return rows if whole or len(rows) > SHOWN_ROWS or len(rows) < 2 else rows[:-1]


def _score(rows: list[list[str]], delimiter: str) -> tuple[float, float, float, int]:
    """How well the rows agree in their number of cells; then how few cells hold another delimiter and are no number."""
    widths = Counter(len(row) for row in rows)
    if not widths or (width := widths.most_common(1)[0][0]) < 2:
        return 0.0, 0.0, 0.0, 0
    agreeing = [row for row in rows if len(row) == width]
    cells = [c.strip() for row in agreeing for c in row[:50]]
    others = [d for d in DELIMITERS if d != delimiter]
    clean = sum(not any(d in c for d in others) or is_data(c) for c in cells) / len(cells)
    share = len(agreeing) / len(rows)
    return (
        float(len(rows[0]) == width) * (share > 0.5),
        clean * share,
        share,
        -DELIMITERS.index(delimiter) if delimiter in DELIMITERS else 0,
    )


def _share(cells: list[str], what: Callable[[str], bool]) -> float:
    """Of how many of the cells something is true."""
    return sum(map(what, cells)) / len(cells) if cells else 0.0


def _is_header(path: str, first: tuple[str, ...], rest: list[list[str]]) -> bool:
    data = [is_data(cell) for cell in first]
    if not any(data):
        return True
    columns = [
        [c for row in rest if j < len(row) and (c := row[j].strip()).lower() not in NOTHING] for j in range(len(first))
    ]
    below = [_share(cells, is_data) > 0.8 for cells in columns]
    if any(b and not d and cell.lower() not in NOTHING for cell, d, b in zip(first, data, below, strict=True)):
        return True
    dated = [_share(columns[j], is_date) for j, cell in enumerate(first) if is_date(cell)]
    if dated and max(dated) < 0.5:
        return True  # months above numbers
    numbers = [(float(cell), columns[j]) for j, cell in enumerate(first) if is_number(cell)]
    if not numbers or len(numbers) != sum(data) or not rest:
        return False
    values = [v for v, _ in numbers]
    steps = {b - a for a, b in pairwise(values)}
    in_order = len(numbers) == len(first) - 1 > 2 and (min(steps) > 0 or max(steps) < 0)
    if in_order and first[0] == "" and all(row[0].strip().lower() not in NOTHING for row in rest):
        return True  # the corner of a matrix whose rows and columns have numbers for names
    running = len(values) > 2 and values in ([*range(len(values))], [*range(1, len(values) + 1)])
    years = all(v in YEARS for v in values) and len({*values}) == len(values)
    unlike = all(not any(is_number(c) and float(c) in YEARS for c in cells) for _, cells in numbers)
    if len(values) >= FEWEST_RUNNING and steps == {1.0}:
        parts = any(is_number(c) and not float(c).is_integer() for _, cells in numbers for c in cells)
        if (years and unlike) or (running and parts):
            return True
    if running or (years and unlike):
        shown = ", ".join(first[:6]) + (", ..." if len(first) > 6 else "")
        raise DataError(
            f"{path}: its first row ({shown}) may hold names or numbers\n"
            "  fix: header=True (--header) if they are names, header=False (--no-header) if they are not"
        )
    return False
