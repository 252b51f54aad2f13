"""The settings of an estimator: their defaults, what each may be, and which of them compiled programs depend on."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from inspect import signature
from math import inf, isinf
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import get_scorer_names

from reseau.errors import DataError
from reseau.network import Network
from reseau.optimizers import Optimizer
from reseau.optimizers.wrappers import Transformation
from reseau.penalties import Penalty

__all__ = ["ACTIVATIONS", "RULES", "Settings", "check_settings", "hidden_sizes", "is_automatic"]

ACTIVATIONS = {"identity": None, "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
"""scikit-learn's names of activations, and those of `layers.hidden`."""

LEFT_TO_THE_USER = ("hidden_layer_sizes", "random_state", "verbose", "class_weight")
"""Settings that are read where `hidden_layer_sizes="auto"` chooses the others."""


@dataclass(eq=False, repr=False)
class Settings:
    """The settings of both estimators, kept as they were given, which is what scikit-learn wants of them.

    What they mean is said in `NetworkClassifier`, what they may be in `RULES`.
    """

    hidden_layer_sizes: Any = (100,)
    activation: str = "relu"
    _: KW_ONLY
    solver: Any = "adam"
    alpha: float = 0.0001
    batch_size: Any = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: Any = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    network: Any = None
    penalty: Any = None
    constraint: Any = None
    dropout: float = 0.0
    dtype: str = "auto"
    scoring: Any = None


class Rule(NamedTuple):
    """What a setting may be, as a test and in words.

    A compiled program depends on some settings; all others, learning rate and alpha among them, are its arguments.
    """

    holds: Callable[[Any], bool]
    wanted: str
    compiled: bool = False


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


def compiled(rule: Rule) -> Rule:
    """The rule of a setting that compiled programs depend on."""
    return rule._replace(compiled=True)


def elsewhere() -> Rule:
    """A setting that is read, and refused, where what it stands for is made."""
    return Rule(lambda value: True, "")


RULES = {
    "hidden_layer_sizes": compiled(elsewhere()),
    "activation": compiled(one_of(*ACTIVATIONS)),
    "solver": compiled(
        Rule(
            lambda value: one_of("adam", "sgd", "lbfgs").holds(value)
            or (isinstance(value, Optimizer | Transformation) and not isinstance(value, type)),
            "adam, sgd, lbfgs or an optimizer of reseau.optimizers or optax",
        )
    ),
    "alpha": number(0),
    "batch_size": compiled(
        Rule(
            lambda value: value == "auto" if isinstance(value, str) else number(1, whole=True).holds(value),
            "'auto' or a whole number of at least 1",
        )
    ),
    "learning_rate": one_of("constant", "invscaling", "adaptive"),
    "learning_rate_init": number(0, inside=True),
    "power_t": number(0),
    "max_iter": number(1, whole=True),
    "shuffle": flag(),
    "random_state": at_will(
        lambda value: isinstance(value, np.random.RandomState) or number(0, 2**32 - 1, whole=True).holds(value),
        "None, a whole number from 0 to 2**32 - 1, or a numpy.random.RandomState",
    ),
    "tol": number(0, endless=True),
    "verbose": Rule(lambda value: flag().holds(value) or number(0).holds(value), "True or False"),
    "warm_start": flag(),
    "momentum": compiled(share()),
    "nesterovs_momentum": compiled(flag()),
    "early_stopping": flag(),
    "validation_fraction": number(0, 1, inside=True),
    "beta_1": compiled(share()),
    "beta_2": compiled(share()),
    "epsilon": compiled(number(0)),
    "n_iter_no_change": number(1, endless=True),
    "max_fun": number(1, whole=True),
    "network": compiled(
        at_will(
            lambda value: isinstance(value, Network) or is_function(value),
            "a Network, or a function (node of the features, number of scores) -> node of the scores",
        )
    ),
    "loss": compiled(elsewhere()),
    "penalty": compiled(at_will(lambda value: isinstance(value, Penalty), "one of reseau.penalties, such as L1(1e-4)")),
    "constraint": compiled(at_will(is_function, "a function from the network to a map of its parameters")),
    "class_weight": at_will(
        lambda value: is_weights(value)
        or (isinstance(value, str) and value == "balanced")
        or (isinstance(value, list) and bool(value) and all(map(is_weights, value))),
        "'balanced', a dict from classes to weights of at least 0, or a list of them for several labels",
    ),
    "dropout": compiled(share()),
    "dtype": compiled(one_of("auto", "float32", "float64")),
    "scoring": at_will(
        lambda value: value in get_scorer_names() if isinstance(value, str) else is_function(value),
        "a function (estimator, X, y) -> number, or one of sklearn.metrics.get_scorer_names()",
    ),
}


def check_settings(estimator: Settings) -> None:
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


def is_automatic(estimator: Settings) -> bool:
    """Whether its network and its training are those of the default for tables."""
    given = estimator.hidden_layer_sizes
    return isinstance(given, str) and given == "auto"


def check_automatic(estimator: Settings) -> None:
    """Refuse the settings that would not be read."""
    usual = signature(type(estimator).__init__).parameters
    read = [name for name in RULES if name in usual and name not in LEFT_TO_THE_USER]
    changed = [n for n in read if not _same(getattr(estimator, n), usual[n].default)]
    if changed:
        raise DataError(
            f"{type(estimator).__name__}: hidden_layer_sizes='auto' chooses {', '.join(changed)} itself\n"
            f"  fix: leave {', '.join(changed)} out, or hidden_layer_sizes=(100,)"
        )


def _same(given: Any, usual: Any) -> bool:
    """Whether a setting is as it is where nothing is said."""
    return given is usual or (type(given) is type(usual) and bool(given == usual))


def hidden_sizes(estimator: Settings) -> tuple[int, ...]:
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
