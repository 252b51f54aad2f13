"""From what was counted of a column to what it is: a number, a category, a date, an identifier; or a question."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from reseau.data.table.moments import Moments
from reseau.data.table.notation import is_number
from reseau.data.table.recipe import Column, LeftOut, measured
from reseau.data.table.tally import MOST_TEXTS, Tally
from reseau.data.table.units import is_unit
from reseau.errors import DataError

__all__ = ["Choices", "Decided", "Problem", "decide_column", "decide_target", "decimal_marks", "looks_few", "refusal"]

MOST_CATEGORIES = 1_000
DASHES = frozenset({"-", "--", "–", "—", "."})  # that stand for no value among numbers
MOST_CLASSES = 20  # numbers with at most this many values are few
FEWEST_NAMED = 20  # texts that all differ are taken for names from here on


@dataclass(frozen=True)
class Choices:
    """What was said about the whole table.

    Attributes:
        path: What messages call it.
        task: As in `Survey`, like the next five.
        marks: The decimal marks that its numbers show beyond doubt.
    """

    path: str
    task: str
    missing: str
    text: str
    auto: bool
    decimal: str
    dates: str
    marks: frozenset[str]


@dataclass(frozen=True)
class Problem:
    """Why a column cannot be read as it stands.

    Attributes:
        said: Where, and what.
        fix: What to do about it.
        option: The same as words of the command line, where it can be said so.
        setting: And as an argument in Python.
    """

    said: str
    fix: str
    option: str = ""
    setting: str = ""


@dataclass(frozen=True)
class Decided:
    """What became of a column: features that are read from it, or why it is left out, or what is wrong with it."""

    columns: tuple[Column, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    problems: tuple[Problem, ...] = ()
    classes: tuple[str, ...] = ()
    written: str = ""


def decide_column(name: str, t: Tally, choices: Choices) -> Decided:
    """What a column among the features is."""
    if not t.known:
        why = "it is blank in every row"
        if choices.auto:
            return Decided(left_out=(LeftOut(name, "blank", why),))
        return _asked(f"{choices.path}: column {name!r} is blank in every row", "remove the column", f"--drop {name}")
    problems = _spoiled(t, choices)
    skip = choices.auto  # then such cells are blank
    form, doubt = _form(t, choices)
    if doubt:
        return Decided(problems=(*problems, doubt))
    if form:
        stray = t.known - t.as_dates(form)
        problems += () if skip else _strays(t, stray, f"not {form}", "a date")
        return Decided(_dated(name, t, form, t.blanks + stray), problems=problems)
    notation, doubt = _notation(t, choices)
    if doubt:
        return Decided(problems=(*problems, doubt))
    if notation:
        read = t.notations[notation]
        problems += _units(t)
        stray = t.known - read.count
        problems += () if skip else _strays(t, stray, f"not {notation}", "a number")
        return Decided((measured(Column(name, written=notation), read, t.blanks + stray),), problems=problems)
    if t.wrong <= t.plain.count:
        if t.plain.whole and t.different and not t.wrong and t.plain.count >= FEWEST_NAMED:
            why = f"an identifier, another number in each of {t.plain.count} rows"
            return Decided(left_out=(LeftOut(name, "identifier", why),))
        problems += () if skip else _strays(t, t.wrong, "wrong", "a number")
        return Decided((measured(Column(name), t.plain, t.blanks + t.wrong + t.large),), problems=problems)
    if t.texts is None or (t.known >= FEWEST_NAMED and 2 * len(t.texts) > t.known):
        count = f"more than {MOST_TEXTS}" if t.texts is None else str(len(t.texts))
        why = f"names or free texts, {count} different ones in {t.known} rows"
        return Decided(left_out=(LeftOut(name, "identifier", why),))
    if choices.text == "error" and not choices.auto:
        fix = "text='one-hot' (--text one-hot) reads each text as a category"
        said = f"{t.first['wrong']} is not a number"
        return Decided(problems=(*problems, Problem(said, fix, "--text one-hot", "text='one-hot'")))
    return Decided((Column(name, tuple(sorted(t.texts)), blanks=t.blanks),), problems=problems)


def decide_target(name: str, t: Tally, choices: Choices) -> Decided:
    """What the column to predict is: a number, or classes."""
    who = f"{choices.path}: the target {name!r}"
    if t.blanks and not choices.auto:
        fix = "missing='drop' (--missing drop) leaves such rows out"
        if choices.missing == "impute":
            fix = "auto=True (--auto) leaves such rows out, and fills in other blanks"
        return _asked(f"{t.first['blank']}: the target is blank", fix)
    if not t.known:
        return _asked(f"{who} is blank in every row", "choose another target")
    if t.large:
        return Decided(problems=(_large(t),))
    notation, doubt = _notation(t, choices)
    form, _ = _form(t, choices)
    if doubt:
        return Decided(problems=(doubt,))
    if form:
        return _asked(f"{who} holds dates", "choose another target, or give it as a number of days")
    if notation and choices.task != "classification":
        read = t.notations[notation]
        few = t.texts is not None and 1 < len(t.texts) <= min(MOST_CLASSES, read.count // 2)
        if choices.task == "auto" and few and not read.whole and not choices.auto:
            return _few_values(who, t)
        strays = _strays(t, t.known - read.count, f"not {notation}", "a number")
        return Decided(problems=_units(t) + strays, written=notation)
    few = t.texts is not None and len(t.texts) <= min(MOST_CLASSES, t.plain.count // 2)
    if choices.task == "auto" and few and not t.plain.whole and not t.wrong and not choices.auto:
        return _few_values(who, t)
    if choices.task == "regression" or (choices.task == "auto" and not t.wrong and not (t.plain.whole and few)):
        if t.wrong:
            fix = "task='classification' (--task classification) takes texts for classes"
            return _asked(f"{t.first['wrong']} is not a number", fix, "--task classification")
        if t.texts is not None and len(t.texts) == 1:
            return _asked(f"{who} is {next(iter(t.texts))} in every row", "give rows that differ in it")
        return Decided()
    return _classes(who, t, choices)


def _classes(who: str, t: Tally, choices: Choices) -> Decided:
    """The names of the classes."""
    dashed = t.texts is not None and {v for v in t.texts if not is_number(v)} <= DASHES
    many = t.texts is None or len(t.texts) > MOST_CLASSES
    if choices.task == "auto" and 0 < t.wrong < t.plain.count and (many or dashed):
        fix = "correct the cell; or task='classification' (--task classification) takes every value for a class"
        return _asked(f"{t.first['wrong']} is not a number, as most of the column is", fix)
    if t.texts is None or len(t.texts) > MOST_CATEGORIES:
        said = f"{who} has more than {MOST_CATEGORIES} classes, at most {MOST_CATEGORIES} are read"
        return _asked(said, "choose another target, or task='regression' (--task regression)")
    if len(t.texts) < 2:
        said = f"{who} has one class only, {next(iter(t.texts))!r}"
        return _asked(said, "give rows of at least two classes")
    numbers = all(map(is_number, t.texts))
    return Decided(classes=tuple(sorted(t.texts, key=float) if numbers else sorted(t.texts)))


def _few_values(who: str, t: Tally) -> Decided:
    """Numbers that are not whole, and few: that they are classes or not is asked."""
    values = t.texts or {}
    if len(values) == 1:
        return _asked(f"{who} is {next(iter(values))} in every row", "give rows that differ in it")
    odd = next((v for v in values if is_number(v) and not float(v).is_integer()), next(iter(values)))
    said = f"{who} has {len(values)} different values, such as {odd}: classes, or a number?"
    fix = "task='regression' (--task regression) or task='classification' (--task classification)"
    return _asked(said, fix, "--task regression", "task='regression'")


def decimal_marks(tallies: Iterable[Tally]) -> frozenset[str]:
    """The decimal marks that columns show beyond doubt."""
    marks = set()
    for t in tallies:
        best = [n for n, m in t.notations.items() if m.count == t.known]
        if len({n[0] for n in best}) == 1 and t.wrong:
            marks.add(best[0][0])
        elif not t.notations and not t.wrong and t.plain.count and not t.plain.whole:
            marks.add(".")
    return frozenset(marks)


def looks_few(values: np.ndarray) -> bool:
    """Whether numbers have few different values."""
    return len(np.unique(values)) <= min(MOST_CLASSES, len(values) // 2)


def refusal(path: str, problems: Iterable[Problem]) -> DataError:
    """One error for all problems, with one cure."""
    problems = list(problems)
    if len(problems) == 1:
        return DataError(f"{problems[0].said}\n  fix: {problems[0].fix}")
    head = f"{path}: it cannot be read as it stands, for {len(problems)} reasons"
    lines = [f"    {p.said.removeprefix(f'{path}: ')}" for p in problems]
    options = list(dict.fromkeys(p.option for p in problems))
    if all(options):
        settings = [s for s in dict.fromkeys(p.setting for p in problems) if s]
        cure = " ".join(options) + (f" ({', '.join(settings)})" if settings else "")
        cure += "; or --auto (auto=True) takes such decisions and lists them"
    else:
        cure = "--auto (auto=True) takes the usual decisions and lists them; what it cannot decide it names"
    return DataError("\n".join([head, *lines, f"  fix: {cure}"]))


def _asked(said: str, fix: str, option: str = "", setting: str = "") -> Decided:
    return Decided(problems=(Problem(said, fix, option, setting),))


def _spoiled(t: Tally, choices: Choices) -> tuple[Problem, ...]:
    """Blanks, and numbers beyond what is read."""
    if choices.auto and choices.missing == "error":
        return ()
    found = (_large(t),) if t.large and not choices.auto else ()
    if t.blanks and choices.missing == "error":
        fix = "missing='impute' (--missing impute) learns from blanks, "
        fix += "missing='drop' (--missing drop) leaves such rows out"
        said = f"{t.first['blank']}: the cell is blank"
        return (*found, Problem(said, fix, "--missing impute", "missing='impute'"))
    return found


def _large(t: Tally) -> Problem:
    infinite = t.first["large"].lower().endswith(("inf'", "infinity'"))
    said = "is not finite" if infinite else "is beyond 1e+38, the largest number that is read"
    fix = "correct the cell, or leave it blank" if infinite else "give the column in a larger unit"
    return Problem(f"{t.first['large']} {said}", fix)


def _strays(t: Tally, count: int, which: str, kind: str) -> tuple[Problem, ...]:
    """The cells that are not what most of the column is."""
    if not count:
        return ()
    where = t.first.get(which, t.first.get("wrong", ""))
    return (Problem(f"{where} is not {kind}, as most of the column is", "correct the cell, or leave it blank"),)


def _units(t: Tally) -> tuple[Problem, ...]:
    units = sorted(t.units - {""})
    if len(units) > 1 or (units and units[0] in "%‰" and "" in t.units):
        said = f"{t.first['written']}: the column holds numbers in different units ({', '.join(units) or 'none'}"
        return (Problem(f"{said}{', and none' if '' in t.units else ''})", "give the column in one unit"),)
    return ()


def _notation(t: Tally, choices: Choices) -> tuple[str, Problem | None]:
    """How the numbers of a column are written where it is not plainly; a question where they could be two numbers."""
    plain = {n: m for n, m in t.notations.items() if len(n) == 2}
    most = max((m.count for m in plain.values()), default=0)
    decimal = _decimal(choices)
    if most <= t.plain.count and not (t.wrong == 0 and 0 < most == t.plain.count and decimal == ","):
        return _with_unit(t, choices)
    if 2 * most < t.known:
        return _with_unit(t, choices)
    return _one_of({n: m for n, m in plain.items() if m.count == most}, t, choices)


def _decimal(choices: Choices) -> str:
    """The decimal mark that is said, or that other columns show."""
    return choices.decimal or (next(iter(choices.marks)) if len(choices.marks) == 1 else "")


def _with_unit(t: Tally, choices: Choices) -> tuple[str, Problem | None]:
    """The notation of numbers that have one unit beside them; a question where there are several, or bare numbers too.

    A word that is not known as a unit is one where it stands beside the number in every row.
    """
    counts: dict[str, int] = {}
    for notation, read in t.notations.items():
        if len(notation) > 2:
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
        return "", Problem(said, "give the column in one unit")
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
    elif choices.decimal:
        best = {n: m for n, m in best.items() if n[0] == choices.decimal} or best
    if len(values) > 1 and not choices.auto:
        said = f"{t.first.get('written', t.first.get('wrong', ''))} could be either of two numbers"
        fix = "decimal='.' (--decimal .) if its comma sets thousands apart, decimal=',' (--decimal ,) if not"
        return "", Problem(said, fix, "--decimal .", "decimal='.'")
    return next(iter(best)), None


def _different(best: Mapping[str, Moments]) -> set[tuple[float, float]]:
    return {(m.mean, m.squares) for m in best.values()}


def _form(t: Tally, choices: Choices) -> tuple[str, Problem | None]:
    """How the dates of a column are written, where most of it are dates; a question where they could be two dates."""
    counts = {form: t.as_dates(form) for form in t.dates}
    most = max(counts.values(), default=0)
    if not most or 2 * most < t.known or most < t.plain.count:
        return "", None
    best = [form for form in ("ymd", "dmy", "mdy", "named", "american", "clock") if counts.get(form) == most]
    if choices.dates in best:
        return choices.dates, None
    doubtful = {"dmy", "mdy"} <= {*best} and _different(t.dates["dmy"]) != _different(t.dates["mdy"])
    if doubtful and not choices.auto:
        fix = "dates='dmy' (--dates dmy) if the day stands first, dates='mdy' (--dates mdy) if the month does"
        return "", Problem(f"{t.first['wrong']} could be either of two dates", fix, "--dates dmy", "dates='dmy'")
    return best[0], None


def _dated(name: str, t: Tally, form: str, blank: int) -> tuple[Column, ...]:
    """The features that are read from dates: those parts that say something."""
    parts = t.dates[form]
    columns = []
    for part, found in parts.items():
        if part == "hour" and len(parts) > 1 and found.low == found.high == 0:
            continue  # dates without a time of day
        origin = float(np.floor(found.low)) if part == "days" else 0.0
        column = Column(f"{name} ({part})", source=name, part=part, written=form, origin=origin)
        shifted = Moments(found.count, found.mean - origin, found.squares, found.low - origin, found.high - origin)
        columns.append(measured(column, shifted, blank))
    return tuple(columns)
