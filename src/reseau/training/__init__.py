"""The training loop: a generator of records over one compiled program, and `fit`, its convenience."""

from reseau.training.loop import FitResult, Record, fit, train

__all__ = ["FitResult", "Record", "fit", "train"]
