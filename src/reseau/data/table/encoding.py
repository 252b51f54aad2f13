"""Rows of a sheet as the numbers that a recipe makes of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from reseau.data.table.columns import LARGEST, Cells, Sheet, as_numbers, as_texts, blanks, label, spelled
from reseau.data.table.dates import MIXED, ZONE, other_zone, parts_of
from reseau.data.table.decide import dashes_among, unread_cells
from reseau.data.table.recipe import Column, Recipe, folded, how_written
from reseau.data.table.survey import without_blanks
from reseau.data.table.table import Table
from reseau.data.table.word_columns import words_of
from reseau.errors import DataError
from reseau.named_arguments import names_arguments

__all__ = ["is_plain", "read_rows", "read_target"]


@names_arguments
def read_rows(sheet: Sheet, recipe: Recipe, *, target: bool = True, drop: bool = True, fill: bool = False) -> Table:
    """The rows as the recipe reads them; see `Table.features`.

    Args:
        sheet: The columns; those that the recipe does not name are not looked at.
        recipe: How they become numbers.
        target: Whether the target is read too.
        drop: Whether rows with blanks may be left out, where the recipe says so; if not, they are errors.
        fill: Whether a blank may be replaced by the mean of its column, where the recipe knows no blanks.

    Example:
        >>> import tempfile, reseau as rs
        >>> path = tempfile.mkdtemp() + "/people.csv"
        >>> with open(path, "w") as file:
        ...     _ = file.write("age,city,pay\\n30,Lyon,1\\n40,Paris,2\\n50,Lyon,3\\n")
        >>> sheet = rs.data.read_sheet(path)
        >>> recipe = rs.data.learn_recipe(sheet, "pay", text="one-hot", task="regression")
        >>> rs.data.read_rows(sheet, recipe).target.tolist()
        [1.0, 2.0, 3.0]
    """
    if not recipe.columns:
        raise DataError(
            f"{sheet.path}: the model reads arrays of shape {recipe.shape}, not a table\n"
            "  fix: give data of the kind it was trained on"
        )
    names, all_rows = _found(sheet, recipe, target), len(sheet)
    if drop and recipe.missing == "drop":
        sheet = without_blanks(sheet, tuple(names.values()))
    if drop and target and recipe.unreadable == "blank":
        sheet = sheet.kept(~_without_target(sheet.column(names[recipe.target]), recipe))
    if drop and all_rows and not len(sheet):
        raise DataError(f"{sheet.path}: every row has a blank\n  fix: missing='impute' (--missing impute)")
    features = np.empty((len(sheet), len(recipe.columns)))
    unread = {}
    for i, column in enumerate(recipe.columns):
        name = names[column.source or column.name]
        values, wrong = READ[column.kind](sheet, name, column, recipe)
        features[:, i] = _filled(sheet, name, column, recipe, values, wrong, fill)
        if wrong:
            unread[name] = f"column {name!r}: {unread_cells(sheet.met(name, wrong[0]), len(wrong))}"
    targets = read_target(sheet, names[recipe.target], recipe) if target else None
    dropped = all_rows - len(sheet)
    return Table(features, targets, recipe, dropped, sheet.lines, sheet.unit, tuple(unread.values()))


def _found(sheet: Sheet, recipe: Recipe, target: bool) -> dict[str, str]:
    """What the recipe's columns are called in the sheet, and the target if it is wanted."""
    wanted = recipe.sources + ((recipe.target,) if target else ())
    every = {*recipe.sources, recipe.target, *(c.name for c in recipe.left_out)}
    by_number = all(name.isdigit() for name in every)
    if not sheet.header and by_number and not target and len(sheet.names) == len(every) - 1:
        bare = sorted(every - {recipe.target}, key=int)  # rows without their target
        return {name: sheet.names[bare.index(name)] for name in wanted}
    width = len(every)
    if not sheet.header and not by_number and len(sheet.names) in (width, width - 1):
        raise DataError(
            f"{sheet.path}: it has no header, and the model knows its columns by name\n"
            f"  fix: add the first line {','.join(wanted[:8])}{',...' if len(wanted) > 8 else ''}"
        )
    absent = [name for name in wanted if name not in sheet.places]
    if absent or (not sheet.header and len(sheet.names) != width):
        named = f"column {absent[0]!r} is missing" if sheet.header else f"it has {len(sheet.names)} columns"
        raise DataError(
            f"{sheet.path}: {named}; the model reads {len(recipe.sources)} columns"
            f"{f' and the target {recipe.target!r}' if target else ''}\n"
            f"  fix: give the columns {', '.join(wanted[:8])}{', ...' if len(wanted) > 8 else ''}"
        )
    return {name: name for name in wanted}


def _without_target(cells: Cells, recipe: Recipe) -> np.ndarray:
    """Which rows have no target that can be read."""
    if not recipe.classes:
        values, _ = as_numbers(cells, recipe.written, truths=False)
        return np.isnan(values)
    texts = as_texts(cells)
    dashes = dashes_among((*texts.values, *recipe.classes)) - {*recipe.classes}
    return blanks(cells) | np.array([*(v in dashes for v in texts.values), True])[texts.codes]


Read = tuple[np.ndarray, list[int]]  # the values of a column, and the places of cells that are taken for blanks


def _numbers(sheet: Sheet, name: str, column: Column, recipe: Recipe) -> Read:
    """A column of numbers as they stand; NaN where blank."""
    cells = sheet.column(name)
    if column.written[:1] == "," and not sheet.typed and isinstance(cells, np.ndarray) and cells.dtype.kind == "f":
        odd = np.flatnonzero(cells != np.floor(cells))
        odd = odd[~np.isnan(cells[odd])]
        if len(odd):
            raise DataError(
                f"{sheet.met(name, int(odd[0]))} was read with a decimal point, the "
                "training rows have a decimal comma\n  fix: read_sheet(path, decimal=','), or write it with a comma"
            )
    if recipe.unreadable == "blank":
        values, wrong = as_numbers(cells, column.written)
        large = np.abs(values) > LARGEST
        values, wrong = np.where(large, np.nan, values), sorted({*wrong, *np.flatnonzero(large).tolist()})
    else:
        values, wrong = sheet.numbers(name, column.written)
    if wrong and (recipe.unreadable == "error" or _otherwise_written(sheet, name, values, wrong)):
        written = f" in the notation of the training rows ({how_written(column.written)})" if column.written else ""
        raise DataError(
            f"{sheet.met(name, wrong[0])} is not a number{written}\n  fix: correct the cell, or leave it blank"
        )
    return values, wrong


def _dates(sheet: Sheet, name: str, column: Column, recipe: Recipe) -> Read:
    """A part of a column of dates; NaN where blank."""
    loose = f"mixed {column.written}"  # a date that leaves no doubt is read too: typed in a workbook, or as 2020-05-03
    form = loose if loose in MIXED else column.written
    dates, wrong = sheet.dates(name, form)
    if wrong and (recipe.unreadable == "error" or _otherwise_written(sheet, name, dates, wrong)):
        said, cure = "is not a date as those of the training rows", "correct the cell, or leave it blank"
        if wrong[0] not in sheet.dates(name, other_zone(form))[1]:
            said = "names a time zone, and the training rows name none"
            cure = "write the times by their clock, without the zone"
            if form.endswith(ZONE):
                said, cure = "names no time zone, and the training rows do", "write it behind each time, as +02:00"
        raise DataError(f"{sheet.met(name, wrong[0])} {said}\n  fix: {cure}")
    values: np.ndarray = parts_of(dates, clock=column.written == "clock")[column.part] - column.origin
    return values, wrong


def _otherwise_written(sheet: Sheet, name: str, values: np.ndarray, wrong: list[int]) -> bool:
    """Whether a column is written in another way than the training rows: none of its cells is read, some have digits.

    Single cells that are not read may be words for no value; such a column would be a mean in every row.
    """
    cells = sheet.column(name)
    return bool(blanks(values).all()) and any(any(map(str.isdigit, spelled(cells, i))) for i in wrong)


def _words(sheet: Sheet, name: str, column: Column, recipe: Recipe) -> Read:
    """1 where a word occurs in the cell, else 0."""
    texts = as_texts(sheet.column(name))
    found: np.ndarray = np.array([*(float(column.written in words_of(v)) for v in texts.values), 0.0])[texts.codes]
    return found, []


def _categories(sheet: Sheet, name: str, column: Column, recipe: Recipe) -> Read:
    """A column of texts as the numbers of their categories, one more than the last for any other text."""
    cells, count = sheet.column(name), len(column.categories)
    texts, number = as_texts(cells), _numbered(column.categories, recipe)
    if isinstance(cells, np.ndarray):  # digits that the training rows show to be codes: 01067 is the number 1067
        number = {label(text): k for text, k in number.items()} | number
    lookup = np.array([*(number.get(_key(v, number), count) for v in texts.values), np.nan])
    values: np.ndarray = lookup[texts.codes]
    return values, []


READ = {"number": _numbers, "category": _categories, "date": _dates, "word": _words}


def _filled(
    sheet: Sheet, name: str, column: Column, recipe: Recipe, values: np.ndarray, wrong: list[int], fill: bool
) -> np.ndarray:
    """The values, in which blanks are replaced or refused unless the network reads them."""
    if recipe.missing == "impute":
        return values
    blank = np.isnan(values)
    if not blank.any():
        return values
    if fill:
        return np.where(blank, float(len(column.categories)) or column.mean, values)
    met, cure = sheet.met(name, int(np.argmax(blank))), ""
    said = f"{met.cell!r} cannot be read" if int(np.argmax(blank)) in wrong else "the cell is blank"
    if recipe.missing == "drop":
        said, cure = f"{said}, and the model was trained without such rows", "; fill in the cell"
    else:
        cure = "; missing='impute' (--missing impute) when it is trained learns from blanks"
    raise DataError(
        f"{met.place}: {said}\n  fix: fill=True (predict --missing impute) takes the mean in its place{cure}"
    )


def _numbered(names: Sequence[str], recipe: Recipe) -> dict[str, int]:
    """The number of each name; where the usual decisions were taken, also of those that differ in case and spaces."""
    also = {folded(name): k for k, name in enumerate(names)} if recipe.unreadable == "blank" else {}
    return also | {name: k for k, name in enumerate(names)}


def _key(text: str, known: Mapping[str, int]) -> str:
    """Under what a text is known, if it is."""
    return text if text in known else folded(text)


def is_plain(recipe: Recipe) -> bool:
    """Whether `read_rows` leaves numbers that are there as they are, and rows too."""
    kept = recipe.missing != "drop" and recipe.unreadable != "blank"
    return kept and bool(recipe.columns) and all(c.kind == "number" and not c.written for c in recipe.columns)


def read_target(sheet: Sheet, name: str, recipe: Recipe) -> np.ndarray:
    """The targets in the column of this name: class numbers, or real numbers."""
    cells = sheet.column(name)
    if recipe.classes:
        number, texts = _numbered(recipe.classes, recipe), as_texts(cells)
        lookup = np.array([*(number.get(_key(label(v), number), -1) for v in texts.values), -1], np.int32)
        found: np.ndarray = lookup[texts.codes]
        if (found < 0).any():
            i = int(np.argmax(found < 0))
            raise DataError(
                f"{sheet.met(name, i)} is not a class of the model\n"
                f"  fix: one of {', '.join(recipe.classes[:8])}{', ...' if len(recipe.classes) > 8 else ''}"
            )
        return found
    values, wrong = sheet.numbers(name, recipe.written, truths=False)
    bad = wrong[:1] or np.flatnonzero(blanks(cells))[:1].tolist()
    if bad:
        raise DataError(f"{sheet.met(name, bad[0])} is not a number\n  fix: correct the cell, or remove the row")
    return values
