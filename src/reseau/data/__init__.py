"""Data as arrays: readers for tables and images, and splits. NumPy alone, so reading is instant.

`read_csv`, `read_npz`, `read_idx` and `digits` return a `Table`; its `Recipe` says how rows became numbers, so that
new rows become the same numbers.
"""

from reseau.data.arrays import from_arrays, read_npz
from reseau.data.images import digits, read_idx
from reseau.data.recipe import Column, Recipe, Table
from reseau.data.sheet import Sheet, read_sheet
from reseau.data.splits import split
from reseau.data.streams import Stream, stream
from reseau.data.tables import learn_recipe, read_csv, read_rows

__all__ = [
    "Column",
    "Recipe",
    "Sheet",
    "Stream",
    "Table",
    "digits",
    "from_arrays",
    "learn_recipe",
    "read_csv",
    "read_idx",
    "read_npz",
    "read_rows",
    "read_sheet",
    "split",
    "stream",
]
