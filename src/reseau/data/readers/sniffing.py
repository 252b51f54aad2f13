"""What a CSV file looks like, decided from its first lines: what stands between cells, and whether names come first."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from reseau.data.table.columns import NOTHING, is_data
from reseau.data.table.dates import is_date
from reseau.data.table.mending import mended
from reseau.data.table.notation import is_number
from reseau.errors import DataError

__all__ = ["Layout", "sniff"]

DELIMITERS = ",;\t|"
SHOWN_ROWS = 200
COMMAS = "sed -E 's/^ +| +$//g; s/ +/,/g'"  # in place of spaces
DOUBLE_QUOTES = """sed "s/'/\\"/g\""""  # in place of single ones
YEARS = range(1800, 2101)
CODE = re.compile(r"0\d{2,}|\d+E\d+")  # what is lost where it is read as a number: 01067, 1E5
IN_THOUSANDS = re.compile(r"[+\-]?[1-9]\d{0,2}(?:\.\d{3})+")


@dataclass(frozen=True)
class Layout:
    """How the cells of a file stand.

    Attributes:
        delimiter: What stands between them.
        spaced: Whether spaces stand between a delimiter and the quote that opens a cell.
        first: The cells of the first row.
        header: Whether they are names.
        codes: The columns whose cells are digits that no number keeps, such as `01067` or `1E5`.
        points: The columns whose points all stand before three digits, as `1.234`.
    """

    delimiter: str
    spaced: bool
    first: tuple[str, ...]
    header: bool
    codes: frozenset[int] = frozenset()
    points: frozenset[int] = frozenset()


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
        DataError: The first row could be names or numbers: years above numbers of another kind, or 0, 1, 2, ...; or
            spaces stand between the cells.
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
    if header is None:
        header = _is_header(path, first, rows[1:])
    if len(first) == 1 and delimiter is None:
        _refuse_spaces(path, [line for line in text.splitlines()[:SHOWN_ROWS] if line.strip()])
    columns = [[c for row in rows[header:] if j < len(row) and (c := row[j].strip())] for j in range(len(first))]
    if any(_are_quoted(cells) for cells in columns):
        raise DataError(
            f"{path}: its cells stand in single quotes\n  fix: {mended('double them', DOUBLE_QUOTES, path)}"
        )
    codes = frozenset(j for j, cells in enumerate(columns) if _are_codes(cells))
    return Layout(chosen, spaced, first, header, codes, frozenset(j for j, c in enumerate(columns) if _by_thousands(c)))


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


def _refuse_spaces(path: str, lines: list[str]) -> None:
    """Refuse a table whose cells stand apart by spaces: most of its lines are so many numbers, or texts in quotes."""
    single = [*csv.reader(lines, delimiter=" ")]
    wide, count = Counter(len(row) for row in single).most_common(1)[0] if single else (0, 0)
    if wide > 1 and count > 0.8 * len(single) and '"' in lines[0] and not any("" in row for row in single):
        raise DataError(
            f"{path}: spaces stand between its cells\n"
            "  fix: --delimiter ' ' (delimiter=' ') reads one between two cells"
        )
    cells = [line.split() for line in lines[1:]]
    width = len(lines[0].split()) if lines else 0
    fit = [row for row in cells if len(row) == width and sum(map(is_data, row)) > 0.5 * width]
    if width > 1 and len(fit) > 0.8 * len(cells):
        raise DataError(f"{path}: spaces stand between its cells\n  fix: {mended('put commas there', COMMAS, path)}")


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
    running = len(values) > 2 and values in ([*range(len(values))], [*range(1, len(values) + 1)])
    years = all(v in YEARS for v in values) and len({*values}) == len(values)
    unlike = all(not any(is_number(c) and float(c) in YEARS for c in cells) for _, cells in numbers)
    if running or (years and unlike):
        shown = ", ".join(first[:6]) + (", ..." if len(first) > 6 else "")
        raise DataError(
            f"{path}: its first row ({shown}) may hold names or numbers\n"
            "  fix: header=True (--header) if they are names, header=False (--no-header) if they are not"
        )
    return False
