"""Tables as they come, with texts, dates and blanks, as the numbers that the default for tables reads of them."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_X_y, validate_data

from reseau.data.readers.arrow import is_frame, sheet_of
from reseau.data.readers.packages import pyarrow
from reseau.data.table.columns import Cells, Sheet, Texts, blanks
from reseau.data.table.encoding import read_rows
from reseau.data.table.recipe import Column, Recipe
from reseau.data.table.survey import learn_recipe
from reseau.errors import DataError

__all__ = ["checked", "of_named_columns", "raw_table", "read_raw_rows"]

WHAT = "X"  # in messages


def raw_table(X: Any) -> tuple[Recipe, np.ndarray] | None:
    """How the columns of a data frame, or of an array of texts or with NaN, become numbers, and these numbers.

    What is decided of the columns is what `reseau train --auto` decides. A column that is left out is warned of.

    Args:
        X: A data frame of pandas, polars or pyarrow, an array, or anything else, of which there is nothing to decide.

    Returns:
        The recipe and an array (n, columns), NaN where blank; nothing where all are plain numbers.

    Raises:
        DataError: A column holds neither numbers nor texts nor dates, or none is left to learn from.
    """
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "f" and np.isnan(X).any():
        columns = tuple(Column(f"x{i}") for i in range(X.shape[1]))
        return Recipe((len(columns),), "y", (), columns, "impute").fitted(X), X
    sheet = raw_sheet(X)
    if sheet is None or all(map(is_plain, sheet.columns)):
        return None
    target = "y"
    while target in sheet.places:
        target += "'"
    # the recipe of a sheet is that for its target; this one is known already, and any numbers stand for it
    with_target = replace(
        sheet, names=(*sheet.names, target), columns=(*sheet.columns, np.arange(len(sheet), dtype=np.float64))
    )
    recipe = replace(learn_recipe(with_target, target, task="regression", auto=True), missing="impute")
    if recipe.left_out:
        told = "; ".join(f"{column.name!r}, {column.why}" for column in recipe.left_out)
        names = [column.name for column in recipe.left_out]
        warnings.warn(
            f"columns of {WHAT} are left out: {told}\n  fix: leave them out yourself, {names}, or give what says more",
            stacklevel=8,
        )
    return recipe, read_rows(sheet, recipe, target=False).features


def of_named_columns(recipe: Recipe | None, classes: Sequence[Any] = ()) -> Recipe | None:
    """The recipe of a data frame with the names of the classes; nothing for an array, whose columns have no names."""
    if recipe is None or recipe.unreadable == "error":  # that of an array has nothing to read
        return None
    return replace(recipe, classes=tuple(map(str, classes)))


def raw_sheet(X: Any) -> Sheet | None:
    """The columns of a data frame, or of an array of texts and objects; nothing for anything else.

    Raises:
        DataError: A number is infinite, or beyond what is read.
    """
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "OUT":
        X = columns_of(X)
    if not is_frame(X) and not hasattr(X, "__arrow_c_stream__"):
        return None
    sheet = sheet_of(X, WHAT)
    for name, cells in zip(sheet.names, sheet.columns, strict=True):
        if isinstance(cells, np.ndarray) and cells.dtype.kind == "f":
            sheet.numbers(name)  # which refuses what is not finite
    return sheet


def columns_of(X: np.ndarray) -> Any:
    """An array of objects as a table whose columns have types; their names are x0, x1, ..."""
    arrays = {}
    for i, column in enumerate(X.T.tolist()):
        try:
            arrays[f"x{i}"] = pyarrow().array(column, from_pandas=True)
        except (pyarrow().ArrowException, TypeError, ValueError, OverflowError) as error:
            said = str(error).strip().partition("\n")[0]
            raise DataError(
                f"{WHAT}: column {i} cannot be read: {said}\n  fix: numbers or texts alone in it"
            ) from error
    return pyarrow().table(arrays)


def is_plain(cells: Cells) -> bool:
    """Whether they are numbers or truths, none of them blank."""
    if isinstance(cells, Texts):
        return cells.truths and not blanks(cells).any()
    return cells.dtype.kind == "f" and bool(np.isfinite(cells).all())


def checked(
    estimator: Any, X: Any, numbers: np.ndarray, y: Any, *, reset: bool, y_numeric: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers that were read of X, NaN where blank, and y, after scikit-learn's checks.

    Args:
        estimator: Whose columns they are.
        X: What was given, of which names and number of the columns are taken.
        numbers: What was read of it.
        y: The targets.
        reset: Whether names and number are learned from X.
        y_numeric: Whether the targets are numbers.
    """
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return check_X_y(
        numbers, y, dtype=np.float64, ensure_all_finite="allow-nan", multi_output=True, y_numeric=y_numeric
    )


def read_raw_rows(estimator: Any, recipe: Recipe, X: Any) -> np.ndarray:
    """The numbers that a recipe reads of the rows of X, (n, columns), NaN where blank.

    Args:
        estimator: Whose columns they are: scikit-learn's check of their names and their number is made.
        recipe: What `raw_table` made of the rows that were trained on.
        X: Rows of the same kind.
    """
    validate_data(estimator, X, reset=False, skip_check_array=True)
    sheet = raw_sheet(X)
    if sheet is not None and {*recipe.sources} <= {*sheet.names}:
        table = read_rows(sheet, recipe, target=False)
        for unread in table.unread:
            warnings.warn(f"{WHAT}: {unread}", stacklevel=4)
        return table.features
    read = next((c for c in recipe.columns if c.kind != "number" or c.written), None)
    if read is not None:
        more = ", ..." if len(recipe.sources) > 8 else ""
        raise DataError(
            f"{WHAT} is {type(X).__name__}, and {type(estimator).__name__} was fitted on columns of which "
            f"{read.source or read.name!r} holds {'texts' if read.categories else 'no plain numbers'}\n"
            f"  fix: a data frame with the columns {', '.join(recipe.sources[:8])}{more}"
        )
    numbers: np.ndarray = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan")
    return numbers
