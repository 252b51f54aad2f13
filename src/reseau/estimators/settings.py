"""The settings of an estimator, checked: each that cannot be used is one error that says what can."""

from collections.abc import Callable, Mapping
from math import inf, isinf
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import get_scorer_names

from reseau.errors import DataError
from reseau.estimators.automatic import check_automatic, is_automatic
from reseau.estimators.design import ACTIVATIONS
from reseau.network import Network
from reseau.optimizers import Optimizer
from reseau.optimizers.wrappers import Transformation
from reseau.penalties import Penalty

__all__ = ["check_settings", "hidden_sizes"]


class Rule(NamedTuple):
    """What a setting may be, as a test and in words."""

    holds: Callable[[Any], bool]
    wanted: str


def one_of(*choices: str) -> Rule:
    """One of a few words."""
    return Rule(lambda value: isinstance(value, str) and value in choices, f"one of {', '.join(map(repr, choices))}")


def number(low: float, high: float = inf, *, whole: bool = False, inside: bool = False, endless: bool = False) -> Rule:
    """A number from `low` to `high`; `inside` leaves both out, `endless` lets infinity in."""

    def holds(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
            return False
        try:
            size = float(value)
        except OverflowError:
            return False
        within = low < size < high if inside else low <= size <= high
        return within and (endless or not isinf(size))

    what = "a whole number" if whole else "a number"
    to = "" if high == inf else f" and {'below' if inside else 'at most'} {high:g}"
    return Rule(holds, f"{what} {'above' if inside else 'of at least'} {low:g}{to}")


def at_will(holds: Callable[[Any], bool], wanted: str) -> Rule:
    """None, or what the test accepts."""
    return Rule(lambda value: value is None or holds(value), wanted)


def share() -> Rule:
    """A number from 0 to below 1."""
    return Rule(lambda value: number(0, 1).holds(value) and value < 1, "a number from 0 to below 1")


def flag() -> Rule:
    """True or False."""
    return Rule(lambda value: isinstance(value, bool | np.bool_), "True or False")


def is_function(value: Any) -> bool:
    """Whether it can be called and is no class by mistake."""
    return callable(value) and not (isinstance(value, type) and value.__module__ == "builtins")


def is_weights(value: Any) -> bool:
    """Whether it is a dict of weights, of at least 0."""
    return isinstance(value, Mapping) and all(number(0).holds(v) for v in value.values())


RULES = {
    "activation": one_of(*ACTIVATIONS),
    "alpha": number(0),
    "batch_size": Rule(
        lambda value: value == "auto" if isinstance(value, str) else number(1, whole=True).holds(value),
        "'auto' or a whole number of at least 1",
    ),
    "learning_rate": one_of("constant", "invscaling", "adaptive"),
    "learning_rate_init": number(0, inside=True),
    "power_t": number(0),
    "max_iter": number(1, whole=True),
    "tol": number(0, endless=True),
    "momentum": share(),
    **dict.fromkeys(("shuffle", "warm_start", "nesterovs_momentum", "early_stopping"), flag()),
    "verbose": Rule(lambda value: flag().holds(value) or number(0).holds(value), "True or False"),
    "random_state": at_will(
        lambda value: isinstance(value, np.random.RandomState) or number(0, 2**32 - 1, whole=True).holds(value),
        "None, a whole number from 0 to 2**32 - 1, or a numpy.random.RandomState",
    ),
    "validation_fraction": number(0, 1, inside=True),
    "beta_1": share(),
    "beta_2": share(),
    "epsilon": number(0),
    "n_iter_no_change": number(1, endless=True),
    "max_fun": number(1, whole=True),
    "network": at_will(
        lambda value: isinstance(value, Network) or is_function(value),
        "a Network, or a function (node of the features, number of scores) -> node of the scores",
    ),
    "penalty": at_will(lambda value: isinstance(value, Penalty), "one of reseau.penalties, such as L1(1e-4)"),
    "constraint": at_will(is_function, "a function from the network to a map of its parameters"),
    "class_weight": at_will(
        lambda value: is_weights(value)
        or (isinstance(value, str) and value == "balanced")
        or (isinstance(value, list) and bool(value) and all(map(is_weights, value))),
        "'balanced', a dict from classes to weights of at least 0, or a list of them for several labels",
    ),
    "dropout": share(),
    "dtype": one_of("auto", "float32", "float64"),
    "scoring": at_will(
        lambda value: value in get_scorer_names() if isinstance(value, str) else is_function(value),
        "a function (estimator, X, y) -> number, or one of sklearn.metrics.get_scorer_names()",
    ),
    "solver": Rule(
        lambda value: one_of("adam", "sgd", "lbfgs").holds(value)
        or (isinstance(value, Optimizer | Transformation) and not isinstance(value, type)),
        "adam, sgd, lbfgs or an optimizer of reseau.optimizers or optax",
    ),
}


def check_settings(estimator: Any) -> None:
    """Refuse settings that mean nothing, naming the setting, its value and what it may be."""
    kind = type(estimator).__name__
    for name, rule in RULES.items():
        value = getattr(estimator, name, None)  # a regressor has no class_weight
        if not rule.holds(value):
            raise DataError(f"{kind}: {name}={value!r} cannot be used\n  fix: {rule.wanted}")
    named = isinstance(estimator.solver, str)
    if named and estimator.solver == "lbfgs" and (estimator.dropout or estimator.constraint is not None):
        raise DataError(
            f"{kind}: solver='lbfgs' takes all rows in each step, without dropout or constraint\n"
            "  fix: solver='adam', or dropout=0 and constraint=None"
        )
    if is_automatic(estimator):
        check_automatic(estimator)
    else:
        hidden_sizes(estimator)


def hidden_sizes(estimator: Any) -> tuple[int, ...]:
    """The units of the hidden layers as a tuple; one number stands for one layer."""
    given = estimator.hidden_layer_sizes
    several = isinstance(given, list | tuple) or (isinstance(given, np.ndarray) and given.ndim == 1)
    sizes = tuple(given) if several else (given,)
    if not all(number(1, whole=True).holds(n) for n in sizes):
        raise DataError(
            f"{type(estimator).__name__}: hidden_layer_sizes must be > 0, got {list(sizes)}\n"
            "  fix: whole numbers, one for each hidden layer: (100,), or () for none"
        )
    return tuple(int(n) for n in sizes)
