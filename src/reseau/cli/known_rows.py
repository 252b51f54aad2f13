"""Which rows of a table a run was trained on, by the digests that the run keeps."""

from pathlib import Path

import numpy as np

from reseau.cli.run_folder import ROWS
from reseau.data import Table
from reseau.modelfiles.safetensors import open_arrays
from reseau.report.row_digests import are_known, row_digests

__all__ = ["count_known", "known_rows"]


def known_rows(model: Path, table: Table) -> np.ndarray | None:
    """For each row, whether the model was trained on it; nothing where its folder keeps no digests."""
    path = model.with_name(ROWS)
    if not path.is_file():
        return None
    known = open_arrays(path, lambda file: file.get_tensor("digests"))
    return are_known(row_digests(table), known)


def count_known(model: Path, table: Table) -> int | None:
    """How many of the rows the model was trained on; nothing where that is not known."""
    found = known_rows(model, table)
    return None if found is None else int(found.sum())
