"""Dates and times as numbers: year, month, weekday, hour, and the days that have passed."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

__all__ = [
    "COARSE", "FORMATS", "FORMS", "MIXED", "PARTS", "ZONE", "ZONED", "are_seasons", "is_date", "is_like_date",
    "other_zone", "parts_of", "read_date",
]  # fmt: skip

PARTS = ("year", "month", "weekday", "hour", "days")

TIME = (
    r"(?P<H>\d{1,2})(?:(?::|h|\.(?=\d\d ?Uhr))(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?(?: ?Uhr)?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?(?<!^\d)(?<!^\d\d)"
)
CLOCK = TIME + (r"(?:\s*(?P<zone>Z|[A-Z]{3,4}|(?:UTC|GMT)?[+\-]\d{1,2}(?::?\d{2})?))?")
ZONES = {
    "UTC": 0,
    "GMT": 0,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "CET": 1,
    "CEST": 2,
    "MEZ": 1,
    "MESZ": 2,
    "EET": 2,
    "EEST": 3,
}
ZONES |= {"JST": 9, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
"""The hours by which a zone's clock is ahead of UTC; those of several meanings (CST, IST) are left out."""
THEN = rf"(?:[T ]\s*{CLOCK})?"
MONTHS = (
    "jan january januar jänner janvier janv enero ene gennaio gen janeiro januari stycznia января янв",
    "feb february februar février févr fevrier fevr febrero febbraio fevereiro fev februari lutego февраля фев",
    "mar march märz mär mrz mars marzo março maart mrt marca марта мар",
    "apr april avril avr abril abr aprile kwietnia апреля апр",
    "may mai mayo maggio mag maio mei maj maja мая май",
    "jun june juni juin junio giugno giu junho czerwca июня июн",
    "jul july juli juillet juil julio luglio lug julho lipca июля июл",
    "aug august août aout agosto ago augustus augusti sierpnia августа авг",
    "sep sept september septembre septiembre settembre set setembro września сентября сен",
    "oct october oktober okt octobre octubre ottobre ott outubro out października октября окт",
    "nov november novembre noviembre novembro listopada ноября ноя",
    "dec december dezember dez décembre déc decembre diciembre dic dicembre dezembro grudnia декабря дек",
)
MONTH = {name: i + 1 for i, names in enumerate(MONTHS) for name in names.split()}
"""The number of a month by its name in the languages of Western Europe, in Polish and in Russian."""
WEEKDAYS = (
    "mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|mié|jue|vie|sáb|dom|gio|sab|"
    "montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|"
    "lunes|martes|miércoles|jueves|viernes|sábado|domingo|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica|"
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday|tues|thur|thurs"
)
WEEKDAY = rf"(?:(?i:{WEEKDAYS})[.,]?,? )?"
BEGIN = frozenset(name[:3] for name in (*MONTH, *WEEKDAYS.split("|")))
NAMED = r"(?P<b>[^\W\d_]{3,12})"
YEAR = r"(?P<y>\d{4}|\d{2})"

FORMATS = {
    "ymd": re.compile(rf"(?P<y>\d{{4}})(?P<mark>[-/.])(?P<m>\d{{1,2}})(?P=mark)(?P<d>\d{{1,2}}){THEN}"),
    "dmy": re.compile(rf"{WEEKDAY}(?P<d>\d{{1,2}})(?P<mark>[-/.])(?P<m>\d{{1,2}})(?P=mark){YEAR},?{THEN}"),
    "mdy": re.compile(rf"(?P<m>\d{{1,2}})(?P<mark>[-/])(?P<d>\d{{1,2}})(?P=mark){YEAR},?{THEN}"),
    "named": re.compile(
        rf"\[?{WEEKDAY}(?P<d>\d{{1,2}})(?:\.|er|st|nd|rd|th)?[ \-/](?:de )?{NAMED}[ \-/,.]+(?:de )?{YEAR}[,:]?"
        rf"(?:[T ]?\s*{CLOCK})?\]?"
    ),
    "american": re.compile(rf"{WEEKDAY}{NAMED}\.?[ \-](?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,? |-)(?P<y>\d{{4}}),?{THEN}"),
    "cjk": re.compile(r"(?P<y>\d{4})[年년]\s*(?P<m>\d{1,2})[月월]\s*(?P<d>\d{1,2})[日일]"),
    "compact": re.compile(r"(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})"),
    "clock": re.compile(TIME),  # without a zone: 10:30-12:00 is a range
    "ctime": re.compile(rf"{WEEKDAY}{NAMED} +(?P<d>\d{{1,2}}) {CLOCK} (?P<y>\d{{4}})"),
    "ym": re.compile(r"(?P<y>(?:19|20)\d{2})[\-/](?P<m>\d{1,2})"),
    "my": re.compile(r"(?P<m>\d{1,2})[\-/.](?P<y>(?:19|20)\d{2})"),
    "month": re.compile(rf"{NAMED}\.?(?:[ \-/,]+(?=\d{{4}})|[\-'/]+)(?P<y>\d{{4}}|\d{{2}})"),
    "yq": re.compile(r"(?P<y>(?:19|20)\d{2})[ \-/]?[QT](?P<q>[1-4])"),
    "qy": re.compile(r"[QT](?P<q>[1-4])[ \-/](?P<y>(?:19|20)\d{2})"),
    "yw": re.compile(r"(?P<y>(?:19|20)\d{2})[ \-/]?(?:W|KW ?)(?P<w>\d{1,2})"),
}
"""How dates are written, by name: the order of day, month and year; months by name; digits alone; a time of day; and
months, quarters and weeks, whose date is their first day."""

COARSE = {"ym": "months", "my": "months", "month": "months", "yq": "quarters", "qy": "quarters", "yw": "weeks"}
"""Forms that name no day, and what they name."""

ZONE = " zoned"
ZONED = tuple(f"{form}{ZONE}" for form, pattern in FORMATS.items() if "zone" in pattern.groupindex)
"""The same forms where each time names its zone. Without one a time is that of a clock which the file does not name."""

MIXED = {
    f"mixed {order}{zone}": tuple(f"{way}{zone}" for way in ("ymd", "named", "american", order))
    for zone in ("", ZONE)
    for order in ("dmy", "mdy")
}
"""Forms of columns in which dates are written in several ways, and the ways that each reads, the first that can."""

FORMS = (*FORMATS, *ZONED, *MIXED)

PIVOT = 69  # a year of two digits from here on is one of the last century, as in C's strptime


def is_like_date(cell: str) -> bool:
    """Whether the text begins as a date does: quick, to leave the others out."""
    cell = cell.removeprefix("[")
    begins = cell[:1].isdigit() and any(c in "-/.: eQTWKh年년pa" for c in cell[1:5])
    return begins or cell[:3].casefold() in BEGIN or cell[:2].rstrip(".,").casefold() in BEGIN or cell[:1] in ("Q", "T")


def is_date(cell: str) -> bool:
    """Whether the text is a date in any form."""
    return is_like_date(cell) and any(_read(cell, form) is not None for form in FORMATS)


def other_zone(form: str) -> str:
    """The form of the same dates whose times name a zone, or of those whose times name none."""
    return form.removesuffix(ZONE) if form.endswith(ZONE) else f"{form}{ZONE}"


def read_date(cell: str, form: str) -> datetime | None:
    """The date that the text is, in UTC where it names a zone; nothing where it is none in this form.

    Example:
        >>> read_date("2024-05-03 10:00+02:00", "ymd zoned"), read_date("2024-05-03 10:00+02:00", "ymd")
        (datetime.datetime(2024, 5, 3, 8, 0), None)
    """
    read = _read(cell, form.removesuffix(ZONE))
    if read is None or read[1] not in (None, form.endswith(ZONE)):
        return None
    return read[0]


def _read(cell: str, form: str) -> tuple[datetime, bool | None] | None:
    """The date, and whether its time names a zone; nothing of that where no time of day is given."""
    found = FORMATS[form].fullmatch(cell)
    if found is None:
        return None
    said: dict[str, Any] = dict.fromkeys(("H", "M", "S", "f", "half", "zone")) | found.groupdict()
    year, month, day = 1970, 1, 1
    if form != "clock":
        year, day = int(said["y"]), int(said.get("d", 1))
        if len(said["y"]) == 2:
            year += 1900 if year >= PIVOT else 2000
        month = MONTH.get(said["b"].casefold(), 0) if "b" in said else int(said.get("m", 1))
        month = 3 * int(said["q"]) - 2 if "q" in said else month
    hour = int(said["H"] or 0)
    if said["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (said["half"] in "pP")
    micro = int((said["f"] or "0").ljust(6, "0")[:6])
    try:
        if "w" in said:
            return datetime.fromisocalendar(year, int(said["w"]), 1), None
        when = datetime(year, month, day, hour, int(said["M"] or 0), int(said["S"] or 0), micro)
        return when - _offset(said["zone"]), None if said["H"] is None else said["zone"] is not None
    except (ValueError, OverflowError):
        return None


def are_seasons(values: Sequence[str]) -> bool:
    """Whether all of the texts are a year and the next one, as 2010-11, and no months."""
    found = [FORMATS["ym"].match(v) for v in values]
    return all(f is not None and int(f["m"]) == (int(f["y"]) + 1) % 100 for f in found)


def parts_of(dates: np.ndarray, *, clock: bool) -> dict[str, np.ndarray]:
    """Year, month 1 to 12, weekday 0 (Monday) to 6, hour of the day, days since 1970; NaN where blank.

    Args:
        dates: As datetime64.
        clock: Whether they are times of day: then the hour is all there is.
    """
    blank = np.isnat(dates)
    filled = np.where(blank, np.datetime64(0, "us"), dates.astype("datetime64[us]"))
    days = filled.astype("datetime64[D]")
    seconds = (filled - days) / np.timedelta64(1, "s")
    found = {"hour": seconds / 3600}
    if not clock:
        months = filled.astype("datetime64[M]").astype(np.int64)
        number = days.astype(np.int64)
        found = {
            "year": (months // 12 + 1970).astype(np.float64),
            "month": (months % 12 + 1).astype(np.float64),
            "weekday": ((number + 3) % 7).astype(np.float64),  # the first day of 1970 was a Thursday
            "hour": seconds / 3600,
            "days": number + seconds / 86400,
        }
    for values in found.values():
        values[blank] = np.nan
    return found


def _offset(zone: str | None) -> timedelta:
    """How far a zone's clock is ahead of UTC; `ValueError` where the zone is not known."""
    if zone is None or zone == "Z":
        return timedelta(0)
    if zone.isalpha():
        if zone not in ZONES:
            raise ValueError(f"the zone {zone} is not known")
        return timedelta(hours=ZONES[zone])
    digits = zone.lstrip("UTCGM").replace(":", "")
    ahead = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:] or 0))
    return ahead if digits[0] == "+" else -ahead
