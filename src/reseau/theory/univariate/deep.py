"""Deep ReLU networks of one input, piece by piece."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.univariate.pieces import PWL, Number, interpolate, numbers

__all__ = ["deep_to_pwl", "tent_layers"]

Layer = tuple[npt.ArrayLike, npt.ArrayLike]


@names_arguments
def deep_to_pwl(layers: Sequence[Layer], domain: tuple[Number, Number], *, exact: bool = False) -> PWL:
    """Read the pieces of a network with ReLU between its affine layers and none after the last.

    The breaks found so far carry the values of all units; each layer adds those where a unit
    changes sign. Pieces may multiply with depth: so does the work.

    Args:
        layers: `(weight, bias)` of each layer, shapes (inputs, outputs) and (outputs,); the first has
            one input, the last one output. For `exact`, of integers or `Fraction`s, or of floats
            taken for the rationals that they are.
        domain: Interval `(low, high)` on which to read it.
        exact: Compute with `Fraction`s; in floats, each break carries the rounding of the layers
            before it.

    Raises:
        DataError: If shapes do not follow each other, or a number is not finite.

    Example:
        >>> deep_to_pwl(tent_layers(3), (0, 1), exact=True).pieces
        8

    Source: docs/theory/univariate.md, section 2.
    """
    low, high = numbers(domain, "deep_to_pwl: domain")
    if not low < high:
        raise DataError(f"deep_to_pwl: the domain ({low}, {high}) is reversed or empty\n  fix: give low < high")
    breaks = _array([low, high], exact)
    units = breaks[:, None]
    for depth, (weight, bias) in enumerate(layers):
        matrix, shift = _array(weight, exact), _array(bias, exact)
        if matrix.ndim != 2 or matrix.shape[0] != units.shape[1] or shift.shape != matrix.shape[1:]:
            raise DataError(
                f"deep_to_pwl: layer {depth} has weight {matrix.shape} and bias {shift.shape} after "
                f"{units.shape[1]} units\n  fix: give shapes ({units.shape[1]}, k) and (k,)"
            )
        if depth:
            breaks, units = _rectified(breaks, units)
        units = units @ matrix + shift
    if units.shape[1] != 1:
        raise DataError(f"deep_to_pwl: the last layer has {units.shape[1]} outputs\n  fix: keep one")
    return interpolate(breaks.tolist(), units[:, 0].tolist())


@names_arguments
def tent_layers(times: int) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """The tent map `x -> 2 min(x, 1 - x)` of [0, 1] composed with itself, two neurons a layer.

    It has `2^times` pieces, where one hidden layer needs nearly as many neurons.

    Example:
        >>> len(tent_layers(3))
        4

    Source: M. Telgarsky, *Benefits of depth in neural networks*, 2016.
    """
    if times < 1:
        raise DataError(f"tent_layers: times={times!r}\n  fix: compose at least once")
    first = (np.array([[2, 4]]), np.array([0, -2]))  # 2 x_+ - (4 x - 2)_+
    middle = (np.array([[2, 4], [-2, -4]]), np.array([0, -2]))
    last = (np.array([[1], [-1]]), np.array([0]))
    return [first, *[middle] * (times - 1), last]


def _array(values: Any, exact: bool) -> npt.NDArray[Any]:
    if not exact:
        floats = np.asarray(values, dtype=np.float64)
        if not np.isfinite(floats).all():
            raise DataError("deep_to_pwl: a parameter is not finite\n  fix: give finite numbers")
        return floats
    objects = np.asarray(values, dtype=object)
    flat = numbers([v.item() if isinstance(v, np.generic) else v for v in objects.ravel()], "deep_to_pwl")
    rational = np.empty(objects.size, dtype=object)
    rational[:] = [Fraction(v) for v in flat]
    return rational.reshape(objects.shape)


def _rectified(breaks: npt.NDArray[Any], units: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Add the breaks where a unit changes sign between two others, then take positive parts."""
    left, right = units[:-1], units[1:]
    piece, unit = np.nonzero(np.asarray((left < 0) & (right > 0) | (left > 0) & (right < 0), dtype=bool))
    a, b = left[piece, unit], right[piece, unit]
    new = breaks[piece] + (breaks[piece + 1] - breaks[piece]) * (a / (a - b))
    order = np.argsort(np.concatenate([breaks, new]), kind="stable")
    merged = np.concatenate([breaks, new])[order]
    fresh = np.concatenate([[True], np.asarray(merged[1:] > merged[:-1], dtype=bool)])
    merged = merged[fresh]
    # Values at the new breaks from the piece each lies in: linear, and exact at the old ones.
    at = np.clip(np.searchsorted(breaks, merged, side="right") - 1, 0, len(breaks) - 2)
    share = ((merged - breaks[at]) / (breaks[at + 1] - breaks[at]))[:, None]
    values = units[at] * (1 - share) + units[at + 1] * share
    return merged, np.where(np.asarray(values > 0, dtype=bool), values, 0 * values)
