"""The regressor."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, column_or_1d

from reseau.errors import DataError
from reseau.estimators.certificates import certify_numbers
from reseau.estimators.estimator import NetworkEstimator
from reseau.estimators.intervals import calibrated_numbers, interval_of
from reseau.estimators.raw_tables import of_named_columns
from reseau.estimators.settings import is_automatic
from reseau.losses import AbsoluteError, Huber, Loss, Poisson, Quantile, SquaredError
from reseau.theory import Certificate

__all__ = ["NetworkRegressor"]

LOSSES: dict[str, Loss] = {
    "squared_error": SquaredError(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(),
    "poisson": Poisson(),
}


@dataclass(eq=False, repr=False)
class NetworkRegressor(RegressorMixin, NetworkEstimator):
    """A neural network that predicts numbers, with the settings and defaults of scikit-learn's `MLPRegressor`.

    It minimizes the weighted mean loss plus `alpha / 2` times the sum of the squared weights, whatever the batch size.
    The settings and attributes are those of `NetworkClassifier`, without classes; `scoring` is R² by default. It
    accepts what the classifier does, and for targets what it does for features.

    Args:
        loss: "squared_error" (half of the square, summed over the outputs), "absolute_error", "huber", "poisson" (the
            score is the logarithm of the mean, and counts are predicted), or one of `reseau.losses`; with
            `Quantile(levels)` a column is predicted for each level.

    Example:
        >>> X = np.linspace(-1, 1, 200)[:, None]
        >>> model = NetworkRegressor((20,), solver="lbfgs", tol=1e-3, random_state=0).fit(X, np.sin(3 * X[:, 0]))
        >>> bool(model.score(X, np.sin(3 * X[:, 0])) > 0.99)
        True
    """

    _: KW_ONLY
    loss: Any = "squared_error"

    def _read_target(self, y: Any, first: bool, incremental: bool) -> np.ndarray:
        y = np.asarray(y.toarray() if hasattr(y, "toarray") else y, np.float64)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if first:
            self._targets = outputs
        elif outputs != self._targets:
            raise DataError(
                f"{type(self).__name__}: y has {outputs} outputs, and was fitted for {self._targets}\n"
                "  fix: the same outputs, or a new estimator"
            )
        return y

    def _loss(self) -> Loss:
        given = self.loss
        known = given if isinstance(given, Loss) else LOSSES.get(given) if isinstance(given, str) else None
        if known is None or known.target_dtype != "float":
            raise DataError(
                f"{type(self).__name__}: loss={self.loss!r} cannot be used\n"
                f"  fix: one of {', '.join(LOSSES)}, or a reseau.losses of numbers"
            )
        return known

    def _outputs_and_loss(self) -> tuple[int, Loss]:
        """How many scores there are, one for each output or for each quantile of one output, and the loss of them."""
        loss = self._loss()
        if not isinstance(loss, Quantile) or len(loss.levels) == 1:
            return self._targets, loss
        if self._targets > 1:
            raise DataError(
                f"{type(self).__name__}: several quantiles are for one output, y has {self._targets}\n"
                "  fix: one estimator for each output"
            )
        return len(loss.levels), loss

    def _row_weights(self, y: Any, sample_weight: np.ndarray | None) -> np.ndarray | None:
        return sample_weight

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None

    @property
    def out_activation_(self) -> str:
        """What turns scores into predictions."""
        return "exp" if isinstance(self._loss(), Poisson) else "identity"

    def predict(self, X: Any) -> np.ndarray:
        """The predicted number of each row, (n,), or (n, outputs)."""
        found = self._loss().decide(self._scores(self._rows(X)))
        return found[:, 0] if found.shape[1] == 1 else found

    def calibrate(self, X: Any, y: Any) -> "NetworkRegressor":
        """Take up the errors on rows that fit never saw, for `predict_interval`.

        With `loss=Quantile((low, high))` both quantiles are moved outward (conformalized quantile regression); else the
        interval is the prediction ± one number.

        Args:
            X: Calibration rows; `reseau.calibration` says what is assumed of them.
            y: Their targets, (n,).

        Returns:
            The estimator itself. A new fit forgets the calibration.
        """
        rows = self._rows(X)
        outputs, loss = self._outputs_and_loss()
        wide = isinstance(loss, Quantile) and len(loss.levels) == 2 and loss.levels[0] < loss.levels[1]
        if isinstance(loss, Poisson) or (outputs != 1 and not wide):
            raise DataError(
                f"{type(self).__name__}: intervals are for one number, or a lower and an upper quantile\n"
                "  fix: one output, and loss='squared_error' or Quantile((0.05, 0.95))"
            )
        self.calibration_ = calibrated_numbers(self, rows, y, self._scores(rows))
        return self

    def predict_interval(self, X: Any, level: float = 0.9) -> np.ndarray:
        """Lower and upper end for each row, (n, 2): it holds the truth of a new row with probability at least `level`.

        Args:
            X: Rows, exchangeable with those of `calibrate`.
            level: Above 0 and below 1.

        Raises:
            DataError: It is not calibrated, or on too few rows for the level.

        Example:
            >>> X = np.linspace(-1, 1, 300)[:, None]
            >>> model = NetworkRegressor((), solver="lbfgs", random_state=0).fit(X[::2], X[::2, 0])
            >>> model.calibrate(X[1::2], X[1::2, 0]).predict_interval(X[:1], 0.9).shape
            (1, 2)
        """
        return interval_of(self, self._scores(self._rows(X)), level)

    def to_onnx(self, path: Any) -> None:
        """Write an ONNX file in float32: input "X" (batch, features), output "prediction" (batch, outputs).

        Fitted on a data frame with texts or blanks, it reads each column by its name, (batch, 1).
        """
        check_is_fitted(self)
        from reseau.estimators.export import write_regressor  # onnx takes a second to import

        recipe = of_named_columns(getattr(self, "recipe_", None))
        write_regressor(path, self.network_, self.params_, self._loss(), recipe)

    def certify(
        self,
        X: Any,
        y: Any,
        *,
        clip: float,
        target_bound: float,
        delta: float = 0.05,
        holdout: tuple[Any, Any] | None = None,
    ) -> Certificate:
        """Bound the mean of half the squared error on new rows, the prediction clipped to `±clip`.

        Args:
            X: Rows as the network reads them; it may have been trained on them.
            y: Their targets.
            clip: Known before the data was.
            target_bound: The largest absolute target there will ever be.
            delta: Probability that the bound fails.
            holdout: `(X, y)`, rows that no choice has used: their bound is put beside.

        Raises:
            GraphError: The network is not one hidden layer of ReLU.
        """
        sample = self._rows(X), np.asarray(y, np.float64)
        unseen = None if holdout is None else (self._rows(holdout[0]), np.asarray(holdout[1], np.float64))
        return certify_numbers(self, sample, unseen, delta, clip=clip, target_bound=target_bound)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = not is_automatic(self)
        return tags
