"""What a model gave for the rows of its test part, kept with the run: a report needs no data to be written again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reseau.cli.run_folder import OUTPUTS
from reseau.errors import DataError
from reseau.modelfiles.safetensors import open_arrays, write_arrays

__all__ = ["Outputs", "read_outputs", "write_outputs"]


@dataclass(frozen=True)
class Outputs:
    """Scores and targets of the test part.

    Attributes:
        scores: What the network gave, (rows, outputs).
        target: Class numbers or numbers, (rows,).
        groups: The number of each row's group, (rows,), NaN where it has none; nothing where there are no groups.
        column: The column that the groups are of.
    """

    scores: np.ndarray
    target: np.ndarray
    groups: np.ndarray | None = None
    column: str = ""

    def __len__(self) -> int:
        return len(self.target)

    def rows(self, places: np.ndarray) -> "Outputs":
        """Those of some rows."""
        groups = None if self.groups is None else self.groups[places]
        return Outputs(self.scores[places], self.target[places], groups, self.column)


def write_outputs(folder: Path, outputs: Outputs) -> None:
    """Put the outputs into the folder of a run."""
    arrays = {"scores": outputs.scores, "target": outputs.target}
    if outputs.groups is not None:
        arrays["groups"] = outputs.groups
    write_arrays(folder / OUTPUTS, arrays, {"groups": outputs.column} if outputs.column else {})


def read_outputs(folder: Path, columns: int, classes: int) -> Outputs | None:
    """The outputs in the folder of a run; nothing where it has no test part.

    Args:
        folder: The folder.
        columns: How many outputs the network has.
        classes: How many classes there are; 0 for a number.
    """
    path = folder / OUTPUTS
    if not path.is_file():
        return None
    scores, target, groups, column = open_arrays(path, _stored)
    fits = scores.shape == (len(target), columns) and scores.dtype.kind == "f" and target.ndim == 1
    fits = fits and bool(np.isfinite(scores).all())
    if classes:
        fits = fits and target.dtype.kind == "i" and bool(((target >= 0) & (target < classes)).all())
    else:
        fits = fits and target.dtype.kind == "f" and bool(np.isfinite(target).all())
    fits = fits and (groups is None or (groups.shape == target.shape and groups.dtype.kind == "f"))
    if not fits or not len(target):
        raise DataError(f"{path}: it does not fit the model beside it\n  fix: train it again")
    return Outputs(scores, target, groups, column)


def _stored(file: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, str]:
    """Scores, targets, groups and their column in an opened file."""
    grouped = "groups" in file.keys()  # noqa: SIM118
    column = (file.metadata() or {}).get("groups", "") if grouped else ""
    return file.get_tensor("scores"), file.get_tensor("target"), file.get_tensor("groups") if grouped else None, column
