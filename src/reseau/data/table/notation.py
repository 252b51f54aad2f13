"""Numbers as people write them: decimal commas, thousands in groups, currencies, percent signs.

A notation is two letters, the decimal mark and the mark between thousands: ",." reads 1.234,5 and ".," reads 1,234.5.
The empty notation is that of programming languages, and nothing else: Python's `float` without underscores. What
follows the two letters is the unit that stands beside each number, see `table.units`: ".,kg" reads 1,234.5 kg, and
".,K/M" reads 1.2M and 350K.
"""

import re
from math import isnan, nan
from unicodedata import decimal

from reseau.data.table.families import FAMILIES, family_number, lasted
from reseau.data.table.units import number_and_unit

__all__ = ["NOTATIONS", "is_notation", "is_number", "is_readable", "plain_number", "read_number", "shape_of", "unit_of"]

NOTATIONS = (".,", ",.", ". ", ", ", ".'", ",'")

CURRENCIES = (
    r"(?:US|R|A|C|HK|S|NZ)?\$|[€£¥₹₽₩₺₴₪฿₫₱¢]|USD|EUR|GBP|JPY|CHF|CNY|RMB|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|"
    r"ZAR|RUB|TRY|KRW|SGD|HKD|THB|ILS|Fr\.|kr\.?|zł|Kč|Ft|Rs\.?"
)
SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
WRITTEN = re.compile(
    rf"(?P<open>\()?[{SPACES}]*(?P<sign>[+\-−]?)[{SPACES}]*(?P<before>{CURRENCIES}|)[{SPACES}]*(?P<inner>[+\-−]?)"
    rf"(?P<digits>(?:\d|[.,]\d)(?:[\d.,'’{SPACES}]*\d)?[.,]?)(?P<power>[eE][+\-]?\d+|)(?P<behind>[\-−]?)"
    rf"[{SPACES}]*(?P<after>{CURRENCIES}|%|‰|)[{SPACES}]*(?P<close>\))?"
)
MARKS = {",": ",", ".": r"\.", " ": f"[{SPACES}]", "'": "['’]"}


def _whole(thousands: str) -> str:
    """Digits in groups of three; before the last group India writes groups of two."""
    mark = MARKS[thousands]
    groups = rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}})+"
    if thousands == ",":
        groups += r"|[1-9]\d?(?:,\d{2})+,\d{3}"
    return rf"(?P<whole>{groups}|\d+|)"


DIGITS = {n: re.compile(rf"{_whole(n[1])}(?:{MARKS[n[0]]}(?P<part>\d*))?") for n in NOTATIONS}
WITHOUT_CENTS = re.compile(r"(?<=\d),[-–—](?=\D*$)")  # 55,-
ARABIC = {"٫": ".", "٬": ","}
NOT_DIGITS = re.compile(r"\D")
RUN = re.compile(r"(?<![\w^])\d+")  # but those of m2 and m^2


def is_notation(text: str) -> bool:
    """Whether the text is one of the notations, with a unit or without."""
    return not text or text[:2] in NOTATIONS


def is_number(cell: str) -> bool:
    """Whether the text is a number; `nan`, which stands for a blank, is not."""
    return not isnan(plain_number(cell))


def plain_number(cell: str) -> float:
    """The number that the text is in the notation of programming languages; NaN where it is none."""
    try:
        return nan if "_" in cell else float(cell)
    except ValueError:
        return nan


def read_number(cell: str, notation: str) -> float:
    """The number that the text is in a notation; NaN where it is none.

    Example:
        >>> read_number("1.234,5 €", ",."), read_number("(1,234)", ".,"), read_number("1,5-", ",.")
        (1234.5, -1234.0, -1.5)
    """
    if not notation:
        return plain_number(cell)
    if notation[2:] in FAMILIES:
        found_so = family_number(cell, notation[2:])
        return nan if found_so is None else found_so[1] * read_number(found_so[0], notation[:2])
    if len(notation) > 2:
        measured = number_and_unit(cell)
        if measured is None or measured.unit != notation[2:]:
            return nan
        cell, notation = measured.number, notation[:2]
        if ":" in cell:  # 5:12 min/km; but 1:05:12 is no number of minutes
            time = None if measured.unit.startswith("min") and cell.count(":") > 1 else lasted(cell)
            return nan if time is None else time
    cell = WITHOUT_CENTS.sub("", cell)
    found = WRITTEN.fullmatch(cell if cell.isascii() else "".join(map(_western, cell)))
    if found is None or bool(found["open"]) != bool(found["close"]) or (found["sign"] and found["inner"]):
        return nan
    digits = DIGITS[notation].fullmatch(found["digits"])
    if digits is None or not (digits["whole"] or digits["part"]):
        return nan
    if found["power"] and NOT_DIGITS.search(digits["whole"]):  # before a power of ten nobody sets thousands apart
        return nan
    sign = found["sign"] or found["inner"]
    if found["behind"] and (sign or found["open"] or not digits["part"]):  # `12-` is a grade or a range
        return nan
    negative = bool(found["open"]) or (sign or found["behind"]) in ("-", "−")
    whole = NOT_DIGITS.sub("", digits["whole"]) or "0"
    return float(f"{'-' if negative else ''}{whole}.{digits['part'] or '0'}{found['power']}")


def _western(letter: str) -> str:
    """A digit or a mark of any script as the one of ours."""
    return ARABIC.get(letter) or str(decimal(letter, letter))


def shape_of(cell: str) -> str:
    """The cell with other digits, such that each notation and each form of dates that reads the cell reads its shape.

    Example:
        >>> shape_of("2024-05-03 9:07"), shape_of("1.234,5 €")
        ('2011-11-11 1:11', '1.111,1 €')
    """
    return RUN.sub(_other_digits, cell)


def is_readable(shape: str, notation: str) -> bool:
    """Whether a cell of this shape may be a number in the notation."""
    if any(map(str.isdecimal, notation)):  # out of 10: the digits of a unit are others in a shape
        return True
    return not isnan(read_number(shape, notation))


def _other_digits(run: re.Match[str]) -> str:
    """As many digits: 20 and ones, which may be a year and a day of it, or ones."""
    count = len(run[0])
    return "1" * count if count < 4 else f"20{'1' * (count - 2)}"


def unit_of(cell: str) -> str:
    """The currency or the percent sign beside a number; empty where there is none."""
    found = WRITTEN.fullmatch(cell)
    return "" if found is None else (found["before"] or found["after"])
