"""The training loop: a generator of records over one compiled program, and `fit`, its convenience."""

from reseau.training.fit import FitResult, Record, fit, train

__all__ = ["FitResult", "Record", "fit", "train"]
