"""The classifier."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, column_or_1d

from reseau.calibration.nonconformity import ClassScores
from reseau.errors import DataError
from reseau.estimators.certificates import certify_classes
from reseau.estimators.estimator import NetworkEstimator
from reseau.estimators.intervals import calibrated_classes, set_of
from reseau.estimators.raw_tables import of_named_columns
from reseau.estimators.rows import check_labels
from reseau.estimators.settings import is_automatic
from reseau.estimators.surroundings import whole_or_nothing
from reseau.losses import CrossEntropy, Hinge, Logistic, Loss
from reseau.network import Network
from reseau.theory import Certificate

__all__ = ["NetworkClassifier"]


def _has_probabilities(model: Any) -> bool:
    """Whether the loss makes probabilities of the scores."""
    return model.loss == "log_loss" or (isinstance(model.loss, Loss) and model.loss.probabilistic)


@dataclass(eq=False, repr=False)
class NetworkClassifier(ClassifierMixin, NetworkEstimator):
    """A neural network that predicts classes, with the settings and defaults of scikit-learn's `MLPClassifier`.

    It minimizes the weighted mean loss plus `alpha / 2` times the sum of the squared weights: the penalty does not
    depend on the batch size, where scikit-learn divides it by the rows of the batch. Two classes, and several labels,
    take the logistic loss of one score each; more classes the cross-entropy.

    What it accepts: finite numbers of any type, byte order and layout, texts of numbers, data frames of them, sparse
    matrices (made dense, up to 4 GiB), and one kind of labels: texts, whole numbers or booleans. "auto" reads data
    frames with texts, categories, dates and blanks too, and arrays with NaN. One `ValueError` says
    where there are missing, infinite, masked or complex entries, dates, numbers beyond the precision in use, text
    labels among others, no row, or another number of rows in y or `sample_weight`, whose entries are at least 0.
    Constant columns, one row and one class are fitted like others.

    Args:
        hidden_layer_sizes: Units of each hidden layer; `()` for none. "auto" is the default for tables
            (`rs.tabular.fit_table`): the network and its training are chosen by the rows, one target is predicted,
            and of the other settings `random_state`, `verbose` and `class_weight` are read.
        activation: "identity", "logistic", "tanh" or "relu".
        solver: "adam", "sgd" (with momentum), "lbfgs" (all rows in each step, by SciPy, in float64; for small data), or
            an optimizer of `reseau.optimizers` or optax, which brings its own learning rate.
        alpha: Strength of the penalty.
        batch_size: Rows in a step; "auto" is 200, or all rows if there are fewer.
        learning_rate: "constant", "invscaling" (`learning_rate_init / (rows seen + 1)^power_t`, by epoch), or
            "adaptive" (divided by 5 when `n_iter_no_change` epochs brought no progress). For "sgd".
        learning_rate_init: The first learning rate.
        power_t: See `learning_rate`.
        max_iter: Epochs, at most; iterations for "lbfgs".
        shuffle: A new order of the rows in every epoch.
        random_state: Seed of first parameters, order, dropout and the rows held out.
        tol: Progress smaller than this is none; for "lbfgs" the largest entry of the gradient at which to stop.
        verbose: Print the loss of every epoch.
        warm_start: Let `fit` go on from the parameters it has.
        momentum, nesterovs_momentum: For "sgd". A new learning rate multiplies the whole velocity at once.
        early_stopping: Hold rows out, stop when their score makes no progress, and keep the best epoch's parameters.
        validation_fraction: Share of the rows held out.
        beta_1, beta_2, epsilon: For "adam".
        n_iter_no_change: Epochs without progress that are borne.
        max_fun: Evaluations of the objective, at most, for "lbfgs".
        network: A `Network`, or a function `(features node, number of scores) -> scores node`, in place of the layers
            that the first two settings describe. Rows are given the shape of its input.
        loss: "log_loss", "hinge", or one of `reseau.losses`.
        penalty: One of `reseau.penalties` in place of alpha's.
        constraint: A function of the network that gives a map of the parameters to a set, applied after each step, such
            as `functools.partial(reseau.constraints.PathNormBall, bound=10.0)`.
        class_weight: A dict of weights, or "balanced"; multiplies `sample_weight`.
        dropout: Share of hidden units that a step drops.
        dtype: "float32" or "float64" for parameters and computation; "auto" is float32, but float64 for float64 rows
            where the data is small (rows times parameters up to ten million) or the solver "lbfgs".
        scoring: What early stopping watches: a name or a function as in `sklearn.metrics.get_scorer`; accuracy by
            default.

    Attributes:
        classes_: The classes, sorted; with several labels, their numbers.
        network_: The network.
        params_: Its parameters, by name.
        coefs_, intercepts_: The weights and the biases of its layers.
        loss_curve_: The objective, penalty included, averaged over each epoch.
        validation_scores_: The scores that early stopping watched, or nothing. With "auto" the epochs of all members
            follow each other here and in `loss_curve_`, and `coefs_` holds the weights of all.
        history_: "loss", "learning_rate" and "validation_score" as arrays, one entry an epoch.
        n_iter_, n_layers_, n_outputs_, out_activation_, t_: As scikit-learn's, and
        loss_, best_loss_, best_validation_score_.
        n_features_in_, feature_names_in_: What `fit` saw.
        recipe_: With "auto", how the columns of a data frame with texts or blanks become numbers; else nothing.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> model = NetworkClassifier((20,), max_iter=500, learning_rate_init=0.01, random_state=0).fit(X, y)
        >>> bool(model.score(X, y) > 0.95)
        True
    """

    _: KW_ONLY
    loss: Any = "log_loss"
    class_weight: Any = None

    @available_if(lambda self: self.solver != "lbfgs")
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Go on for one epoch over these rows, from where the last call stopped.

        Args:
            X: (n, features).
            y: The targets.
            sample_weight: A weight for each row.
            classes: All classes there will ever be; needed in the first call only.
        """
        if self.class_weight == "balanced":
            raise DataError(
                "class_weight='balanced' needs all rows at once, partial_fit sees a part\n"
                "  fix: a dict, from sklearn.utils.class_weight.compute_class_weight"
            )
        check_labels(classes, "classes")
        with whole_or_nothing(self, first=not hasattr(self, "params_")):
            if not hasattr(self, "classes_"):
                if classes is None:
                    raise DataError(
                        "classes must be passed on the first call to partial_fit\n  fix: classes=np.unique(y)"
                    )
                self.classes_ = unique_labels(classes)
            elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
                raise DataError(
                    f"classes={classes!r} is not what partial_fit was first called with, {self.classes_}\n"
                    "  fix: the same classes, or a new estimator"
                )
            return self._fit(X, y, sample_weight, incremental=True)

    def _read_target(self, y: Any, first: bool, incremental: bool) -> np.ndarray:
        check_classification_targets(y)
        multilabel = type_of_target(y).startswith("multilabel")
        if multilabel:
            y = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
            found = np.arange(y.shape[1])
        else:
            y = column_or_1d(y, warn=True)
            found = unique_labels(y)
        if first and not incremental:
            self.classes_, self.multilabel_ = found, multilabel
        elif first:
            self.multilabel_ = multilabel
        self._check_classes(found, incremental)
        return self._coded(y)

    def _check_classes(self, found: np.ndarray, incremental: bool) -> None:
        """Refuse other classes than those that are known: any in a part of the rows, exactly these in a warm start."""
        unknown = [c for c in found.tolist() if c not in set(self.classes_.tolist())]
        if unknown or (not incremental and len(found) != len(self.classes_)):
            which = f"y holds {unknown[0]!r}" if unknown else f"y has the classes {found}"
            raise DataError(
                f"{type(self).__name__}: {which}, and was fitted for the classes {self.classes_}\n"
                "  fix: the same classes, or warm_start=False; in the first partial_fit, all of them as classes="
            )

    def _coded(self, y: np.ndarray) -> np.ndarray:
        """Class numbers, or -1 and +1 for each score, as the loss wants them."""
        if self.multilabel_:
            return 2.0 * (y != 0) - 1
        numbers = np.searchsorted(self.classes_, y)
        outputs, loss = self._outputs_and_loss()
        if loss.target_dtype == "int32":
            return numbers
        return 2.0 * (numbers == 1) - 1 if outputs == 1 else 2.0 * np.eye(outputs)[numbers] - 1

    def _outputs_and_loss(self) -> tuple[int, Loss]:
        """How many scores there are, and the loss of them."""
        classes, loss = len(self.classes_), self.loss
        given = self.network.graph.outputs[0].shape[-1] if isinstance(self.network, Network) else None
        one_each = self.multilabel_ or (classes <= 2 and given != 2 and not is_automatic(self))
        if isinstance(loss, str) and loss == "log_loss":
            loss = Logistic() if one_each else CrossEntropy()
        elif isinstance(loss, str) and loss == "hinge":
            loss = Hinge()
        elif not isinstance(loss, Loss):
            raise DataError(
                f"{type(self).__name__}: loss={loss!r} cannot be used\n  fix: 'log_loss', 'hinge', or a reseau.losses"
            )
        if self.multilabel_ and loss.target_dtype == "int32":
            raise DataError(
                f"{type(self).__name__}: {loss!r} takes one class a row, y has several labels\n  fix: loss='log_loss'"
            )
        if loss.target_dtype == "int32":
            return max(classes, 2), loss
        return (1 if classes <= 2 and not self.multilabel_ else classes), loss

    def _row_weights(self, y: Any, sample_weight: np.ndarray | None) -> np.ndarray | None:
        if self.class_weight is None:
            return sample_weight
        own = compute_sample_weight(self.class_weight, y)
        return own if sample_weight is None else own * sample_weight

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None if self.multilabel_ else y

    @property
    def out_activation_(self) -> str:
        """What turns scores into probabilities."""
        return "softmax" if isinstance(self._outputs_and_loss()[1], CrossEntropy) else "logistic"

    def decision_function(self, X: Any) -> np.ndarray:
        """The scores: (n,) for two classes, positive for the second; else (n, classes)."""
        scores = self._scores(self._rows(X))
        if self.multilabel_ or len(self.classes_) > 2:
            return scores
        return scores[:, 0] if scores.shape[1] == 1 else scores[:, 1] - scores[:, 0]

    def predict(self, X: Any) -> np.ndarray:
        """The class of each row, (n,); with several labels, 0 and 1 for each, (n, labels)."""
        return self._chosen(self._scores(self._rows(X)))

    def _chosen(self, scores: np.ndarray) -> np.ndarray:
        decided = self._outputs_and_loss()[1].decide(scores, self.multilabel_)
        return decided if self.multilabel_ else self.classes_[np.minimum(decided, len(self.classes_) - 1)]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (n, classes), or of each label."""
        return np.exp(self.predict_log_proba(X))

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of the probability of each class, or of each label."""
        scores = self._scores(self._rows(X))
        found = self._outputs_and_loss()[1].log_probabilities(scores, self.multilabel_)
        assert found is not None
        if len(self.classes_) == 1 and not self.multilabel_:
            return np.zeros((len(found), 1))
        return found[:, : len(self.classes_)]

    @available_if(_has_probabilities)
    def calibrate(
        self, X: Any, y: Any, *, kind: str = "classes", penalty: float = 0.01, free: int = 1, seed: int = 0
    ) -> Any:
        """Take up the probabilities of rows that fit never saw, for `predict_set`; the settings are `rs.conformal`'s.

        Args:
            X: Calibration rows.
            y: Their classes, (n,).
            kind: "classes", "aps", "raps" or "top-k".
            penalty: Of "raps".
            free: Of "raps".
            seed: Of "aps" and "raps".

        Returns:
            The estimator itself. A new fit forgets the calibration.
        """
        rows = self._rows(X)
        if self.multilabel_:
            raise DataError(
                f"{type(self).__name__}: sets are of classes, and rows have several labels\n  fix: one class each"
            )
        check_labels(y)
        y = column_or_1d(y)
        self._check_classes(unique_labels(y), incremental=True)
        how = ClassScores(kind, penalty, free, seed)
        self.calibration_ = calibrated_classes(self, rows, y, self._coded(y), self.predict_proba(X), how)
        return self

    @available_if(_has_probabilities)
    def predict_set(self, X: Any, level: float = 0.9) -> np.ndarray:
        """Whether each class is in the set of each row, (n, classes), in the order of `classes_`.

        The set holds the class of a new row with probability at least `level`, if rows are exchangeable with those of
        `calibrate`. It may be empty, where no class is probable enough.

        Args:
            X: Rows.
            level: Above 0 and below 1.

        Raises:
            DataError: It is not calibrated, or on too few rows for the level.
        """
        return set_of(self, self.predict_proba(X), level)

    def to_onnx(self, path: Any) -> None:
        """Write an ONNX file in float32: input "X" (batch, features), outputs "label" and "probabilities".

        Fitted on a data frame with texts or blanks, it reads each column by its name, (batch, 1). The label is the
        class itself; with several labels, 0 and 1 for each. A loss that makes no probabilities gives "scores" in their
        place.
        """
        check_is_fitted(self)
        from reseau.estimators.export import write_classifier  # onnx takes a second to import

        loss = self._outputs_and_loss()[1]
        recipe = of_named_columns(getattr(self, "recipe_", None), self.classes_)
        write_classifier(path, self.network_, self.params_, loss, self.classes_, self.multilabel_, recipe)

    def certify(self, X: Any, y: Any, *, delta: float = 0.05, holdout: tuple[Any, Any] | None = None) -> Certificate:
        """Bound the error rate on new rows, with probability `1 - delta`.

        With one hidden layer of ReLU the bound comes from the very rows it may have been trained on, by the path norm
        (`theory.certify`); any other network needs unseen rows.

        Args:
            X: Rows as the network reads them. A scaler that was fitted on them must have been chosen elsewhere, or be
                counted as a choice on the sample.
            y: Their classes.
            delta: Probability that the bound fails.
            holdout: `(X, y)`, rows that no choice has used: their bound is put beside, or is the bound.

        Raises:
            DataError: The network needs unseen rows, and there are none.
        """
        sample = self._rows(X), np.asarray(y)
        unseen = None if holdout is None else (self._rows(holdout[0]), np.asarray(holdout[1]))
        return certify_classes(self, sample, unseen, delta)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = not is_automatic(self)
        return tags
