"""From what was counted of a column to what it is: a number, a category, a date, an identifier; or a question."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from reseau.data.table.columns import Met
from reseau.data.table.dates import COARSE, ZONE, other_zone
from reseau.data.table.moments import Moments
from reseau.data.table.notation import NOTATIONS, is_number, read_number
from reseau.data.table.problems import AUTO, Problem, name_list
from reseau.data.table.readings import Choices, droppable, form_of, lasts, notation_of, unlike_units
from reseau.data.table.recipe import Column, LeftOut, folded, measured
from reseau.data.table.tally import MOST_TEXTS, Tally
from reseau.data.table.word_columns import word_columns, words_of

__all__ = [
    "Decided",
    "dashes_among",
    "decide_column",
    "decide_target",
    "decimal_marks",
    "looks_few",
    "unread_cells",
]

MOST_CATEGORIES = 1_000
DASHES = frozenset({"-", "--", "–", "—", "."})  # that stand for no value among numbers
MOST_CLASSES = 20  # numbers with at most this many values are few
FEWEST_NAMED = 20  # texts that all differ are taken for names from here on
FEW_WORDS = 3  # that may stand for no value among many different numbers
FREE = 3  # words in the mean, from which on texts are free ones and no names
FEWEST_CODES = 3  # rows with a number that may stand for no value
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
BLANK, LEFT = "takes such cells for blanks", "leaves such rows out"  # what the usual decision does


@dataclass(frozen=True)
class Decided:
    """What became of a column: features that are read from it, or why it is left out, or what is wrong with it."""

    columns: tuple[Column, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    problems: tuple[Problem, ...] = ()
    classes: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    written: str = ""
    notes: tuple[str, ...] = ()


def decide_column(name: str, t: Tally, choices: Choices) -> Decided:
    """What a column among the features is."""
    if not t.known and t.large and not choices.auto:
        return Decided(problems=(_large(t, name),))
    if not t.known:
        why = "none of its numbers is within 1e+38" if t.large else "it is blank in every row"
        if choices.auto:
            return Decided(left_out=(LeftOut(name, "blank", why),))
        return Decided(problems=(droppable(f"{choices.path}: column {name!r} is blank in every row", "", name),))
    if name in choices.words:
        return _words(name, t, choices)
    problems = _spoiled(name, t, choices)
    skip = choices.auto  # then such cells are blank
    form, doubt = form_of(t, choices)
    if form == "clock" and t.as_dates(form) < t.known and lasts(t):
        form = ""  # more than a day
    if doubt and not form:
        return Decided(problems=(*problems, doubt))
    if form:
        stray = t.known - t.as_dates(form)
        asked, notes = _unlike(t, stray, f"not {form}", _kind_of_date(t, form), skip)
        problems += asked
        if doubt:
            which = f"{t.first['wrong'].cell!r} in {t.first['wrong'].row}"
            notes += (f"{which} could be either of two dates: day first; --dates mdy (dates='mdy') if not",)
        return Decided(_dated(name, t, form, t.blanks + stray), problems=problems, notes=notes)
    notation, doubt = notation_of(name, t, choices)
    if doubt:
        return Decided(problems=(*problems, doubt))
    if notation:
        read = t.notations[notation]
        problems += unlike_units(name, t)
        stray = t.known - read.count
        asked, notes = _unlike(t, stray, f"not {notation}", "a number", skip)
        problems += asked
        column = measured(Column(name, written=notation), read, t.blanks + stray)
        return Decided((column,), problems=problems, notes=notes)
    if t.wrong <= t.plain.count and not _few_grades(t, choices):
        if t.plain.whole and t.different and not t.wrong and t.plain.count >= FEWEST_NAMED:
            why = f"an identifier, another number in each of {t.plain.count} rows"
            return Decided(left_out=(LeftOut(name, "identifier", why),))
        asked, notes = _unlike(t, t.wrong, "wrong", "a number", skip)
        problems += asked
        column = measured(Column(name), t.plain, t.blanks + t.wrong + t.large)
        return Decided((column,), problems=problems, notes=notes + _codes_for_none(t))
    if words := _words_among_numbers(t):
        found = decide_column(name, _without(t, words, choices), choices)
        return replace(found, problems=(*found.problems, *(() if skip else _mostly_words(t, words, BLANK))))
    if t.texts is None or (t.known >= FEWEST_NAMED and 2 * len(t.texts) > t.known):
        count = f"more than {MOST_TEXTS}" if t.texts is None else str(len(t.texts))
        why = f"names or free texts, {count} different ones in {t.known} rows"
        if t.texts and sum(len(words_of(v)) for v in t.texts) > FREE * len(t.texts):
            why += f" (--words {name_list([name])} learns from the words that recur)"
            return Decided(left_out=(LeftOut(name, "free text", why),))
        return Decided(left_out=(LeftOut(name, "identifier", why),))
    if choices.text == "error" and not choices.auto:
        fix = "text='one-hot' (--text one-hot) reads each text as a category"
        said = f"{t.first['wrong']} is not a number"
        if all(map(is_number, t.texts)):
            said = f"{t.first['wrong']} is a code, which as a number would be another"
        return Decided(problems=(*problems, Problem(said, fix, "--text one-hot", "text='one-hot'")))
    texts, variants = _joined(t.texts, choices)
    column = Column(name, tuple(sorted(texts)), blanks=t.blanks, variants=variants)
    return Decided((column,), problems=problems, notes=_quantities(t.texts))


def _kind_of_date(t: Tally, form: str) -> str:
    """What the dates of a column are, as is said of a cell that is none."""
    if form.endswith(ZONE):
        return "a date with its time zone"
    zoned = other_zone(form)
    odd = zoned in t.dates and t.first.get(f"not {form}") != t.first.get(f"not {zoned}")
    return "a date without a time zone" if odd else "a date"


def _few_grades(t: Tally, choices: Choices) -> bool:
    """Whether numbers and texts with digits are few, as of a scale from `1 (bad)` over 2 to `3 (good)`: categories."""
    if not t.wrong or t.texts is None or len(t.texts) > MOST_CLASSES or (choices.text == "error" and not choices.auto):
        return False
    words = [v for v in t.texts if not is_number(v)]
    return all(any(map(str.isdecimal, v)) and t.texts[v] > 1 for v in words)


def _quantities(texts: Mapping[str, int]) -> tuple[str, ...]:
    """What is said of many categories that differ in their numbers alone."""
    shapes = {NUMBER.sub("0", v) for v in texts}
    if len(shapes) > 1 or len(texts) <= MOST_CLASSES or all(map(is_number, texts)):
        return ()
    return (f"its {len(texts)} texts differ in their numbers alone, as {min(texts)!r}: write a quantity as a number",)


def _words_among_numbers(t: Tally) -> frozenset[str]:
    """The few words that stand in most rows of a column whose other texts are many different numbers."""
    best = max(NOTATIONS, key=lambda n: t.notations[n].count if n in t.notations else 0)
    if t.texts is None or best not in t.notations or t.as_dates("ymd") > t.notations[best].count:
        return frozenset()
    words = frozenset(v for v in t.texts if isnan(read_number(v, best)))
    most = 0 < len(words) <= FEW_WORDS and 2 * sum(t.texts[v] for v in words) >= t.known
    return words if most and len(t.texts) - len(words) > MOST_CLASSES else frozenset()


def _without(t: Tally, words: frozenset[str], choices: Choices) -> Tally:
    """The tally as if these words were blank."""
    texts = t.texts or {}
    count = sum(texts[v] for v in words)
    others = {v: n for v, n in texts.items() if v not in words}
    return replace(t, wrong=t.wrong - count, blanks=t.blanks + count * choices.auto, texts=others)


def _mostly_words(t: Tally, words: frozenset[str], auto: str) -> tuple[Problem, ...]:
    """A question about words that stand in most rows."""
    texts = t.texts or {}
    word = max(words, key=lambda v: texts[v])
    said = f"{t.first['wrong'].column}: {word!r} stands in {texts[word]} of {t.known} rows, and the others hold numbers"
    return (
        Problem(said, f"write a number, or leave such cells blank; or --auto (auto=True) {auto}", AUTO, "auto=True"),
    )


def _joined(texts: Mapping[str, int], choices: Choices) -> tuple[list[str], tuple[str, ...]]:
    """The texts, of those that differ in case and spaces alone the most frequent one; and the others of them."""
    if not choices.auto:
        return [*texts], ()
    best: dict[str, str] = {}
    for text in sorted(texts, key=lambda v: (-texts[v], v)):
        best.setdefault(folded(text), text)
    return [*best.values()], tuple(sorted({*texts} - {*best.values()}))


def _words(name: str, t: Tally, choices: Choices) -> Decided:
    """The words of a column that were asked for."""
    columns = word_columns(name, t.texts or {}, t.known + t.blanks)
    if columns:
        return Decided(columns)
    return _asked(f"{choices.path}: column {name!r} has no words that recur", "leave it out of --words (words=[...])")


def decide_target(name: str, t: Tally, choices: Choices) -> Decided:
    """What the column to predict is: a number, or classes."""
    who = f"{choices.path}: the target {name!r}"
    if t.texts is not None and len(t.texts) == 1 < t.known and (t.blanks or choices.dropped):
        said = f"{who} is {next(iter(t.texts))!r} or blank"
        return _asked(said, "if a blank stands for a class, write its name there; if not, give rows of two classes")
    if not t.known and not t.large:
        return _asked(f"{who} is blank in every row", "choose another target")
    if t.blanks and not choices.auto:
        fix = "missing='drop' (--missing drop) leaves such rows out"
        if choices.missing == "impute":
            fix = "auto=True (--auto) leaves such rows out, and fills in other blanks"
        return _asked(f"{t.first['blank'].place}: the target is blank", fix)
    if t.large:
        return Decided(problems=(_large(t),))
    if choices.task != "classification" and (words := _words_among_numbers(t)):
        found = decide_target(name, _without(t, words, replace(choices, auto=False)), choices)
        return replace(found, problems=(*found.problems, *(() if choices.auto else _mostly_words(t, words, LEFT))))
    notation, doubt = notation_of("", t, choices)
    form, unclear = form_of(t, choices)
    if doubt or (unclear and not form):
        return Decided(problems=tuple(p for p in (doubt, unclear) if p))
    if form and not lasts(t):
        return _asked(f"{who} holds dates", "choose another target, or give it as a number of days")
    if notation and choices.task != "classification":
        read = t.notations[notation]
        few = t.texts is not None and 1 < len(t.texts) <= min(MOST_CLASSES, read.count // 2)
        if choices.task == "auto" and few and not read.whole and not choices.auto:
            return _few_values(who, t)
        strays = () if choices.auto else _strays(t, t.known - read.count, f"not {notation}", "a number", LEFT)
        return Decided(problems=unlike_units("", t) + strays, written=notation)
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
    texts = dict(t.texts or {})
    dashed = dashes_among(texts) if choices.task == "auto" else frozenset()
    numbers = t.wrong < t.plain.count and (t.texts is None or len(texts) - len(dashed) > MOST_CLASSES)
    if choices.task == "auto" and t.wrong and (numbers or dashed):
        if not choices.auto:
            fix = "auto=True (--auto) leaves such rows out; or task='classification' (--task classification) takes "
            fix += "every value for a class"
            what = "is not a number, as most of the column is"
            if not numbers and t.plain.count < t.wrong:
                what = f"{min(dashed)!r} stands among its texts, for a class or for no value"
                return _asked(f"{who}: {what}", fix, "--auto", "auto=True")
            return _asked(f"{t.first['wrong']} {what}", fix, "--auto", "auto=True")
        rest = {v: n for v, n in texts.items() if v not in dashed}
        few = t.plain.whole and len(rest) <= min(MOST_CLASSES, t.plain.count // 2)
        if numbers or (t.plain.count == sum(rest.values()) and not few):
            return Decided()
        texts = rest
    if t.texts is None or len(texts) > MOST_CATEGORIES:
        said = f"{who} has more than {MOST_CATEGORIES} classes, at most {MOST_CATEGORIES} are read"
        return _asked(said, "choose another target, or task='regression' (--task regression)")
    names, variants = _joined(texts, choices)
    if len(names) < 2:
        return _asked(f"{who} has one class only, {names[0]!r}", "give rows of at least two classes")
    numeric = all(map(is_number, names))
    return Decided(classes=tuple(sorted(names, key=float) if numeric else sorted(names)), variants=variants)


def dashes_among(texts: Iterable[str]) -> frozenset[str]:
    """The dashes among texts that otherwise have letters or digits, so that they stand for no value."""
    dashes = DASHES.intersection(texts)
    return dashes if all(any(c.isalnum() for c in v) for v in texts if v not in dashes) else frozenset()


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
        best = [n for n, m in t.notations.items() if m.count == t.known and not n.endswith("h:m:s")]
        if len({n[0] for n in best}) == 1 and (t.wrong or not t.plain.whole):
            marks.add(best[0][0])
        elif not t.notations and not t.wrong and t.plain.count and not t.plain.whole:
            marks.add(".")
    return frozenset(marks)


def looks_few(values: np.ndarray) -> bool:
    """Whether numbers have few different values."""
    return len(np.unique(values)) <= min(MOST_CLASSES, len(values) // 2)


def _asked(said: str, fix: str, option: str = "", setting: str = "") -> Decided:
    return Decided(problems=(Problem(said, fix, option, setting),))


def _spoiled(name: str, t: Tally, choices: Choices) -> tuple[Problem, ...]:
    """Blanks, and numbers beyond what is read."""
    if choices.auto and choices.missing == "error":
        return ()
    found = (_large(t, name),) if t.large and not choices.auto else ()
    if t.blanks and choices.missing == "error":
        fix = "missing='impute' (--missing impute) learns from blanks, "
        fix += "missing='drop' (--missing drop) leaves such rows out"
        said = f"{t.first['blank'].place}: the cell is blank"
        return (*found, Problem(said, fix, "--missing impute", "missing='impute'"))
    return found


def _large(t: Tally, name: str = "") -> Problem:
    infinite = t.first["large"].cell.lower().endswith(("inf", "infinity"))
    said = "is not finite" if infinite else "is beyond 1e+38, the largest number that is read"
    said, fix = f"{t.first['large']} {said}", "correct the cell, or leave it blank"
    if not infinite:
        return droppable(said, "give the column in a larger unit", name)
    return Problem(said, f"{fix}; --auto (auto=True) {BLANK}", "--auto", "auto=True") if name else Problem(said, fix)


def _unlike(t: Tally, count: int, which: str, kind: str, skip: bool) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """Of cells that are not what most of the column is: what is asked; or what is said, where they are blank then."""
    return ((), _unread(t, count, which)) if skip else (_strays(t, count, which, kind), ())


def _unread(t: Tally, count: int, which: str) -> tuple[str, ...]:
    """What is said where the usual decision takes cells for blanks."""
    found = t.first.get(which) or t.first.get("wrong")
    if not count or found is None:
        return ()
    return (unread_cells(found, count),)


def unread_cells(first: Met, count: int) -> str:
    """What is said of cells that hold something and are taken for blanks."""
    others = f" and {count - 1} other cell{'s' if count > 2 else ''}" if count > 1 else ""
    return f"{first.cell!r} in {first.row}{others} cannot be read: blank"


def _codes_for_none(t: Tally) -> tuple[str, ...]:
    """What is said of numbers that may stand for no value."""
    low, high = t.others.low, t.others.high
    reach = max(high - low, 1.0)
    far = [c for c, n in t.codes.items() if n >= FEWEST_CODES and not low - reach <= c <= high + reach]
    if not t.others.count or not far:
        return ()
    shown = " and ".join(f"{c:g} in {t.codes[c]} rows" for c in sorted(far))
    return (f"{shown}, far from the others ({low:g} to {high:g}); if it stands for no value, leave such cells blank",)


def _strays(t: Tally, count: int, which: str, kind: str, auto: str = BLANK) -> tuple[Problem, ...]:
    """The cells that are not what most of the column is."""
    if not count:
        return ()
    where = t.first.get(which, t.first.get("wrong", ""))
    said, fix = f"{where} is not {kind}, as most of the column is", f"correct the cell; or --auto (auto=True) {auto}"
    return (Problem(said, fix, "--auto", "auto=True"),)


def _dated(name: str, t: Tally, form: str, blank: int) -> tuple[Column, ...]:
    """The features that are read from dates: those parts that say something."""
    parts = t.dates[form]
    columns = []
    for part, found in parts.items():
        if part == "hour" and len(parts) > 1 and found.low == found.high == 0:
            continue  # dates without a time of day
        if part == "weekday" and form in COARSE:
            continue
        origin = float(np.floor(found.low)) if part == "days" else 0.0
        column = Column(f"{name} ({part})", source=name, part=part, written=form, origin=origin)
        shifted = Moments(found.count, found.mean - origin, found.squares, found.low - origin, found.high - origin)
        columns.append(measured(column, shifted, blank))
    return tuple(columns)
