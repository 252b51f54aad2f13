"""From the cells of a table to numbers: what each column is, and how blanks and texts are read."""

from difflib import get_close_matches
from math import isinf
from os import PathLike

import numpy as np

from reseau.data.recipe import Column, Recipe, Table
from reseau.data.sheet import BLANKS, Sheet, is_number, numbers, read_sheet
from reseau.errors import DataError

__all__ = ["check_task", "label", "learn_recipe", "looks_like_classes", "read_csv", "read_rows"]

MOST_CATEGORIES = 1_000
MOST_CLASSES = 20  # whole numbers with at most this many values are taken for classes


def read_csv(
    path: str | PathLike[str],
    target: str,
    *,
    task: str = "auto",
    missing: str = "error",
    text: str = "error",
    delimiter: str | None = None,
    header: bool | None = None,
) -> Table:
    """Read a table and learn how to read others like it.

    Args:
        path: A CSV file in UTF-8, plain or gzipped.
        target: Name of the column to predict; its number from 1 where the file has no header.
        task: "classification", "regression", or "auto": classes for text and for few whole numbers.
        missing: What to do about blanks: "error", "drop" the row, or fill in the "mean" of the column.
        text: What to do about columns of text: "error", or "one-hot", one 0 or 1 for each text.
        delimiter: What stands between cells; found where it is not given.
        header: Whether the first row holds names; found where it is not given.

    Raises:
        DataError: Something cannot be read; the message names the column, the line, the value and the cure.
    """
    sheet = read_sheet(path, delimiter=delimiter, header=header)
    recipe = learn_recipe(sheet, target, task=task, missing=missing, text=text)
    table = read_rows(sheet, recipe)
    return table.filled(recipe.fitted(table.features))


def learn_recipe(
    sheet: Sheet, target: str, *, task: str = "auto", missing: str = "error", text: str = "error"
) -> Recipe:
    """What each column of the sheet is. The means that fill blanks are left to `Recipe.fitted`."""
    check_task(task)
    if missing not in ("error", "drop", "mean") or text not in ("error", "one-hot"):
        raise DataError(
            f"what to do about missing {missing!r} and text {text!r} is not known\n"
            "  fix: missing='error', 'drop' or 'mean'; text='error' or 'one-hot'"
        )
    if target not in sheet.names:
        raise _no_target(sheet, target)
    if len(sheet.names) == 1:
        raise DataError(f"{sheet.path}: it has no column besides the target {target!r}\n  fix: add features")
    named = zip(sheet.names, sheet.columns, strict=True)
    columns = tuple(_column(sheet, name, cells, text) for name, cells in named if name != target)
    width = sum(max(len(c.categories), 1) for c in columns)
    return Recipe((width,), target, _classes(sheet, target, task, missing), columns, missing)


def read_rows(sheet: Sheet, recipe: Recipe, *, target: bool = True, drop: bool = True) -> Table:
    """The rows as the recipe reads them; blank numbers are NaN until they are filled.

    Args:
        sheet: The cells.
        recipe: How they become numbers.
        target: Whether the target is read too.
        drop: Whether rows with blanks may be left out, where the recipe says so; if not, they are errors.
    """
    if not recipe.columns:
        raise DataError(
            f"{sheet.path}: the model reads arrays of shape {recipe.shape}, not a table\n"
            "  fix: give data of the kind it was trained on"
        )
    places = _places(sheet, recipe, target)
    kept = np.ones(len(sheet), bool)
    if recipe.missing == "drop" and drop:
        for i in places:
            kept &= np.array([cell.lower() not in BLANKS for cell in sheet.columns[i]])
        if not kept.any():
            raise DataError(f"{sheet.path}: every row has a blank\n  fix: missing='mean' (--missing mean)")
        sheet = _rows(sheet, kept)
    blocks = [_features(sheet, i, c, recipe) for i, c in zip(places, recipe.columns, strict=False)]
    values = _target(sheet, places[-1], recipe) if target else None
    return Table(np.concatenate(blocks, axis=1), values, recipe, int((~kept).sum()))


def check_task(task: str) -> None:
    """Refuse a task that is not one."""
    if task not in ("auto", "classification", "regression"):
        raise DataError(f"there is no task {task!r}\n  fix: 'auto', 'classification' or 'regression'")


def looks_like_classes(values: np.ndarray) -> bool:
    """Whether numbers are few whole ones."""
    return bool((values == np.floor(values)).all()) and len(np.unique(values)) <= min(MOST_CLASSES, len(values) // 2)


def label(value: str) -> str:
    """One spelling for each class: `3`, `3.0` and `03` are the same number."""
    if not is_number(value) or isinf(float(value)):
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def _no_target(sheet: Sheet, target: str) -> DataError:
    names = ", ".join(sheet.names[:12]) + (", ..." if len(sheet.names) > 12 else "")
    close = get_close_matches(target, sheet.names, n=1)
    cure = f"--target {close[0]}" if close else f"one of {names}"
    if not sheet.header:
        cure = f"its first row holds numbers, so columns are called 1 to {len(sheet.names)}: --target {sheet.names[-1]}"
    return DataError(f"{sheet.path}: there is no column {target!r}\n  fix: {cure}")


def _column(sheet: Sheet, name: str, cells: tuple[str, ...], text: str) -> Column:
    """A number, unless most of what the column holds is text."""
    values, wrong = numbers(cells)
    blank = sum(cell.lower() in BLANKS for cell in cells) if np.isnan(values).any() else 0
    if blank == len(cells):
        raise DataError(f"{sheet.path}: column {name!r} is blank in every row\n  fix: remove the column")
    if not wrong:
        return Column(name)
    where = f"{sheet.path}: column {name!r}, line {sheet.lines[wrong[0]]}: {cells[wrong[0]]!r} is not a number"
    if 2 * len(wrong) <= len(cells) - blank:
        raise DataError(f"{where}, as most of the column is\n  fix: correct the cell, or leave it blank")
    if text == "error":
        raise DataError(f"{where}\n  fix: text='one-hot' (--text one-hot) reads each text as a category")
    categories = tuple(sorted({cell for cell in cells if cell.lower() not in BLANKS}))
    if len(categories) > MOST_CATEGORIES:
        raise DataError(
            f"{sheet.path}: column {name!r} holds {len(categories)} different texts, at most {MOST_CATEGORIES} are "
            "categories\n  fix: remove the column; names and identifiers predict nothing"
        )
    return Column(name, categories)


def _classes(sheet: Sheet, target: str, task: str, missing: str) -> tuple[str, ...]:
    """Names of the classes in the target column; none for a regression."""
    cells = [cell for cell in sheet.column(target) if cell.lower() not in BLANKS]
    if len(cells) < len(sheet) and missing != "drop":
        at = next(i for i, cell in enumerate(sheet.column(target)) if cell.lower() in BLANKS)
        raise DataError(
            f"{sheet.path}: column {target!r}, line {sheet.lines[at]}: the target is blank\n"
            "  fix: missing='drop' (--missing drop) leaves such rows out"
        )
    values, wrong = numbers(tuple(cells))
    if task == "regression" or (task == "auto" and not wrong and not looks_like_classes(values)):
        if wrong:
            at = sheet.column(target).index(cells[wrong[0]])
            raise DataError(
                f"{sheet.path}: column {target!r}, line {sheet.lines[at]}: {cells[wrong[0]]!r} is not a number\n"
                "  fix: task='classification' (--task classification) takes texts for classes"
            )
        if len(np.unique(values)) == 1:
            raise DataError(
                f"{sheet.path}: the target {target!r} is {cells[0]} in every row\n  fix: give rows that differ in it"
            )
        return ()
    found = {label(cell) for cell in cells}
    if len(found) < 2:
        raise DataError(
            f"{sheet.path}: the target {target!r} has one class only, {found.pop()!r}\n"
            "  fix: give rows of at least two classes"
        )
    if len(found) > MOST_CATEGORIES:
        raise DataError(
            f"{sheet.path}: the target {target!r} has {len(found)} classes, at most {MOST_CATEGORIES} are read\n"
            "  fix: choose another target, or task='regression' (--task regression)"
        )
    numeric = all(is_number(name) for name in found)
    return tuple(sorted(found, key=float) if numeric else sorted(found))


def _places(sheet: Sheet, recipe: Recipe, target: bool) -> list[int]:
    """Where the recipe's columns stand in the sheet, the target last if it is wanted."""
    wanted = [c.name for c in recipe.columns] + ([recipe.target] if target else [])
    by_number = all(name.isdigit() for name in wanted)
    if not sheet.header and by_number and not target and len(sheet.names) == len(wanted):
        return list(range(len(wanted)))  # rows without their target
    width = len(recipe.columns) + 1
    if not sheet.header and not by_number and len(sheet.names) in (width, width - 1):
        raise DataError(
            f"{sheet.path}: it has no header, and the model knows its columns by name\n"
            f"  fix: add the first line {','.join(wanted[:8])}{',...' if len(wanted) > 8 else ''}"
        )
    where = {name: i for i, name in enumerate(sheet.names)}
    absent = [name for name in wanted if name not in where]
    if absent or (not sheet.header and len(sheet.names) != width):
        named = f"column {absent[0]!r} is missing" if sheet.header else f"it has {len(sheet.names)} columns"
        raise DataError(
            f"{sheet.path}: {named}; the model reads {len(recipe.columns)} columns"
            f"{f' and the target {recipe.target!r}' if target else ''}\n"
            f"  fix: give the columns {', '.join(wanted[:8])}{', ...' if len(wanted) > 8 else ''}"
        )
    return [where[name] for name in wanted]


def _rows(sheet: Sheet, kept: np.ndarray) -> Sheet:
    places = np.flatnonzero(kept)
    columns = tuple(tuple(column[i] for i in places) for column in sheet.columns)
    return Sheet(sheet.path, sheet.names, columns, tuple(sheet.lines[i] for i in places), sheet.header)


def _features(sheet: Sheet, place: int, column: Column, recipe: Recipe) -> np.ndarray:
    """One column as numbers, (n, 1) or (n, categories)."""
    cells = sheet.columns[place]
    if column.categories:
        return _one_hot(sheet, cells, column, recipe)
    values, wrong = numbers(cells)
    blanks = np.isnan(values)
    blanks[wrong] = False
    refused = np.isinf(values) | (blanks if recipe.missing != "mean" else False)
    bad = sorted([*wrong, *np.flatnonzero(refused)])
    if bad:
        cell, where = cells[bad[0]], f"{sheet.path}: column {column.name!r}, line {sheet.lines[bad[0]]}"
        if blanks[bad[0]]:
            raise _blank(where, cell, recipe)
        what = "is not finite" if is_number(cell) else "is not a number"
        raise DataError(f"{where}: {cell!r} {what}\n  fix: correct the cell, or leave it blank")
    return values[:, None]


def _one_hot(sheet: Sheet, cells: tuple[str, ...], column: Column, recipe: Recipe) -> np.ndarray:
    number = {text: k for k, text in enumerate(column.categories)}
    block = np.zeros((len(cells), len(number)))
    for i, cell in enumerate(cells):
        if cell in number:
            block[i, number[cell]] = 1
            continue
        where = f"{sheet.path}: column {column.name!r}, line {sheet.lines[i]}"
        if cell.lower() not in BLANKS:
            known = ", ".join(column.categories[:6]) + (", ..." if len(number) > 6 else "")
            raise DataError(f"{where}: {cell!r} is not one of its categories\n  fix: one of {known}")
        if recipe.missing != "mean":  # filled, a blank is no category: zeros
            raise _blank(where, cell, recipe)
    return block


def _blank(where: str, cell: str, recipe: Recipe) -> DataError:
    shown = f"{cell!r} stands for no value" if cell else "the cell is blank"
    if recipe.missing == "drop":
        return DataError(f"{where}: {shown}, and the model was trained without such rows\n  fix: fill in the cell")
    return DataError(
        f"{where}: {shown}\n"
        "  fix: missing='mean' (--missing mean) fills in the column's mean, missing='drop' leaves the row out"
    )


def _target(sheet: Sheet, place: int, recipe: Recipe) -> np.ndarray:
    """Class numbers, or real numbers."""
    cells = sheet.columns[place]
    if recipe.classes:
        number = {name: k for k, name in enumerate(recipe.classes)}
        found = [number.get(label(cell), -1) for cell in cells]
        if -1 in found:
            i = found.index(-1)
            raise DataError(
                f"{sheet.path}: column {recipe.target!r}, line {sheet.lines[i]}: {cells[i]!r} is not a class of the "
                f"model\n  fix: one of {', '.join(recipe.classes[:8])}{', ...' if len(number) > 8 else ''}"
            )
        return np.array(found, np.int32)
    values, wrong = numbers(cells)
    bad = sorted([*wrong, *np.flatnonzero(~np.isfinite(values))])
    if bad:
        raise DataError(
            f"{sheet.path}: column {recipe.target!r}, line {sheet.lines[bad[0]]}: {cells[bad[0]]!r} is not a number\n"
            "  fix: correct the cell, or remove the row"
        )
    return values
