"""scikit-learn's MLP, plain SGD, whole epochs."""

import warnings
from collections.abc import Callable

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.cases import Case


def prepare(case: Case) -> Callable[[int], object] | None:
    if case.filters or case.blocks:
        return None
    data, targets = case.data
    in_epoch = case.rows // case.batch

    def run(steps: int) -> object:
        make = MLPRegressor if case.outputs == 1 else MLPClassifier
        model = make(
            hidden_layer_sizes=case.hidden, solver="sgd", alpha=0.0, batch_size=case.batch,
            learning_rate_init=case.rate, momentum=0.0,
            shuffle=case.shuffled, max_iter=max(steps // in_epoch, 1), tol=0.0, n_iter_no_change=10**9, random_state=0,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(data, targets.ravel()).loss_curve_

    return run
