"""The settings of an estimator, checked: each that cannot be used is one error that says what can."""

from collections.abc import Callable, Iterable
from math import inf
from numbers import Integral, Real
from typing import Any, NamedTuple

from reseau.errors import DataError
from reseau.estimators.design import ACTIVATIONS
from reseau.network import Network
from reseau.optimizers import as_optimizer
from reseau.penalties import Penalty

__all__ = ["check_settings", "hidden_sizes"]


class Rule(NamedTuple):
    """What a setting may be, as a test and in words."""

    holds: Callable[[Any], bool]
    wanted: str


def one_of(*choices: str) -> Rule:
    """One of a few words."""
    return Rule(lambda value: isinstance(value, str) and value in choices, f"one of {', '.join(map(repr, choices))}")


def number(low: float, high: float = inf, *, whole: bool = False, inside: bool = False) -> Rule:
    """A number from `low` to `high`; `inside` leaves both out."""

    def holds(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
            return False
        return low < float(value) < high if inside else low <= float(value) <= high

    what = "a whole number" if whole else "a number"
    to = "" if high == inf else f" and {'below' if inside else 'at most'} {high:g}"
    return Rule(holds, f"{what} {'above' if inside else 'of at least'} {low:g}{to}")


def at_will(holds: Callable[[Any], bool], wanted: str) -> Rule:
    """None, or what the test accepts."""
    return Rule(lambda value: value is None or holds(value), wanted)


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
    "tol": number(0),
    "momentum": number(0, 1),
    "validation_fraction": number(0, 1, inside=True),
    "beta_1": number(0, 1),
    "beta_2": number(0, 1),
    "epsilon": number(0),
    "n_iter_no_change": number(1),
    "max_fun": number(1, whole=True),
    "network": at_will(
        lambda value: isinstance(value, Network) or callable(value),
        "a Network, or a function (node of the features, number of scores) -> node of the scores",
    ),
    "penalty": at_will(lambda value: isinstance(value, Penalty), "one of reseau.penalties, such as L1(1e-4)"),
    "constraint": at_will(callable, "a function from the network to a map of its parameters"),
    "dropout": Rule(lambda value: number(0, 1).holds(value) and value < 1, "a number from 0 to below 1"),
    "dtype": one_of("auto", "float32", "float64"),
}


def check_settings(estimator: Any) -> None:
    """Refuse settings that mean nothing, naming the setting, its value and what it may be."""
    kind = type(estimator).__name__
    for name, rule in RULES.items():
        value = getattr(estimator, name)
        if not rule.holds(value):
            raise DataError(f"{kind}: {name}={value!r} cannot be used\n  fix: {rule.wanted}")
    if not isinstance(estimator.solver, str):
        as_optimizer(estimator.solver)
    elif not one_of("adam", "sgd", "lbfgs").holds(estimator.solver):
        raise DataError(f"{kind}: solver={estimator.solver!r} cannot be used\n  fix: adam, sgd, lbfgs or an optimizer")
    elif estimator.solver == "lbfgs" and (estimator.dropout or estimator.constraint is not None):
        raise DataError(
            f"{kind}: solver='lbfgs' takes all rows in each step, without dropout or constraint\n"
            "  fix: solver='adam', or dropout=0 and constraint=None"
        )
    hidden_sizes(estimator)


def hidden_sizes(estimator: Any) -> tuple[int, ...]:
    """The units of the hidden layers as a tuple; one number stands for one layer."""
    given = estimator.hidden_layer_sizes
    sizes = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    if not all(number(1, whole=True).holds(n) for n in sizes):
        raise DataError(
            f"{type(estimator).__name__}: hidden_layer_sizes must be > 0, got {list(sizes)}\n"
            "  fix: whole numbers, one for each hidden layer: (100,), or () for none"
        )
    return tuple(int(n) for n in sizes)
