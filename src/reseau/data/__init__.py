"""Data as arrays: readers for tables and images, and splits. NumPy alone, so reading is instant.

`read_csv`, `read_parquet`, `read_arrow`, `from_frame`, `read_npz`, `read_idx`, `read_pictures` and `digits` return a
`Table`; its `Recipe` says how rows became numbers, so that new rows become the same numbers, and `preprocess` makes the
first nodes of a network.
"""

from typing import TYPE_CHECKING, Any

from reseau.data.readers.arrays import from_arrays, read_npz
from reseau.data.readers.arrow import matrix, sheet_of
from reseau.data.readers.images import digits, read_idx
from reseau.data.readers.picture_files import read_pictures
from reseau.data.readers.tables import from_frame, read_arrow, read_csv, read_parquet, read_sheet
from reseau.data.splits import split
from reseau.data.streams.stream import Stream, stream
from reseau.data.table.columns import Sheet, Texts
from reseau.data.table.encoding import read_rows
from reseau.data.table.recipe import Column, LeftOut, Recipe
from reseau.data.table.survey import Survey, learn_recipe
from reseau.data.table.table import Table

if TYPE_CHECKING:
    from reseau.data.table.preprocessing import preprocess

__all__ = [
    "Column",
    "LeftOut",
    "Recipe",
    "Sheet",
    "Stream",
    "Survey",
    "Table",
    "Texts",
    "digits",
    "from_arrays",
    "from_frame",
    "learn_recipe",
    "matrix",
    "preprocess",
    "read_arrow",
    "read_csv",
    "read_idx",
    "read_npz",
    "read_parquet",
    "read_pictures",
    "read_rows",
    "read_sheet",
    "sheet_of",
    "split",
    "stream",
]


def __getattr__(name: str) -> Any:
    if name != "preprocess":
        raise AttributeError(f"module 'reseau.data' has no attribute {name!r}")
    from reseau.data.table.preprocessing import preprocess  # it alone needs graphs, and so JAX

    globals()[name] = preprocess
    return preprocess


def __dir__() -> list[str]:
    return sorted(__all__)
