"""Intervals and sets that hold with a stated probability, as further outputs of a network.

Source: V. Vovk, A. Gammerman and G. Shafer, *Algorithmic Learning in a Random World*, 2005; Y. Romano, E. Patterson and
E. Candès, *Conformalized Quantile Regression*, 2019; M. Sadinle, J. Lei and L. Wasserman, *Least Ambiguous Set-Valued
Classifiers*, 2019.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import numpy as np

from reseau.calibration.guarantee import Guarantee, check_level, guarantee_of
from reseau.calibration.nonconformity import CLASS_KINDS, ClassScores, own_scores
from reseau.calibration.outputs import STATE, cells_of, further, score_nodes
from reseau.errors import DataError
from reseau.graph import Node, state
from reseau.graph.values import precision_of
from reseau.named_arguments import names_arguments
from reseau.network import Network

__all__ = ["Conformal", "conformal", "held_quantile"]

Kind = Literal["absolute", "scaled", "quantiles", "classes", "aps", "raps", "top-k"]
NUMBER_KINDS = ("absolute", "scaled", "quantiles")


@dataclass(frozen=True)
class Conformal:
    """A network with an interval or a set beside its outputs, and what is known of how often it holds.

    Attributes:
        network: The outputs of the network that was given, then `lower` and `upper`, or `set`, 0 or 1 for each class.
        params: Its parameters, with the quantile as the state "conformal_quantile"; of groups, a table of them.
        quantile: The score that the calibration rows do not exceed often enough; of groups, the largest.
        guarantee: The level, the calibration rows, and the law of the coverage; of groups, the one that promises least.
        groups: The guarantee and the quantile of each group by its number; nothing where all rows are one group.
    """

    network: Network
    params: dict[str, Any] = field(repr=False)
    quantile: float
    guarantee: Guarantee
    groups: Mapping[int, tuple[Guarantee, float]]

    @property
    def level(self) -> float:
        """The coverage that was asked for."""
        return self.guarantee.level

    @property
    def rows(self) -> int:
        """Calibration rows; of groups, those of the one that promises least."""
        return self.guarantee.rows

    @property
    def rank(self) -> int:
        """Which of their scores, in rising order, the quantile is."""
        return self.guarantee.rank

    @property
    def coverage(self) -> float:
        """`Guarantee.coverage`."""
        return self.guarantee.coverage

    def coverage_with(self, probability: float) -> float:
        """`Guarantee.coverage_with`."""
        return self.guarantee.coverage_with(probability)


@names_arguments
def conformal(
    network: Network,
    params: Mapping[str, Any],
    calibration: tuple[Any, Any],
    *,
    level: float = 0.9,
    kind: Kind = "absolute",
    groups: int | Literal["class"] | None = None,
    penalty: float = 0.01,
    free: int = 1,
    seed: int = 0,
) -> Conformal:
    """A network whose interval, or set of classes, holds the truth of a new row with probability at least `level`.

    It assumes that calibration rows and new row are exchangeable, and that nothing was chosen on the former. The ends
    of an interval are rounded outward.

    Args:
        network: One input and one output (batch, columns).
        params: Its parameters.
        calibration: `(X, y)`, rows that training never saw: numbers, or for classes whole numbers from 0.
        level: Above 0 and below 1.
        kind: "absolute", one column: the prediction ± a fixed number. "scaled", two columns: the first ± a multiple of
            the second, which must be above 0. "quantiles", two columns: a lower and an upper quantile, both moved
            outward by one number. Of scores of classes: "classes", those whose softmax is large enough; "aps", the most
            probable ones, the last of which brings their probability above a number; "raps", the same with a penalty
            for long sets; "top-k", the k most probable ones.
        groups: Calibrate each group by itself, so that each is covered with the level (Mondrian): the place of the
            input's column that holds the group of a row, a whole number from 0; or "class", the true class. A row of a
            group that no calibration row is of, or whose group is blank or no whole number, gets the whole line, or all
            classes; so does one whose scores are NaN.
        penalty: Of "raps": what is added to the score of a class for each place
        free: beyond this one in the order of probabilities.
        seed: Of "aps" and "raps": seed of the uniform numbers that break the probability of calibration rows; a set
            counts the last class whole, so that it needs no draw.

    Raises:
        DataError: Too few rows for the level (the message says how many it needs, and in which group), NaN, or targets
            of another kind.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (1,))
        >>> net = rs.Network(x, rs.affine(x, 1, name="y"))
        >>> params = {"y.weight": np.ones((1, 1), np.float32), "y.bias": np.zeros(1, np.float32)}
        >>> X = np.zeros((19, 1), np.float32)
        >>> found = rs.conformal(net, params, (X, np.arange(19.0)), level=0.9)
        >>> found.quantile, found.coverage
        (17.0, 0.9)
        >>> [round(y.item(), 4) for y in found.network(found.params, [[1.0]])]
        [1.0, -16.0, 18.0]
    """
    if kind not in (*NUMBER_KINDS, *CLASS_KINDS):
        raise DataError(f"conformal: kind={kind!r}\n  fix: one of {', '.join((*NUMBER_KINDS, *CLASS_KINDS))}")
    check_level(level)
    output, columns = _output(network, kind)
    how = ClassScores(kind, penalty, free, seed) if kind in CLASS_KINDS else None
    X, y = np.asarray(calibration[0]), np.asarray(calibration[1])
    if not len(X) == len(y) > 0 or y.shape != y.shape[:1]:
        raise DataError(f"conformal: {len(X)} rows and targets {y.shape}\n  fix: one target for each of some rows")
    if groups is None:
        guarantee_of(level, len(y))
    precision = precision_of({name: jax.numpy.asarray(value) for name, value in params.items()})
    scores = _calibration_scores(network, params, output, X, y, kind, how, columns, precision.name)
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise DataError(f"conformal: calibration row {row} has a score that is not finite\n  fix: leave the row out")
    numbers, cells = _groups(groups, network, X, y, kind, columns, precision)
    table, found = np.full(cells, np.inf), {}
    for group in np.unique(numbers[numbers >= 0]).tolist():
        own = scores[numbers == group]
        what = "calibration rows" if groups is None else f"calibration rows of group {group}"
        guarantee = guarantee_of(level, len(own), what)
        table[group] = _rounded_up(guarantee.quantile(own), precision, how)
        found[group] = guarantee, float(table[group])
    least = min(found.values(), key=lambda each: each[0].rows)
    quantile = max(value for _, value in found.values())
    place = groups if isinstance(groups, int) else None
    made, values = _holding(network, params, kind, table[0] if groups is None else table, how, place, precision)
    return Conformal(made, values, quantile, least[0], {} if groups is None else found)


def held_quantile(
    network: Network, params: Mapping[str, Any], kind: Kind, quantile: np.ndarray, place: int | None = None
) -> tuple[Network, dict[str, Any]]:
    """A network with its interval or its set beside its outputs, where the quantile of scores is known already.

    Args:
        network: The network.
        params: Its parameters.
        kind: "absolute" or "classes", see `conformal`.
        quantile: One number; or of each class; or of each group by its number, infinite where it is not known.
        place: Of groups: the place of the input's column that holds the group of a row.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (1,))
        >>> net = rs.Network(x, rs.affine(x, 1, name="y"))
        >>> params = {"y.weight": np.ones((1, 1), np.float32), "y.bias": np.zeros(1, np.float32)}
        >>> made, values = held_quantile(net, params, "absolute", np.array(2.0))
        >>> [round(y.item(), 4) for y in made(values, [[1.0]])]
        [1.0, -1.0, 3.0]
    """
    _output(network, kind)
    precision = precision_of({name: jax.numpy.asarray(value) for name, value in params.items()})
    how = ClassScores(kind) if kind in CLASS_KINDS else None
    rounded = [_rounded_up(float(q), precision, how) for q in np.ravel(quantile)]
    return _holding(network, params, kind, np.reshape(rounded, quantile.shape), how, place, precision)


def _holding(
    network: Network,
    params: Mapping[str, Any],
    kind: Kind,
    quantile: np.ndarray,
    how: ClassScores | None,
    place: int | None,
    precision: np.dtype[Any],
) -> tuple[Network, dict[str, Any]]:
    """The network that looks its quantile up; rows of a group that is not known get no limit."""
    stored = np.asarray(quantile if place is None else np.append(quantile, np.inf)[:, None], precision)
    output, held = network.graph.outputs[0], state(stored, name=STATE)
    added = further(network, kind, output, held, how, place, precision.name)
    return Network(network.graph.inputs, (*network.graph.outputs, *added)), {**params, STATE: stored}


def _rounded_up(exact: float, precision: np.dtype[Any], how: ClassScores | None) -> float:
    """The quantile in the precision of the parameters, so that the row that decides stays covered."""
    if how is not None and how.kind != "top-k":  # compiled anew, sums of probabilities may be rounded otherwise
        exact += 16 * _unit(precision) * max(abs(exact), 1.0 if how.kind != "classes" else 0.0)
    quantile = precision.type(exact)
    if float(quantile) < exact:
        quantile = np.nextafter(quantile, precision.type(np.inf))
    return float(quantile)


def _unit(precision: np.dtype[Any]) -> float:
    """From 1 to the next number."""
    return float(np.nextafter(precision.type(1), precision.type(2))) - 1


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


def _calibration_scores(
    network: Network,
    params: Mapping[str, Any],
    output: Node,
    X: np.ndarray,
    y: np.ndarray,
    kind: str,
    how: ClassScores | None,
    columns: int,
    precision: str,
) -> np.ndarray:
    """How unlike its prediction each target is, in float64; of classes by the very nodes that will decide the sets."""
    if how is not None:
        if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= columns:
            raise DataError(f"conformal: targets are not classes\n  fix: whole numbers from 0 to {columns - 1}")
        shares, scores = Network(network.graph.inputs, score_nodes(output, how, precision)).in_blocks(params, X)
        return own_scores(np.asarray(scores), np.asarray(shares), y, how)
    place = network.graph.outputs.index(output)
    values = network.in_blocks(params, X)
    exact = np.asarray(values[place] if isinstance(values, tuple) else values).astype(np.float64)
    try:
        targets = y.astype(np.float64)
    except (ValueError, TypeError):
        raise DataError(f"conformal: targets of the type {y.dtype}\n  fix: numbers, one for each row") from None
    if kind == "quantiles":
        return np.maximum(exact[:, 0] - targets, targets - exact[:, 1])
    distance = np.abs(targets - exact[:, 0])
    if kind == "absolute":
        return distance
    if not (exact[:, 1] > 0).all():
        raise DataError("conformal: the second output is not above 0 everywhere\n  fix: rs.exp or rs.softplus of it")
    return distance / exact[:, 1]


def _groups(
    groups: int | str | None,
    network: Network,
    X: np.ndarray,
    y: np.ndarray,
    kind: str,
    columns: int,
    precision: np.dtype[Any],
) -> tuple[np.ndarray, int]:
    """The number of each row's group, -1 where it is blank, and how many numbers there are."""
    if groups is None:
        return np.zeros(len(y), int), 1
    if groups == "class":
        if kind not in CLASS_KINDS:
            raise DataError(f"conformal: groups='class' with kind={kind!r}\n  fix: kind='classes', or a column's place")
        return y.astype(int), columns
    width = network.graph.inputs[0].shape[1:]
    if not isinstance(groups, int) or isinstance(groups, bool) or len(width) != 1 or not 0 <= groups < int(width[0]):
        raise DataError(
            f"conformal: groups={groups!r} is no column of an input {width}\n  fix: groups='class', or its place from 0"
        )
    numbers, cells = cells_of(X[:, groups])
    if cells > (apart := round(2 / _unit(precision))):  # the network would read one for another
        raise DataError(
            f"conformal: there is a group {cells - 1}, and {precision} does not tell numbers from {apart} on apart\n"
            f"  fix: number the groups from 0 to {apart - 1}, or give the parameters in float32"
        )
    return numbers, cells
