"""An argument of the wrong kind ends in an error that names it, and in no words about the inside of a function."""

import warnings
from fractions import Fraction

import numpy as np
import pytest

import reseau as rs
from reseau.errors import ArgumentError, ReseauError
from reseau.named_arguments import names_arguments

X = rs.input("x", (4,))
CALLS = {
    "load: path=None": lambda: rs.load(None),
    "Adam: learning_rate='a'": lambda: rs.optimizers.Adam("a"),
    "L2: strength='a'": lambda: rs.penalties.L2("a"),
    "L2: strength=<array float64 (2, 3)>": lambda: rs.penalties.L2(np.ones((2, 3))),
    "dropout: rate='a'": lambda: rs.dropout(X, "a"),
    "softmax: axis='a'": lambda: rs.softmax(X, "a"),
    "min_pieces: x='a'": lambda: rs.theory.min_pieces("a", [1.0, 2.0], 0.1),
    "same_function: a='a'": lambda: rs.theory.same_function("a", "b"),
    "fit: objective=None": lambda: rs.fit(None, None, optimizer=None, epochs=1),
    "Network: outputs=5": lambda: rs.Network(X, 5),
    "read_csv: path=[1]": lambda: rs.data.read_csv([1], "y"),
    "conformal: network='a'": lambda: rs.conformal("a", {}, (1, 2)),
}


@pytest.mark.parametrize("said", CALLS)
def test_the_argument_is_named(said):
    with pytest.raises(ArgumentError) as caught:
        CALLS[said]()
    first, second = str(caught.value).splitlines()
    assert first == f"{said} is not what it takes"
    assert second.startswith(f"  fix: {said.partition(': ')[2].partition('=')[0]} is ")
    assert isinstance(caught.value, TypeError)


PUBLIC = [
    (f"{space}.{name}", getattr(getattr(rs, space), name))
    for space in ("optimizers", "penalties", "constraints", "theory")
    for name in getattr(rs, space).__all__
]
WRONG = {"None": None, "a text": "a", "a list": [1, "b"], "an object": object()}


@pytest.mark.parametrize("wrong", WRONG)
def test_no_public_call_speaks_of_its_inside(wrong):
    """Of the calls with one and the same wrong value for all arguments."""
    strange = []
    for name, called in PUBLIC:
        if not callable(called) or name in BY_NAME_ALONE or getattr(called, "__abstractmethods__", None):
            continue
        for count in (1, 2, 3, 4):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    called(*[WRONG[wrong]] * count)
            except ReseauError as error:
                if "  fix: " not in str(error):
                    strange.append(f"{name}: {error}")
            except TypeError as error:
                if "argument" not in str(error):  # Python's own, which says how many and which are missing
                    strange.append(f"{name}: {error}")
            except Exception as error:
                strange.append(f"{name}: {type(error).__name__}: {error}")
    assert not strange, "\n".join(strange)


BY_NAME_ALONE = {
    "theory.width_figure",
    "theory.certify_network",
    "optimizers.Params",
}  # type checkers alone know their kinds


def test_what_is_right_is_left_alone():
    @names_arguments
    def failing(number: float, *others: int, table: np.ndarray | None = None) -> None:
        raise ValueError("inside")

    for given in ((1,), (np.float32(1), 2, np.int64(3)), (np.array(1.0),), (Fraction(1, 2).numerator,)):
        with pytest.raises(ValueError, match=r"^inside$"):
            failing(*given, table=[[1.0, 2.0]])
    with pytest.raises(ArgumentError, match=r"others='b'"):
        failing(1.0, 2, "b")
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'number'"):
        failing()


class OfTheCaller(ValueError):
    """An error that a caller's function raises, and catches."""


def test_an_error_of_the_callers_own_passes():
    @names_arguments
    def applied(function: str) -> None:
        function()

    def failing():
        raise OfTheCaller

    with pytest.raises(OfTheCaller):
        applied(failing)
