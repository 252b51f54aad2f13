"""What a model gave for the rows of its test part, kept with the run: a report needs no data to be written again."""

from dataclasses import dataclass
from pathlib import Path

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
    """

    scores: np.ndarray
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.target)


def write_outputs(folder: Path, outputs: Outputs) -> None:
    """Put the outputs into the folder of a run."""
    write_arrays(folder / OUTPUTS, {"scores": outputs.scores, "target": outputs.target}, {})


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
    scores, target = open_arrays(path, lambda file: (file.get_tensor("scores"), file.get_tensor("target")))
    fits = scores.shape == (len(target), columns) and scores.dtype.kind == "f" and target.ndim == 1
    fits = fits and bool(np.isfinite(scores).all())
    if classes:
        fits = fits and target.dtype.kind == "i" and bool(((target >= 0) & (target < classes)).all())
    else:
        fits = fits and target.dtype.kind == "f" and bool(np.isfinite(target).all())
    if not fits or not len(target):
        raise DataError(f"{path}: it does not fit the model beside it\n  fix: train it again")
    return Outputs(scores, target)
