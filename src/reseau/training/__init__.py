"""The training loop: a generator of records over one compiled program, and `fit`, its convenience."""

from reseau.training.compute import Compute
from reseau.training.fit import FitResult, Record, fit, train

__all__ = ["Compute", "FitResult", "Record", "fit", "train"]
