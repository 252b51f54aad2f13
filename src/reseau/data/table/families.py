"""Families of units that stand for one quantity together: thousands and millions, kg and g, north and south, hours."""

import re
from collections.abc import Sequence

from reseau.data.table.units import number_and_unit

__all__ = ["FAMILIES", "are_family", "family_number", "lasted", "mixed_clock"]

SCALES = {
    "K/M": {"": 1.0, "thousand": 1e3, "tsd": 1e3, "million": 1e6, "mio": 1e6, "billion": 1e9, "bn": 1e9, "mrd": 1e9},
    "kg g": {"t": 1e3, "kg": 1.0, "g": 1e-3, "mg": 1e-6, "µg": 1e-9, "кг": 1.0, "г": 1e-3},
    "lb oz": {"lb": 1.0, "oz": 1 / 16},
    "km m": {"km": 1e3, "m": 1.0, "cm": 1e-2, "mm": 1e-3, "µm": 1e-6, "км": 1e3, "м": 1.0, "см": 1e-2, "мм": 1e-3},
    "l ml": {"l": 1.0, "dl": 0.1, "cl": 1e-2, "ml": 1e-3, "л": 1.0, "мл": 1e-3},
    "s ms": {"s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9},
    "GB MB": {"TB": 1e6, "GB": 1e3, "MB": 1.0, "KB": 1e-3, "kB": 1e-3},
    "kW W": {"gw": 1e6, "MW": 1e3, "kw": 1.0, "w": 1e-3},
    "kWh Wh": {"gwh": 1e6, "MWh": 1e3, "kwh": 1.0, "wh": 1e-3},
    "MHz kHz": {"ghz": 1e3, "mhz": 1.0, "khz": 1e-3, "hz": 1e-6},
    "V mV": {"kv": 1e3, "v": 1.0, "mV": 1e-3},
    "A mA": {"a": 1.0, "ma": 1e-3},
    "kPa hPa": {"bar": 100.0, "mbar": 0.1, "MPa": 1e3, "kpa": 1.0, "hpa": 0.1, "pa": 1e-3},
}
"""What a number is multiplied by beside each unit, in the spelling of `units`; only K/M holds numbers without one."""
SIDES = {
    "N/S": {"N": 1.0, "S": -1.0},
    "E/W": {"E": 1.0, "W": -1.0},
    "H/S": {"H": 1.0, "S": -1.0},
    "CR/DR": {"CR": 1.0, "DR": -1.0},
}
SIDED = re.compile(r"(?P<number>.*\d)\s*°?\s*(?P<side>[A-Z]{1,2})")
PART = r"(\d+(?:[.,]\d+)?)\s*"
ARC = rf"(?:{PART}['′’´]\s*)?(?:{PART}(?:[\"″”]|''|′′)\s*)?"
LASTED = re.compile(r"(?:(?P<days>-?\d+) days?,? \+?)?(-?)(\d+):([0-5]\d)(?::([0-5]\d(?:[.,]\d+)?))?")
MANY = {
    "d h m s": (
        re.compile(
            rf"(?:{PART}(?:d|days?|tage?n?|jours?|j)\b[\s,]*)?(?:{PART}(?:h|hrs?|hours?|std|stunden?|heures?)(?![a-z])\.?[\s,]*)?"
            rf"(?:{PART}(?:m|mins?|minutes?|minuten?|mn)(?![a-z])\.?[\s,]*)?(?:{PART}(?:s|secs?|seconds?|sek|sekunden?)\.?)?",
            re.IGNORECASE,
        ),
        (24.0, 1.0, 1 / 60, 1 / 3600),
    ),
    "ft in": (
        re.compile(
            rf"(?:{PART}(?:['′’´]|ft\.?|feet|foot)\s*)?(?:{PART}(?:[\"″”]|''|′′|in\.?|inch|inches))?", re.IGNORECASE
        ),
        (1.0, 1 / 12),
    ),
    "°": (re.compile(rf"{PART}°\s*{ARC}"), (1.0, 1 / 60, 1 / 3600)),
    "N/S": (re.compile(rf"{PART}°?\s*{ARC}(?P<side>[NS])"), (1.0, 1 / 60, 1 / 3600)),
    "E/W": (re.compile(rf"{PART}°?\s*{ARC}(?P<side>[EW])"), (1.0, 1 / 60, 1 / 3600)),
}
"""Families whose numbers may have several parts, and what each part is worth."""

FAMILIES = {
    "K/M": "numbers with K, M or B for thousands, millions and billions",
    "kg g": "masses, in kg: 500 g is 0.5",
    "lb oz": "masses, in lb: 8 oz is 0.5",
    "km m": "lengths, in m: 1.5 km is 1500",
    "l ml": "volumes, in l: 500 ml is 0.5",
    "s ms": "durations, in s: 500 ms is 0.5",
    "GB MB": "amounts of data, in MB: 1.5 GB is 1500",
    "kW W": "powers, in kW: 500 W is 0.5",
    "kWh Wh": "energies, in kWh: 500 Wh is 0.5",
    "MHz kHz": "frequencies, in MHz: 1.5 GHz is 1500",
    "V mV": "voltages, in V: 500 mV is 0.5",
    "A mA": "currents, in A: 500 mA is 0.5",
    "kPa hPa": "pressures, in kPa: 1013 hPa is 101.3",
    "N/S": "degrees, those of the north positive",
    "E/W": "degrees, those of the east positive",
    "°": "degrees",
    "H/S": "amounts, those with S (Soll) negative",
    "CR/DR": "amounts, those with DR (debit) negative",
    "()": "numbers in parentheses, which mean no sign since all of them have some",
    "h:m:s": "durations, in what stands before the first colon: 5:12 is 5.2, and 1 day 5:12:00 is 29.2",
    "(h:)m:s": "durations, in minutes: 5:12 is 5.2, and 1:05:12 is 65.2",
    "d h m s": "durations, in hours: 1 h 30 min is 1.5",
    "ft in": "lengths, in feet",
}
"""Units that stand for one quantity together, and what a column of them holds, in words."""


def family_number(cell: str, family: str) -> tuple[str, float] | None:
    """The number in a cell and what it is multiplied by; nothing where the cell is none of the family.

    Example:
        >>> family_number("$1.2M", "K/M"), family_number("33.9° S", "N/S"), family_number("5 g", "kg g")
        (('$1.2', 1000000.0), ('33.9', -1.0), ('5', 0.001))
    """
    cell = cell.strip()
    if family == "()":
        return (cell[1:-1], 1.0) if f"({cell[1:-1]})" == cell and cell[1:-1].isdecimal() else None
    if family in ("h:m:s", "(h:)m:s"):
        hours = lasted(cell)
        if hours is None:
            return None
        return "1", 60 * hours if family == "(h:)m:s" and cell.count(":") == 2 else hours
    if family in MANY:
        parts, side = _parts(cell, family)
        worth = MANY[family][1]
        if len(parts) > 1 or family not in SIDES:
            total = sum(float(part.replace(",", ".")) * worth[i] for i, part in parts.items())
            return ("1", side * total) if parts else None
    if family in SIDES:
        sided = SIDED.fullmatch(cell)
        if sided is None or sided["side"] not in SIDES[family]:
            return None
        return sided["number"], SIDES[family][sided["side"]]
    measured, worth_of = number_and_unit(cell), SCALES[family]
    if measured is None:
        return (cell, 1.0) if "" in worth_of else None
    return (measured.number, worth_of[measured.unit]) if measured.unit in worth_of else None


def are_family(values: Sequence[str], family: str) -> bool:
    """Whether the texts are numbers of a family of units, and one unit alone would not read them.

    Example:
        >>> are_family(["2 h 5 min", "19 h"], "d h m s"), are_family(["2 h", "19 h"], "d h m s")
        (True, False)
    """
    found = []
    for v in values:
        if (read := family_number(v, family)) is None:
            return False
        found.append(read)
    if family in ("h:m:s", "(h:)m:s"):
        lengths = {v.count(":") for v in values}
        return len(lengths) == 1 if family == "h:m:s" else len(lengths) == 2 and not mixed_clock(values)
    if family in MANY:
        parts = [tuple(_parts(v.strip(), family)[0]) for v in values]
        if len({*parts}) > 1 or any(len(p) > 1 for p in parts):
            return True
        return family in SIDES and (len({f[1] for f in found}) > 1 or all("°" in v for v in values))
    return family == "()" or len({f[1] for f in found}) > 1


def mixed_clock(values: Sequence[str]) -> str:
    """The first of times of two parts among times of three, where it may be minutes or hours; empty where it is clear.

    Example:
        >>> mixed_clock(["1:02:03", "5:12"]), mixed_clock(["1:02:03", "59:48"])
        ('5:12', '')
    """
    short = [v for v in values if v.count(":") == 1 and "day" not in v and lasted(v) is not None]
    long = any(v.count(":") == 2 and lasted(v) is not None for v in values)
    return short[0] if short and long and not any(int(v.strip("-").split(":")[0]) > 23 for v in short) else ""


def lasted(cell: str) -> float | None:
    """A duration of parts with colons between them, in the unit of the first; nothing where the cell is none.

    Before them may stand days, as pandas, Python and PostgreSQL write a duration: -1 days +23:30:00 is -0.5.
    """
    found = LASTED.fullmatch(cell.strip())
    if found is None:
        return None
    days, minus, first, second, third = found.groups()
    value = int(first) + int(second) / 60 + float((third or "0").replace(",", ".")) / 3600
    return 24 * int(days or 0) + (-value if minus else value)


def _parts(cell: str, family: str) -> tuple[dict[int, str], float]:
    """The parts of a number by their place, and its sign; none where the cell is none of the family."""
    found = MANY[family][0].fullmatch(cell)
    if found is None:
        return {}, 1.0
    side = found.groupdict().get("side")
    count = len(MANY[family][1])
    return {i: p for i, p in enumerate(found.groups()[:count]) if p}, SIDES[family][side] if side else 1.0
