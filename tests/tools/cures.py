"""How a cure is shown to work: the error is met, what its line `fix:` says is applied, and the input works.

A table of cases stands in the folder of tests of each area. The values that a cure is applied with are read from the
message by the groups of a pattern, so that a message which advises something else fails.
"""

import ast
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reseau.errors import ReseauError

__all__ = ["Cure", "cured", "files_of", "raises_without_a_case"]

ERRORS = (ReseauError, AttributeError)  # an attribute that is not there yet must be Python's own error


@dataclass(frozen=True)
class Cure:
    """An input that is refused, and how the cure in its message is applied.

    Attributes:
        refused: The call that raises.
        says: A regular expression of the whole cure.
        applied: The call with the cure applied; it is given the groups of the expression, as texts.
    """

    refused: Callable[[], Any]
    says: str
    applied: Callable[..., Any]


def cured(case: Cure) -> None:
    """Meet the error, apply its cure, and see the input work."""
    with pytest.raises(ERRORS) as caught:
        case.refused()
    _, _, cure = str(caught.value).partition("\n  fix: ")
    match = re.fullmatch(case.says, cure)
    assert match, f"the cure is {cure!r}, not {case.says!r}"
    case.applied(*match.groups())


def place_of(case: Cure) -> tuple[str, int]:
    """The file and the line that raise the error of a case."""
    with pytest.raises(ERRORS) as caught:
        case.refused()
    place = caught.traceback[-1]
    return str(place.path), place.lineno + 1


def files_of(package: str) -> list[ModuleType]:
    """The files of a package, but for those of its folders."""
    folder = import_module(package).__path__
    return [import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(folder) if not found.ispkg]


def raises_without_a_case(
    modules: Iterable[ModuleType], cases: Iterable[Cure], not_mechanical: Iterable[str] = ()
) -> list[str]:
    """The statements in these files that raise an error with a cure, and are met by no case of a table.

    Args:
        modules: The files.
        cases: The table.
        not_mechanical: Parts of the errors whose cure a program cannot apply, such as to give more rows.
    """
    met = {place_of(case) for case in cases}
    found = []
    for module in modules:
        path = Path(inspect.getfile(module))
        text = path.read_text()
        for statement in _raises(ast.parse(text)):
            lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
            source = ast.get_source_segment(text, statement) or ""
            if any((str(path), line) in met for line in lines) or any(part in source for part in not_mechanical):
                continue
            found.append(f"{path.name}:{statement.lineno}: {source}")
    return found


def _raises(tree: ast.AST) -> Iterator[ast.Raise]:
    for node in ast.walk(tree):
        texts = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))
        if isinstance(node, ast.Raise) and any("fix: " in text for text in texts):
            yield node
