"""How the cells of a column are read: the notation of its numbers, the form of its dates; or a question."""

from collections.abc import Mapping
from dataclasses import dataclass

from reseau.data.table.dates import FORMS, MIXED, ZONE
from reseau.data.table.families import FAMILIES
from reseau.data.table.moments import Moments
from reseau.data.table.problems import Problem, name_list
from reseau.data.table.tally import Tally
from reseau.data.table.units import is_unit

__all__ = ["Choices", "droppable", "form_of", "lasts", "notation_of", "unlike_units"]


@dataclass(frozen=True)
class Choices:
    """What was said about the whole table.

    Attributes:
        path: What messages call it.
        task: As in `Survey`, like the next five.
        words: The columns of free text whose words are read.
        marks: The decimal marks that its numbers show beyond doubt.
        dropped: How many rows were left out.
    """

    path: str
    task: str
    missing: str
    text: str
    auto: bool
    decimal: str
    dates: str
    words: tuple[str, ...]
    marks: frozenset[str]
    dropped: int


def lasts(t: Tally) -> bool:
    """Whether all cells are durations."""
    return any(_count(t, f".,{family}") == t.known for family in ("h:m:s", "(h:)m:s"))


def unlike_units(name: str, t: Tally) -> tuple[Problem, ...]:
    units = sorted(t.units - {""})
    if len(units) > 1 or (units and units[0] in "%‰" and "" in t.units):
        said = f"{t.first['written']}: the column holds numbers in different units ({', '.join(units) or 'none'}"
        return (droppable(f"{said}{', and none' if '' in t.units else ''})", "give the column in one unit", name),)
    return ()


def notation_of(name: str, t: Tally, choices: Choices) -> tuple[str, Problem | None]:
    """How the numbers of a column are written where it is not plainly; a question where they could be two numbers."""
    if _count(t, ".,()") == t.known:
        return ".,()", None
    plain = {n: m for n, m in t.notations.items() if len(n) == 2}
    most = max((m.count for m in plain.values()), default=0)
    decimal = _decimal(choices)
    if not decimal and not t.wrong and plain and not t.plain.whole and most == t.plain.count == _count(t, ",."):
        if choices.auto:
            return ",.", None
        fix = "decimal=',' (--decimal ,) if its point sets thousands apart, decimal='.' (--decimal .) if not"
        return "", Problem(f"{t.first['grouped']} could be either of two numbers", fix, "--decimal ,", "decimal=','")
    if most <= t.plain.count and not (t.wrong == 0 and 0 < most == t.plain.count and decimal == ","):
        return _with_unit(name, t, choices)
    if 2 * most < t.known:
        return _with_unit(name, t, choices)
    return _one_of({n: m for n, m in plain.items() if m.count == most}, t, choices)


def _decimal(choices: Choices) -> str:
    """The decimal mark that is said, or that other columns show."""
    return choices.decimal or (next(iter(choices.marks)) if len(choices.marks) == 1 else "")


def _count(t: Tally, notation: str) -> int:
    return t.notations[notation].count if notation in t.notations else 0


def _with_unit(name: str, t: Tally, choices: Choices) -> tuple[str, Problem | None]:
    """The notation of numbers that have one unit beside them; a question where there are several, or bare numbers too.

    A word that is not known as a unit is one where it stands beside the number in every row.
    """
    for family in FAMILIES:
        together = {n: m for n, m in t.notations.items() if n[2:] == family and m.count == t.known}
        if together:
            return _one_of(together, t, choices)
    counts: dict[str, int] = {}
    for notation, read in t.notations.items():
        if len(notation) > 2 and notation[2:] not in FAMILIES:
            counts[notation[2:]] = max(counts.get(notation[2:], 0), read.count)
    known = {unit: count for unit, count in counts.items() if is_unit(unit)}
    measured, bare = sum(known.values()), t.plain.count
    whole = [unit for unit, count in counts.items() if count == t.known]
    if not whole and (measured < bare or not measured or 10 * (measured + bare) < 9 * t.known):
        return "", None
    if not whole and (len(known) > 1 or bare):
        units = f"{', '.join(sorted(known))}{', and none' if bare else ''}"
        rare = min(known, key=lambda unit: known[unit])
        said = f"{t.first[f'unit {rare}']}: the column holds numbers in different units ({units})"
        return "", droppable(said, "give the column in one unit", name)
    unit = whole[0] if whole else next(iter(known))
    read_so = {n: m for n, m in t.notations.items() if n[2:] == unit and m.count == counts[unit]}
    return _one_of(read_so, t, choices)


def _one_of(best: Mapping[str, Moments], t: Tally, choices: Choices) -> tuple[str, Problem | None]:
    """The notation among those that read equally many cells; a question where they read other numbers."""
    decimal = _decimal(choices)
    values = _different(best)
    if len(values) > 1 and not decimal and choices.auto and t.wrong == 0:
        return "", None
    if len(values) > 1 and decimal:
        best = {n: m for n, m in best.items() if n[0] == decimal} or best
        values = _different(best)
    elif decimal:
        best = {n: m for n, m in best.items() if n[0] == decimal} or best
    if len(values) > 1 and not choices.auto:
        said = f"{t.first.get('written', t.first.get('wrong', ''))} could be either of two numbers"
        fix = "decimal='.' (--decimal .) if its comma sets thousands apart, decimal=',' (--decimal ,) if not"
        return "", Problem(said, fix, "--decimal .", "decimal='.'")
    return next(iter(best)), None


def _different(best: Mapping[str, Moments]) -> set[tuple[float, float]]:
    return {(m.mean, m.squares) for m in best.values()}


def form_of(t: Tally, choices: Choices) -> tuple[str, Problem | None]:
    """How the dates of a column are written, where most of it are dates; a question where they could be two dates.

    The usual decision, which is taken beside the question, is that the day stands first.
    """
    counts = {form: t.as_dates(form) for form in t.dates}
    most = max(counts.values(), default=0)
    if not most or 2 * most < t.known or most < t.plain.count:
        return "", None
    best = [form for form in FORMS if counts.get(form) == most]
    said = {f"{mixed}{choices.dates}{zone}" for mixed in ("", "mixed ") for zone in ("", ZONE)}
    if not {*best} - {*MIXED}:
        best = [form for form in MIXED if form in best]
    else:
        best = [form for form in best if form not in MIXED]
    if said & {*best}:
        return next(form for form in best if form in said), None
    if best[0] == "clock" and "mixed clock" in t.first:
        what = f"{t.first['mixed clock']}: hours and minutes, or minutes and seconds? Others have three parts"
        return "", Problem(what, "write all of them with three parts, as 0:05:12, or leave the column out with --drop")
    for dmy, mdy in ((f"{mixed}dmy{zone}", f"{mixed}mdy{zone}") for mixed in ("", "mixed ") for zone in ("", ZONE)):
        if {dmy, mdy} <= {*best} and _different(t.dates[dmy]) != _different(t.dates[mdy]):
            monthly = [form for form in (dmy, mdy) if not _one_month_of_years(t.dates[form])]
            if len(monthly) == 1:
                return monthly[0], None
            fix = "dates='dmy' (--dates dmy) if the day stands first, dates='mdy' (--dates mdy) if the month does"
            asked = Problem(f"{t.first['wrong']} could be either of two dates", fix, "--dates dmy", "dates='dmy'")
            return dmy if choices.auto else "", asked
    return best[0], None


def _one_month_of_years(parts: Mapping[str, Moments]) -> bool:
    """Whether all dates are of one month of different years: so are the first days of months, read the wrong way."""
    month, year = parts["month"], parts["year"]
    return month.low == month.high and year.low < year.high


def droppable(said: str, cure: str, name: str) -> Problem:
    """A column that something else than words must mend, or that is left out; the target has no name here."""
    if not name:
        return Problem(said, cure)
    out = f"{'or ' if cure else ''}leave the column out: --drop {name_list([name])} (without={[name]!r})"
    return Problem(said, f"{cure}; {out}" if cure else out, f"--drop {name_list([name])}", "", name, not cure)
