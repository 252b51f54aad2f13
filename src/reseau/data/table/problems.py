"""Why columns cannot be read as they stand, and one error for all of them, whose cure can be typed."""

import csv
import io
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reseau.errors import DataError

__all__ = ["AUTO", "Problem", "name_list", "refusal"]

AUTO = "--auto"


@dataclass(frozen=True)
class Problem:
    """Why a column cannot be read as it stands.

    Attributes:
        said: Where, and what.
        fix: What to do about it.
        option: The same as words of the command line, where it can be said so; `--auto` where only that decides it.
        setting: And as an argument in Python.
        drop: Name of the column, where leaving it out is what can be typed.
        decided: Whether `--auto` settles it too.
    """

    said: str
    fix: str
    option: str = ""
    setting: str = ""
    drop: str = ""
    decided: bool = True


def refusal(path: str, problems: Iterable[Problem], *, auto: bool = False) -> DataError:
    """One error for all problems, with one cure; `auto` says whether the usual decisions were taken already."""
    problems = list(problems)
    if len(problems) == 1:
        return DataError(f"{problems[0].said}\n  fix: {problems[0].fix}")
    head = f"{path}: it cannot be read as it stands, for {len(problems)} reasons"
    lines = [f"    {p.said.removeprefix(f'{path}: ')}" for p in problems]
    dropped = list(dict.fromkeys(p.drop for p in problems if p.drop))
    options = list(dict.fromkeys(p.option for p in problems if not p.drop))
    settings = [s for s in dict.fromkeys(p.setting for p in problems if not p.drop) if s]
    left_out = f" --drop {name_list(dropped)}" if dropped else ""
    rest = [p.drop for p in problems if p.drop and not p.decided]
    also = f" --drop {name_list(rest)}" if rest else ""
    if not auto and (not all(options) or AUTO in options):
        cure = f"--auto{also} ({', '.join(['auto=True', *_without(rest)])}) takes the usual decisions and lists "
        cure += "them; what it cannot decide it names"
    elif all(options):
        settings += _without(dropped)
        cure = (" ".join(options) + left_out).strip() + (f" ({', '.join(settings)})" if settings else "")
        cure += "" if auto else f"; or --auto{also} (auto=True) takes such decisions and lists them"
    else:
        cure = "; ".join(p.fix for p in problems if not p.option) + left_out
    return DataError("\n".join([head, *lines, f"  fix: {cure}"]))


def name_list(names: Sequence[str]) -> str:
    """Names as one word of a command line: a line of a CSV file, quoted as a shell needs it."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return shlex.quote(line.getvalue())


def _without(names: list[str]) -> list[str]:
    return [f"without={names}"] if names else []
