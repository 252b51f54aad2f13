"""Units beside numbers: `5 kg`, `12 ms`, `36 months`. One unit makes a column of numbers; of several see `families`."""

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Measured", "is_unit", "number_and_unit"]

UNITS = frozenset(
    (
        "kg g mg µg t lb oz m cm mm µm nm km in inch ft foot yd yard mi mile m² cm² mm² km² ha acre sqft sqm m³ cm³ "
        "l ml cl dl gal s sec second ms µs ns min minute h hr hour d day week wk month mo year yr °c °f k km/h kmh "
        "kph mph m/s knot v mv kv a ma w kw mw gw wh kwh mwh mah ah hz khz mhz ghz ω kω pa kpa mpa hpa bar mbar psi "
        "mmhg j kj mj cal kcal b kb mb gb tb bit kbit mbit gbit kbps mbps gbps mb/s n kn nm mol mmol mol/l mmol/l "
        "mg/dl mg/l g/l g/cm³ kg/m³ µg/m³ kg/m² px dpi db rpm bpm ppm ppb pcs cc thousand "
        "pp кг г км м см мм л ч мин шт 歳 円 個 人 million mio billion bn min/km min/mi min/mile"
    ).split()
) | {"sq ft", "sq m", "mm hg", "fl oz"}
"""Units that are known as such, in small letters and the singular."""

SPACED = frozenset("a b d j n t".split())  # letters that also end names such as 3D: units only after a space
CASED = frozenset("mw mv mpa mj mwh nm kb mb gb tb mbit gbit mbps gbps".split())  # MW is not mW, nor MB Mb
PREFIXED = {"M": "million", "K": "thousand", "k": "thousand", "B": "billion"}  # after a number without a space
CELL = re.compile(
    r"(?P<number>[^A-Za-zµμΩ°]*\d[.,]?)(?P<space>\s*)"
    r"(?P<unit>[^\W\d_](?:[^\W_]|[/²³^·*.\- ]){0,15}|°[CFcf]?|[µμΩ][^\W\d_]*)"
)
OF = re.compile(r"(?P<number>\d[\d.,]*)\s*(?:/|\b(?:out )?of\b|\bvon\b|\bsur\b)\s*(?P<of>\d+)(?: [^\W\d_]+)?")  # 7.5/10


class Measured(NamedTuple):
    """A number and the unit beside it, in one spelling; `spaced` where a space stands between them."""

    number: str
    unit: str
    spaced: bool


@lru_cache(maxsize=1 << 16)
def number_and_unit(cell: str) -> Measured | None:
    """The parts of a number with its unit; nothing where the text is none.

    Example:
        >>> number_and_unit("1.234,5 kg"), number_and_unit("12ms"), number_and_unit("3D")
        (Measured(number='1.234,5', unit='kg', spaced=True), Measured(number='12', unit='ms', spaced=False), None)
    """
    share = OF.fullmatch(cell.strip())
    if share is not None:
        return Measured(share["number"], f"/{share['of']}", spaced=False)
    found = CELL.fullmatch(cell.strip())
    if found is None:
        return None
    spaced = bool(found["space"])
    unit = PREFIXED.get(found["unit"], "") if not spaced else ""
    unit = unit or _spelled(found["unit"])
    words = unit.replace(" ", "").isalpha() and len(unit) > 2 and " " not in unit
    if spaced and not (is_unit(unit) or words):
        return None  # `5 p.m.`, `12 B street`
    if not spaced and (not is_unit(unit) or unit in SPACED):
        return None  # `2nd`, `4WD`, `3D`
    return Measured(found["number"], unit, spaced)


def is_unit(unit: str) -> bool:
    """Whether the text is known as a unit."""
    return unit.lower() in UNITS


def _spelled(unit: str) -> str:
    """One spelling for each unit: small letters, the singular, one sign for micro; no dot at the end."""
    text = " ".join(unit.lower().replace("μ", "µ").replace("^2", "²").replace("^3", "³").rstrip(".").split())
    text = {"feet": "foot", "inches": "inch"}.get(text, text)
    if text in CASED:
        return unit.strip()
    if text not in UNITS and len(text) > 2 and text.endswith("s") and (text[:-1] in UNITS or len(text) > 3):
        return text[:-1]
    return text
