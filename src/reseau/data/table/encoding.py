"""Rows of a sheet as the numbers that a recipe makes of them."""

import numpy as np

from reseau.data.table.columns import Sheet, as_texts, blanks, label, spelled
from reseau.data.table.recipe import Column, Recipe, Table
from reseau.data.table.survey import without_blanks
from reseau.errors import DataError

__all__ = ["read_rows"]


def read_rows(sheet: Sheet, recipe: Recipe, *, target: bool = True, drop: bool = True) -> Table:
    """The rows as the recipe reads them; see `Table.features`.

    Args:
        sheet: The columns; those that the recipe does not name are not looked at.
        recipe: How they become numbers.
        target: Whether the target is read too.
        drop: Whether rows with blanks may be left out, where the recipe says so; if not, they are errors.
    """
    if not recipe.columns:
        raise DataError(
            f"{sheet.path}: the model reads arrays of shape {recipe.shape}, not a table\n"
            "  fix: give data of the kind it was trained on"
        )
    names, all_rows = _found(sheet, recipe, target), len(sheet)
    if recipe.missing == "drop" and drop:
        sheet = without_blanks(sheet, names)
        if all_rows and not len(sheet):
            raise DataError(f"{sheet.path}: every row has a blank\n  fix: missing='impute' (--missing impute)")
    features = np.empty((len(sheet), len(recipe.columns)))
    for i, (name, column) in enumerate(zip(names, recipe.columns, strict=False)):
        features[:, i] = (_categories if column.categories else _numbers)(sheet, name, column, recipe)
    values = _target(sheet, names[-1], recipe) if target else None
    return Table(features, values, recipe, all_rows - len(sheet))


def _found(sheet: Sheet, recipe: Recipe, target: bool) -> tuple[str, ...]:
    """What the recipe's columns are called in the sheet, the target last if it is wanted."""
    wanted = tuple(c.name for c in recipe.columns) + ((recipe.target,) if target else ())
    by_number = all(name.isdigit() for name in wanted)
    if not sheet.header and by_number and not target and len(sheet.names) == len(wanted):
        return sheet.names  # rows without their target
    width = len(recipe.columns) + 1
    if not sheet.header and not by_number and len(sheet.names) in (width, width - 1):
        raise DataError(
            f"{sheet.path}: it has no header, and the model knows its columns by name\n"
            f"  fix: add the first line {','.join(wanted[:8])}{',...' if len(wanted) > 8 else ''}"
        )
    absent = [name for name in wanted if name not in sheet.places]
    if absent or (not sheet.header and len(sheet.names) != width):
        named = f"column {absent[0]!r} is missing" if sheet.header else f"it has {len(sheet.names)} columns"
        raise DataError(
            f"{sheet.path}: {named}; the model reads {len(recipe.columns)} columns"
            f"{f' and the target {recipe.target!r}' if target else ''}\n"
            f"  fix: give the columns {', '.join(wanted[:8])}{', ...' if len(wanted) > 8 else ''}"
        )
    return wanted


def _numbers(sheet: Sheet, name: str, column: Column, recipe: Recipe) -> np.ndarray:
    """A column of numbers as they stand; NaN where blank."""
    values, wrong = sheet.numbers(name)
    empty = np.isnan(values)
    empty[wrong] = False
    bad = wrong[:1] if recipe.missing == "impute" else sorted([*wrong[:1], *np.flatnonzero(empty)[:1].tolist()])
    if bad and empty[bad[0]]:
        raise _blank(sheet, name, bad[0], recipe)
    if bad:
        raise DataError(
            f"{sheet.place(name, bad[0])}: {spelled(sheet.column(name), bad[0])!r} is not a number\n"
            "  fix: correct the cell, or leave it blank"
        )
    return values


def _categories(sheet: Sheet, name: str, column: Column, recipe: Recipe) -> np.ndarray:
    """A column of texts as the numbers of their categories, one more than the last for any other text."""
    texts = as_texts(sheet.column(name))
    number = {text: float(k) for k, text in enumerate(column.categories)}
    lookup = np.array([*(number.get(text, len(number)) for text in texts.values), np.nan])
    if recipe.missing != "impute" and (texts.codes < 0).any():
        raise _blank(sheet, name, int(np.argmax(texts.codes < 0)), recipe)
    values: np.ndarray = lookup[texts.codes]
    return values


def _blank(sheet: Sheet, name: str, row: int, recipe: Recipe) -> DataError:
    cell = spelled(sheet.column(name), row)
    shown = f"{cell!r} stands for no value" if cell else "the cell is blank"
    if recipe.missing == "drop":
        cure = "fill in the cell"
        shown += ", and the model was trained without such rows"
    else:
        cure = "missing='impute' (--missing impute) learns from blanks, missing='drop' leaves such rows out"
    return DataError(f"{sheet.place(name, row)}: {shown}\n  fix: {cure}")


def _target(sheet: Sheet, name: str, recipe: Recipe) -> np.ndarray:
    """Class numbers, or real numbers."""
    cells = sheet.column(name)
    if recipe.classes:
        number, texts = {c: k for k, c in enumerate(recipe.classes)}, as_texts(cells)
        lookup = np.array([*(number.get(label(text), -1) for text in texts.values), -1], np.int32)
        found: np.ndarray = lookup[texts.codes]
        if (found < 0).any():
            i = int(np.argmax(found < 0))
            raise DataError(
                f"{sheet.place(name, i)}: {spelled(cells, i)!r} is not a class of the model\n"
                f"  fix: one of {', '.join(recipe.classes[:8])}{', ...' if len(number) > 8 else ''}"
            )
        return found
    values, wrong = sheet.numbers(name, truths=False)
    bad = wrong[:1] or np.flatnonzero(blanks(cells))[:1].tolist()
    if bad:
        raise DataError(
            f"{sheet.place(name, bad[0])}: {spelled(cells, bad[0])!r} is not a number\n"
            "  fix: correct the cell, or remove the row"
        )
    return values
