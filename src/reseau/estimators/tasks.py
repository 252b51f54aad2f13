"""scikit-learn's callbacks: the epochs of a fit as the tasks that its protocol knows."""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Tasks"]


class Tasks:
    """The root task of one fit and its epochs; nothing is computed for them where no callback is set.

    Args:
        estimator: What is fitted; it has `_init_callback_context`.
        X: The rows, for the callbacks.
        y: The targets.
        sample_weight: The weights, or nothing.
        most: Epochs, at most.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, most: int) -> None:
        self.epoch: Any = None
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.about = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.root = estimator._init_callback_context(max_subtasks=most)
        self.watched = bool(getattr(estimator, "_skl_callbacks", ()))
        self.root.call_on_fit_task_begin(**self.about)

    def begin(self) -> None:
        """An epoch begins."""
        if self.watched:
            self.epoch = self.root.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(**self.about)

    def end(self, fitted: Callable[[], Mapping[str, Any]]) -> bool:
        """The epoch has ended; whether a callback asks to stop. `fitted` gives the attributes as they stand."""
        if self.epoch is None:
            return False
        epoch, self.epoch = self.epoch, None
        return bool(epoch.call_on_fit_task_end(**self.about, reconstruction_attributes=fitted))

    def close(self, fitted: Callable[[], Mapping[str, Any]]) -> None:
        """The fit has ended."""
        self.root.call_on_fit_task_end(**self.about, reconstruction_attributes=fitted)
