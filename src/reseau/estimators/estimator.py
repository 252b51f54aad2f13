"""What the two estimators share: how they are fitted, continued, asked and exported."""

import sys
import warnings
from abc import abstractmethod
from collections.abc import Callable
from copy import copy
from typing import Any, Self

import jax
import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from reseau.batches import Batches, Cyclic, Shuffled
from reseau.console import say
from reseau.errors import DataError, DivergenceError
from reseau.estimators.automatic import fit_automatic
from reseau.estimators.design import Design, design_of, first_params, objective_of, optimizer_of
from reseau.estimators.epochs import FitState, Rules, differs, start_run, train_epochs
from reseau.estimators.held_out import split, takes_weights
from reseau.estimators.intervals import note_rows
from reseau.estimators.lbfgs import minimize
from reseau.estimators.raw_tables import checked, raw_table, read_raw_rows
from reseau.estimators.rows import SCALE, Rows, check_kind, check_labels, plain_labels, read_examples, validated
from reseau.estimators.settings import Settings, check_settings, is_automatic
from reseau.estimators.surroundings import computing, whole_or_nothing
from reseau.estimators.tasks import Tasks
from reseau.estimators.warnings import WARNINGS
from reseau.graph import may_be_blank
from reseau.graph.fork import check_process
from reseau.losses import Loss
from reseau.network import Network
from reseau.objective import Objective
from reseau.objective.examples import Examples, finite
from reseau.training.training_run import TrainingRun

__all__ = ["NetworkEstimator"]

SMALL = 10**7
"""Rows times parameters up to which float64 data is computed in float64: there it costs no time that one could see."""


class NetworkEstimator(CallbackSupportMixin, BaseEstimator, Settings):
    """A network with scikit-learn's contract. What the settings mean is said in the two estimators."""

    _fit_state: FitState

    @abstractmethod
    def _read_target(self, y: Any, first: bool, incremental: bool) -> np.ndarray:
        """The targets as the loss wants them; where `first`, what they are is learned."""

    @abstractmethod
    def _outputs_and_loss(self) -> tuple[int, Loss]:
        """How many scores the targets that were read want, and the loss of them."""

    @abstractmethod
    def _row_weights(self, y: Any, sample_weight: np.ndarray | None) -> np.ndarray | None:
        """The weight of each row."""

    @abstractmethod
    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        """What the rows held out for early stopping should have in the same proportions."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on the rows of X.

        Args:
            X: (n, features): an array, a data frame of numbers, or a sparse matrix, which is made dense. With "auto" a
                data frame may hold texts, categories, dates and blanks, and an array NaN.
            y: The targets: (n,), or (n, outputs).
            sample_weight: A weight for each row, at least 0; only their proportions matter.

        Returns:
            The estimator itself.
        """
        self._fit_with_callbacks(X, y, sample_weight)
        return self

    @with_callbacks  # not on `fit` itself: it would lose its types
    def _fit_with_callbacks(self, X: Any, y: Any, sample_weight: Any) -> None:
        self._fit(X, y, sample_weight)

    @available_if(lambda self: self.solver != "lbfgs")
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on for one epoch over these rows, from where the last call stopped."""
        return self._fit(X, y, sample_weight, incremental=True)

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool = False) -> Self:
        first = not hasattr(self, "params_") or not (self.warm_start or incremental)
        with whole_or_nothing(self, first):
            return self._fit_or_fail(X, y, sample_weight, incremental, first)

    def _fit_or_fail(self, X: Any, y: Any, sample_weight: Any, incremental: bool, first: bool) -> Self:
        check_process()
        check_settings(self)
        if incremental and self.early_stopping:
            raise DataError("partial_fit does not support early_stopping=True\n  fix: early_stopping=False")
        tasks = None if incremental else Tasks(self, X, y, sample_weight, self.max_iter + 1)
        random = check_random_state(self.random_state)
        rows = self._read(X, y, sample_weight, first, incremental)
        if is_automatic(self):
            fit_automatic(self, rows, getattr(self, "classes_", ()), random, tasks)
            return self
        design = design_of(self, self.n_features_in_, *self._outputs_and_loss())
        objective = objective_of(design)
        if first:
            self._begin(rows, design, objective.network, random)
        else:
            self._take_up(objective.network)
            if not incremental or differs(self.solver, self._fit_state.solver):
                # a warm start, like another solver, keeps the parameters, and nothing of the optimizer
                self._fit_state.begin(self.solver, float(self.learning_rate_init))
        if self.solver == "lbfgs":
            self._fit_lbfgs(objective, rows, tasks)
        else:
            self._fit_in_steps(objective, rows, random, tasks)
        note_rows(self, rows.X, rows.target, first)
        if tasks is not None:
            tasks.close(self._fitted)
        return self

    def _read(self, X: Any, y: Any, sample_weight: Any, first: bool, incremental: bool) -> Rows:
        check_kind(sample_weight, "sample_weight")
        if not is_regressor(self):
            check_labels(y)
            y = plain_labels(y)
        raw = raw_table(X) if is_automatic(self) else None
        if raw is None:
            X, y = validated(self, X, y, reset=first, multi_output=True, y_numeric=is_regressor(self))
        else:
            X, y = checked(self, X, raw[1], y, reset=first, y_numeric=is_regressor(self))
        if is_automatic(self):
            self.recipe_ = None if raw is None else raw[0]
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        target = self._read_target(y, first, incremental)
        y = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
        return Rows(X, y.ravel() if target.ndim == 1 else y, target, self._row_weights(y, weights), weights)

    def _begin(self, rows: Rows, design: Design, network: Network, random: np.random.RandomState) -> None:
        """A new network with new parameters, nothing learned."""
        params = first_params(design, network, random)
        count = sum(v.size for v in params.values())
        small = self.solver == "lbfgs" or len(rows) * count <= SMALL
        dtype = self.dtype
        if dtype == "auto":
            dtype = "float64" if rows.X.dtype == np.float64 and small else "float32"
        params = {k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in params.items()}
        self.network_, self.params_, self.n_outputs_ = network, params, design.outputs
        self.n_layers_ = 1 + sum(len(n.shape) > 1 for n in network.graph.parameters.values())
        self._fit_state = FitState(params, float(self.learning_rate_init), self.solver)

    def _take_up(self, network: Network) -> None:
        """The parameters of the last fit, in the network that the settings ask for now."""
        held = {name: np.shape(value) for name, value in self.params_.items()}
        if held != {name: node.shape for name, node in network.graph.stored.items()}:
            raise DataError(
                f"{type(self).__name__}: its settings ask for another network than the one that was fitted, whose "
                f"parameters have the shapes {', '.join(map(str, held.values()))}\n"
                "  fix: the settings of the network as they were, or a new estimator"
            )
        self.network_, self._fit_state = network, self._fit_state.copy()

    # the solvers

    def _fit_lbfgs(self, objective: Objective, rows: Rows, tasks: Tasks | None) -> None:
        precision, state = self._precision, self._fit_state

        def after_step(params: dict[str, Any], loss: float) -> bool:
            state.params = {k: v.astype(precision) for k, v in params.items()}
            state.losses.append(loss)
            state.best = state.best.after(loss, lambda: None)
            return self._told(tasks)

        if tasks is not None:
            tasks.begin()
        with computing("float64"):
            found, result = minimize(
                objective,
                self._examples(objective, rows, "float64"),
                {k: v.astype("float64") for k, v in self.params_.items()},
                strength=self._strength,
                most_steps=self.max_iter,
                most_calls=self.max_fun,
                tolerance=self.tol,
                after_step=after_step,
            )
        state.params = {k: v.astype(precision) for k, v in found.items()}
        state.epochs = min(int(result.nit), self.max_iter)
        self._publish()
        self.loss_ = float(result.fun)
        if not np.isfinite(result.fun):
            raise DataError(f"{type(self).__name__}: the objective is not finite at the start\n  fix: {SCALE}")
        if result.status == 1:
            warnings.warn(
                f"lbfgs stopped after {result.nit} iterations and {result.nfev} evaluations, before it converged\n"
                "  fix: more max_iter or max_fun, or scaled features",
                ConvergenceWarning,
                stacklevel=7,
            )

    def _fit_in_steps(
        self, objective: Objective, rows: Rows, random: np.random.RandomState, tasks: Tasks | None
    ) -> None:
        rows, held = self._held_out(rows, random)
        most = 1 if tasks is None else self.max_iter
        schedule = self.learning_rate if isinstance(self.solver, str) and self.solver == "sgd" else "constant"
        rules = Rules(len(rows), most, self.tol, self.n_iter_no_change, schedule, self.learning_rate_init, self.power_t)
        if tasks is not None:
            tasks.begin()
        with computing(self._precision):
            run = start_run(
                objective,
                self._examples(objective, rows, self._precision),
                optimizer_of(self, self.network_),
                self._batches(len(rows), incremental=tasks is None),
                self._fit_state,
                self._strength,
                int(random.randint(2**31 - 1)),
            )
            score = None if held is None else self._scorer(held)
            watched = tasks is not None and tasks.watched
            try:
                ending = train_epochs(run, self._fit_state, rules, score, lambda: self._told(tasks, run), watched)
            except DivergenceError as error:
                cures = [SCALE]
                if error.what != "state":
                    cures.append("a smaller learning_rate_init")
                elif self._precision != "float64":
                    cures.append("dtype='float64'")
                raise DataError(
                    f"{type(self).__name__}: {str(error).partition(chr(10))[0]}\n  fix: {', or '.join(cures)}"
                ) from error
        if held is not None and self._fit_state.best.params is not None:
            self._fit_state.params = self._fit_state.best.params
        self._publish()
        if tasks is not None and ending in WARNINGS:
            text, kind = WARNINGS[ending]
            warnings.warn(text.format(self.max_iter), kind, stacklevel=7)

    def _examples(self, objective: Objective, rows: Rows, precision: str) -> Examples:
        return read_examples(objective, self._shaped(rows.X), rows.target, rows.weights, np.dtype(precision))

    def _shaped(self, X: np.ndarray) -> np.ndarray:
        """The rows in the shape of the network's input."""
        return X.reshape(len(X), *map(int, self.network_.graph.inputs[0].shape[1:]))

    @property
    def _strength(self) -> float:
        """What the objective's penalty is multiplied by."""
        return float(self.alpha) if self.penalty is None else 1.0

    @property
    def _precision(self) -> str:
        """The precision of the parameters."""
        return next((v.dtype.name for v in self.params_.values() if v.dtype.kind == "f"), "float32")

    def _batches(self, rows: int, incremental: bool) -> Batches:
        asked = 200 if self.batch_size == "auto" else int(self.batch_size)
        if asked > rows and self.batch_size != "auto" and not incremental:  # parts may be as short as they come
            warnings.warn(f"batch_size={asked} is more than the {rows} rows: all of them make one batch", stacklevel=8)
        return Shuffled(asked) if self.shuffle else Cyclic(asked)

    def _held_out(self, rows: Rows, random: np.random.RandomState) -> tuple[Rows, Rows | None]:
        """The rows to train on, and those that early stopping watches."""
        if not self.early_stopping:
            return rows, None
        stay, held = (
            rows.take(places) for places in split(len(rows), self.validation_fraction, self._strata(rows.y), random)
        )
        for part, what, cure in ((held, "held out", "larger"), (stay, "to train on", "smaller")):
            if part.given_weights is not None and not part.given_weights.any():
                raise DataError(f"the rows {what} all have sample_weight 0\n  fix: a {cure} validation_fraction")
        return stay, held

    def _scorer(self, held: Rows) -> Callable[[dict[str, Any]], float]:
        """The score of parameters on the rows held out; NaN where predictions are not finite."""
        view = copy(self)  # it has no names of features: the rows held out are a plain array
        view.__dict__.pop("feature_names_in_", None)
        scorer = None if self.scoring is None else get_scorer(self.scoring)
        weighed = held.given_weights is not None and (scorer is None or takes_weights(scorer))
        weighted = {"sample_weight": held.given_weights} if weighed else {}

        def score(params: dict[str, Any]) -> float:
            view.params_ = params
            if not np.isfinite(view._scores(held.X)).all():
                return float("nan")
            found = (
                view.score(held.X, held.y, **weighted) if scorer is None else scorer(view, held.X, held.y, **weighted)
            )
            return float(found)

        return score

    # what others see of a fit

    def _told(self, tasks: Tasks | None, run: TrainingRun | None = None) -> bool:
        """Tell about the epoch that ended; whether a callback asks to stop."""
        state = self._fit_state
        if self.verbose:
            say(sys.stdout, f"Iteration {len(state.losses)}, loss = {state.losses[-1]:.8f}\n")
            if state.scores:
                say(sys.stdout, f"Validation score: {state.scores[-1]:f}\n")
        if tasks is None:
            return False

        def fitted() -> dict[str, Any]:
            if run is not None:
                state.params = {k: np.array(v) for k, v in run.params().items()}
            self._publish()
            return self._fitted()

        stop = tasks.end(fitted)
        if not stop and state.epochs < self.max_iter:
            tasks.begin()
        return stop

    def _publish(self) -> None:
        """scikit-learn's attributes, from where the fit stands."""
        state, watched = self._fit_state, self.early_stopping or is_automatic(self)
        self.params_ = state.params
        self.loss_curve_, self.n_iter_, self.t_ = state.losses, state.epochs, state.rows
        self.loss_ = state.losses[-1] if state.losses else float("nan")
        self.best_loss_ = None if watched else state.best.loss
        self.validation_scores_ = state.scores if watched else None
        self.best_validation_score_ = -state.best.loss if watched else None
        columns = {"loss": state.losses, "learning_rate": state.rates, "validation_score": state.scores}
        self.history_ = {name: np.array(values) for name, values in columns.items() if values}

    def _fitted(self) -> dict[str, Any]:
        """All that a fit has set, for a copy that predicts."""
        settings = self.get_params(deep=False)
        return {k: v for k, v in vars(self).items() if k not in settings and not k.startswith(("_skl", "_callback"))}

    # predictions

    def _scores(self, X: Any) -> np.ndarray:
        """The output of the network for every row, (n, outputs)."""
        check_process()
        with computing(self._precision):
            params = jax.device_put(self.params_)
            blanks = may_be_blank(self.network_.graph.inputs[0])
            rows = finite(X, "X", np.dtype(self._precision), blanks)
            return self.network_.in_blocks(params, self._shaped(rows))

    def _rows(self, X: Any) -> np.ndarray:
        """Rows to predict, checked."""
        check_is_fitted(self, "params_")
        recipe = getattr(self, "recipe_", None)
        return validated(self, X, reset=False)[0] if recipe is None else read_raw_rows(self, recipe, X)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights of the layers, each (in, out), from the first to the last."""
        return self._parameters_of("weight")

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases of the layers, from the first to the last."""
        return self._parameters_of("bias")

    def _parameters_of(self, role: str) -> list[np.ndarray]:
        if not hasattr(self, "params_"):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet\n  fix: call fit first")
        graph = self.network_.graph
        return [self.params_[k] for k, n in graph.parameters.items() if getattr(n.source, "role", "") == role]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "params_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        raw = is_automatic(self)
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = raw
        return tags
