"""Intervals and sets that hold with a stated probability, as further outputs of a network.

Source: V. Vovk, A. Gammerman and G. Shafer, *Algorithmic Learning in a Random World*, 2005; Y. Romano, E. Patterson and
E. Candès, *Conformalized Quantile Regression*, 2019; M. Sadinle, J. Lei and L. Wasserman, *Least Ambiguous Set-Valued
Classifiers*, 2019.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import jax
import numpy as np
from scipy.stats import beta

from reseau.errors import DataError
from reseau.graph import Node, apply_op, state
from reseau.graph.values import precision_of
from reseau.layers import softmax
from reseau.network import Network
from reseau.ops.arithmetic import Add, Cast, Multiply, Subtract
from reseau.ops.comparison import LessOrEqual
from reseau.ops.shapes import Slice

__all__ = ["Conformal", "conformal"]

Kind = Literal["absolute", "scaled", "quantiles", "classes"]
KINDS = ("absolute", "scaled", "quantiles", "classes")
STATE = "conformal_quantile"


@dataclass(frozen=True)
class Conformal:
    """A network with an interval or a set beside its outputs, and what is known of how often it holds.

    Attributes:
        network: The outputs of the network that was given, then `lower` and `upper`, or `set`, 0 or 1 for each class.
        params: Its parameters, with the quantile as the state "conformal_quantile".
        quantile: The score that the calibration rows do not exceed often enough.
        level: The coverage that was asked for.
        rows: Calibration rows.
        rank: Which of their scores, in rising order, the quantile is.
    """

    network: Network
    params: dict[str, Any]
    quantile: float
    level: float
    rows: int
    rank: int

    @property
    def coverage(self) -> float:
        """At least how probable it is that a new row is covered, calibration rows and new row drawn together."""
        return self.rank / (self.rows + 1)

    def coverage_with(self, probability: float) -> float:
        """A share of new rows that is covered with this probability over the draw of the calibration rows.

        Given the calibration rows, the coverage has the law Beta(rank, rows + 1 - rank), if no two scores are equal;
        with equal ones it is larger.
        """
        return float(beta.ppf(1 - probability, self.rank, self.rows + 1 - self.rank))


def conformal(
    network: Network,
    params: Mapping[str, Any],
    calibration: tuple[Any, Any],
    *,
    level: float = 0.9,
    kind: Kind = "absolute",
) -> Conformal:
    """A network whose interval, or set of classes, holds the truth of a new row with probability at least `level`.

    It assumes that calibration rows and new row are exchangeable, and that nothing was chosen on the former.

    Args:
        network: One input and one output (batch, columns).
        params: Its parameters.
        calibration: `(X, y)`, rows that training never saw: numbers, or for "classes" whole numbers from 0.
        level: Above 0 and below 1.
        kind: "absolute", one column: the prediction ± a fixed number. "scaled", two columns: the first ± a multiple of
            the second, which must be above 0. "quantiles", two columns: a lower and an upper quantile, both moved
            outward by one number. "classes", scores: the classes whose softmax is large enough.

    Raises:
        DataError: Too few rows for the level (the message says how many it needs), NaN, or targets of another kind.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (1,))
        >>> net = rs.Network(x, rs.affine(x, 1, name="y"))
        >>> params = {"y.weight": np.ones((1, 1), np.float32), "y.bias": np.zeros(1, np.float32)}
        >>> X = np.zeros((19, 1), np.float32)
        >>> found = rs.conformal(net, params, (X, np.arange(19.0)), level=0.9)
        >>> found.quantile, found.coverage
        (17.0, 0.9)
        >>> [y.item() for y in found.network(found.params, [[1.0]])]
        [1.0, -16.0, 18.0]
    """
    if kind not in KINDS:
        raise DataError(f"conformal: kind={kind!r}\n  fix: one of {', '.join(KINDS)}")
    if not 0 < level < 1:
        raise DataError(f"conformal: a level of {level}\n  fix: a level above 0 and below 1, such as 0.9")
    output, columns = _output(network, kind)
    X, y = np.asarray(calibration[0]), np.asarray(calibration[1])
    if not len(X) == len(y) > 0 or y.shape != y.shape[:1]:
        raise DataError(f"conformal: {len(X)} rows and targets {y.shape}\n  fix: one target for each of some rows")
    share = Fraction(repr(float(level)))
    rank = math.ceil(share * (len(y) + 1))
    if rank > len(y):
        needed = math.ceil(share / (1 - share))
        raise DataError(
            f"conformal: {len(y)} calibration rows are too few for a level of {level}\n  fix: at least {needed} rows"
        )
    place = network.graph.outputs.index(output)
    values = network.in_blocks(params, X)
    scores = _scores(kind, np.asarray(values[place] if isinstance(values, tuple) else values), y, columns)
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise DataError(f"conformal: calibration row {row} has a score that is not finite\n  fix: leave the row out")
    precision = precision_of({name: jax.numpy.asarray(value) for name, value in params.items()})
    exact = float(np.sort(scores)[rank - 1])
    if kind == "classes":  # the compiled softmax may round otherwise than the one that gave the scores
        exact += 8 * float(np.finfo(precision).eps) * abs(exact)
    quantile = precision.type(exact)
    if float(quantile) < exact:  # rounded up, so that the row that decides stays covered
        quantile = np.nextafter(quantile, precision.type(np.inf))
    held = state(np.asarray(quantile), name=STATE)
    made = Network(network.graph.inputs, (*network.graph.outputs, *_further(kind, output, held)))
    return Conformal(made, {**params, STATE: np.asarray(quantile)}, float(quantile), level, len(y), rank)


def _output(network: Network, kind: str) -> tuple[Node, int]:
    """The output that is calibrated, its shape checked."""
    output = network.graph.outputs[0]
    wanted = {"absolute": 1, "scaled": 2, "quantiles": 2}.get(kind)
    columns = output.shape[1] if len(output.shape) == 2 else 0
    right = columns == wanted if wanted is not None else isinstance(columns, int) and columns > 1
    if len(network.graph.inputs) != 1 or not right:
        needs = f"{wanted} columns" if wanted is not None else "a score for each of several classes"
        raise DataError(f"conformal: its first output has the shape {output.shape}\n  fix: for {kind!r}, {needs}")
    if STATE in network.graph.by_name:
        raise DataError("conformal: the network is calibrated already\n  fix: calibrate the network it was made of")
    return output, int(columns)


def _scores(kind: str, found: np.ndarray, y: np.ndarray, columns: int) -> np.ndarray:
    """How unlike its prediction each target is, in float64."""
    if kind == "classes":
        if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= columns:
            raise DataError(f"conformal: targets are not classes\n  fix: whole numbers from 0 to {columns - 1}")
        return np.asarray(-np.asarray(jax.nn.softmax(found, axis=-1))[np.arange(len(y)), y], np.float64)
    exact, targets = found.astype(np.float64), y.astype(np.float64)
    if kind == "quantiles":
        return np.maximum(exact[:, 0] - targets, targets - exact[:, 1])
    distance = np.abs(targets - exact[:, 0])
    if kind == "absolute":
        return distance
    if not (exact[:, 1] > 0).all():
        raise DataError("conformal: the second output is not above 0 everywhere\n  fix: rs.exp or rs.softplus of it")
    return distance / exact[:, 1]


def _further(kind: str, output: Node, held: Node) -> tuple[Node, ...]:
    """The outputs that are added."""
    if kind == "classes":
        inside = apply_op(LessOrEqual(), -softmax(output), held)
        return (apply_op(Cast("int32"), inside, name="set"),)
    first = apply_op(Slice(1, 0, 1), output)
    if kind == "absolute":
        return apply_op(Subtract(), first, held, name="lower"), apply_op(Add(), first, held, name="upper")
    second = apply_op(Slice(1, 1, 2), output)
    if kind == "quantiles":
        return apply_op(Subtract(), first, held, name="lower"), apply_op(Add(), second, held, name="upper")
    width = apply_op(Multiply(), second, held)
    return apply_op(Subtract(), first, width, name="lower"), apply_op(Add(), first, width, name="upper")
