"""`--groups COLUMN`: which group each row is of, so that each has an interval of its own."""

import numpy as np

from reseau.data import Recipe, Table
from reseau.errors import DataError

__all__ = ["check_groups", "group_name", "groups_of", "place_of"]

MOST_GROUPS = 20  # different numbers that a column of groups may hold


def check_groups(column: str | None, table: Table) -> None:
    """Refuse a column that is none, or whose rows are not a few groups; before anything is trained."""
    recipe = table.recipe
    if column is None:
        return
    able = [c.name for i, c in enumerate(recipe.columns) if c.categories or _few(table.features[:, i])]
    able += [recipe.target] if recipe.classes else []
    if column in able:
        return
    cure = f"--groups with one of {', '.join(able[:12])}" if able else "leave --groups out"
    known = {c.name for c in recipe.columns} | {recipe.target}
    left = {c.name: c.why for c in recipe.left_out}
    if column in left:
        what = f"column {column!r} is left out ({left[column]}), so the network does not read it"
    elif column in known:
        what = f"column {column!r} holds numbers, of which at most {MOST_GROUPS} different ones are groups"
    else:
        what = f"there is no column {column!r} that the network reads"
    raise DataError(f"--groups: {what}\n  fix: {cure}")


def place_of(recipe: Recipe, column: str) -> int | None:
    """The place of the column among those that are read; nothing where it is the target."""
    if recipe.classes and column == recipe.target:
        return None
    return [c.name for c in recipe.columns].index(column)


def groups_of(table: Table, column: str) -> np.ndarray:
    """The number of each row's group, (n,): that of its text, or the number that it holds; NaN where it is blank."""
    place = place_of(table.recipe, column)
    found = np.asarray(table.target) if place is None else table.features[:, place]
    return found.astype(np.float64)


def group_name(recipe: Recipe, column: str, cell: float) -> str:
    """What a group is called."""
    place = place_of(recipe, column)
    texts = recipe.classes if place is None else recipe.columns[place].categories
    return (*texts, "(another)")[int(cell)] if texts else f"{cell:g}"


def _few(values: np.ndarray) -> bool:
    """Whether these are a few different numbers."""
    return len(np.unique(values[~np.isnan(values)])) <= MOST_GROUPS
