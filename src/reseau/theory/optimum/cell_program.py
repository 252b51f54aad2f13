"""The convex program of given activation patterns, as sparse as the patterns allow."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.spatial import ConvexHull, QhullError

from reseau.theory.optimum.convex_program import Matrix, Program
from reseau.theory.score_losses import ScoreLoss
from reseau.theory.shallow.shallow_network import FloatArray, row_norms

__all__ = ["borders_of", "solve_cells"]

Patterns = npt.NDArray[np.bool_]
TOUCHING = 1e-9  # of a cosine: a vector this near to a plane lies on it


def solve_cells(
    lifted: FloatArray,
    targets: FloatArray,
    penalty: float,
    score: ScoreLoss,
    patterns: Patterns,
    signs: FloatArray,
    borders: Sequence[FloatArray],
    *,
    accurate: bool,
) -> tuple[FloatArray, FloatArray]:
    """Best vectors of these cells, shape (k, d + 1), and the derivative of the risk there, shape (n,).

    Args:
        lifted: `(x_i, R)`, shape (n, d + 1), sorted by the first input.
        patterns: Which points each cell holds active, shape (k, n).
        signs: Of the outputs, shape (k,).
        borders: Of each pattern, as from `borders_of`.
        accurate: As in `Program.solve`.
    """
    (n, width), count = lifted.shape, len(signs)
    # In units where the cost of a neuron is 1 the solver's residuals are relative to the penalty.
    scale = n * penalty
    features, links = (
        _on_a_line(lifted / scale, patterns, signs) if width == 2 else _dense(lifted / scale, patterns, signs)
    )
    own = count * (width + 1)  # the vectors, then the bounds on their norms; then what the features add
    total = features.shape[1] + count
    features = sparse.hstack(
        [features[:, : count * width], sparse.csc_matrix((n, count)), features[:, count * width :]], format="csc"
    )
    cost = np.zeros(total)
    cost[count * width : own] = 1 / n
    program = Program(features, cost, score.name, targets)
    if links is not None:
        rows = sparse.hstack(
            [links[:, : count * width], sparse.csc_matrix((links.shape[0], count)), links[:, count * width :]]
        )
        program.require(rows, np.zeros(links.shape[0]), "zero", links.shape[0])
    block = np.arange(count * width).reshape(count, width)
    # Each cone holds the bound on the norm of a vector, then the vector.
    order = np.column_stack([count * width + np.arange(count), block]).ravel()
    norms = sparse.csc_matrix((-np.ones(own), (np.arange(own), order)), shape=(own, total))
    program.require(norms, np.zeros(own), "norm", width + 1)
    owner = np.repeat(np.arange(count), [len(rows) for rows in borders])
    place = np.repeat(np.arange(len(owner)), width), block[owner].ravel()
    sides = sparse.csc_matrix((-np.concatenate(borders).ravel(), place), shape=(len(owner), total))
    program.require(sides, np.zeros(len(owner)), "nonnegative", len(owner))
    coefficients, slope = program.solve(accurate=accurate)
    return coefficients[: count * width].reshape(count, width) / scale, slope


def _dense(lifted: FloatArray, patterns: Patterns, signs: FloatArray) -> tuple[Matrix, Matrix | None]:
    columns = [sign * pattern[:, None] * lifted for sign, pattern in zip(signs, patterns, strict=True)]
    return sparse.csc_matrix(np.hstack(columns)), None


def _on_a_line(lifted: FloatArray, patterns: Patterns, signs: FloatArray) -> tuple[Matrix, Matrix | None]:
    """One input: a pattern is a suffix or a prefix, so running sums of the vectors give every score by two entries.

    The features are those of the running sums; the links say that each sum is the one before plus the vectors
    that join it.
    """
    n, count = len(lifted), len(signs)
    suffix = patterns[:, -1]
    # A suffix joins at its first point, going right; a prefix at its last, going left.
    joins = np.where(suffix, patterns.argmax(axis=1), n - 1 - patterns[:, ::-1].argmax(axis=1))
    features, links = [sparse.csc_matrix((n, 2 * count))], []
    for side, forward in ((suffix, True), (~suffix, False)):
        places = np.unique(joins[side])
        size = len(places)
        # How many steps are behind each point, in the direction of the sums, and the step that each vector joins.
        sorted_in = np.searchsorted(places, np.arange(n), side="right" if forward else "left")
        behind = sorted_in if forward else size - sorted_in
        step = np.searchsorted(places, joins[side])
        step = step if forward else size - 1 - step
        held = np.flatnonzero(behind > 0)
        features.append(_pairs(lifted[held], held, behind[held] - 1, (n, size)))
        at = (_twice(step), _twice(np.flatnonzero(side)))
        joined = sparse.csc_matrix((np.repeat(signs[side], 2), at), shape=(2 * size, 2 * count))
        old = np.arange(max(2 * size - 2, 0))
        before = sparse.csc_matrix((np.ones(len(old)), (old + 2, old)), shape=(2 * size, 2 * size))
        links.append((joined, before - sparse.eye(2 * size)))
    rows = sparse.block_diag([running for _, running in links])
    vectors = sparse.vstack([joined for joined, _ in links])
    return sparse.hstack(features, format="csc"), sparse.hstack([vectors, rows], format="csc")


def _twice(index: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Positions of the two entries of each vector."""
    both: npt.NDArray[np.intp] = (2 * index[:, None] + np.arange(2)).ravel()
    return both


def _pairs(
    entries: FloatArray, rows: npt.NDArray[np.intp], steps: npt.NDArray[np.intp], shape: tuple[int, int]
) -> Matrix:
    """A matrix with the two entries of each row at the two columns of its step."""
    return sparse.csc_matrix((entries.ravel(), (np.repeat(rows, 2), _twice(steps))), shape=(shape[0], 2 * shape[1]))


def borders_of(lifted: FloatArray, pattern: npt.NDArray[np.bool_], near: FloatArray) -> FloatArray:
    """Rows `r` such that `r · v >= 0` for all of them means that `v` has this pattern, or its closure.

    Args:
        lifted: `(x_i, R)`, shape (n, d + 1).
        pattern: Which points are active, shape (n,).
        near: A vector of length one in the closure of the cell.
    """
    rows = np.where(pattern[:, None], lifted, -lifted)
    if lifted.shape[1] > 2:
        return _facets(rows, near)
    ends = [  # one input: the extreme points of each side decide for those between them
        side[pick(lifted[side, 0])]
        for side in (np.flatnonzero(pattern), np.flatnonzero(~pattern))
        for pick in (np.argmin, np.argmax)
        if len(side)
    ]
    chosen: FloatArray = rows[sorted(set(ends))]
    return chosen


def _facets(rows: FloatArray, near: FloatArray) -> FloatArray:
    """Those of the half-spaces that bound the cone: the corners of the rows seen from a vector inside it.

    A cell of planes through the origin has less than four sides on average; the others only cost the solver time.
    """
    units = rows / row_norms(rows)[:, None]
    v = _inward(units, near)
    if v is None:
        return rows
    basis = np.linalg.svd(v[None, :])[2][1:]
    seen = (units @ basis.T) / (units @ v)[:, None]
    try:
        corners: FloatArray = rows[ConvexHull(seen).vertices]
    except QhullError:
        return rows
    return corners


def _inward(units: FloatArray, near: FloatArray) -> FloatArray | None:
    """A vector of length one inside the cone `units @ v >= 0`, found from one in its closure; nothing if it is flat."""
    reach = units @ near
    touching = reach <= TOUCHING
    v = near
    if touching.any():  # away from the planes that it lies on, half of the way to the next one
        direction = units[touching].sum(axis=0)
        along = units @ direction
        closing = ~touching & (along < 0)
        v = near + float(np.min(reach[closing] / -along[closing], initial=2.0)) / 2 * direction
        v = v / np.linalg.norm(v)
    return v if float((units @ v).min()) > TOUCHING else None
