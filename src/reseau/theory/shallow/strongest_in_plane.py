"""The neurons of two inputs at which a correlation may be largest, circle by circle, in O(n² log n)."""

import numpy as np
import numpy.typing as npt

from reseau.theory.shallow.shallow_network import FloatArray, lift, row_norms

__all__ = ["plane_candidates"]

BLOCK = 2**19  # events, points times their circles, held in memory
LOOSE = 1e-9  # of a cosine: a candidate on the border of its cell is taken, for its correlation is then computed


def plane_candidates(
    c: FloatArray, points: FloatArray, radius: float, above: float = np.inf
) -> tuple[FloatArray, FloatArray]:
    """The best neuron of two inputs last, and before it candidates whose correlation is beyond `above`.

    The circles orthogonal to the points `(x_i, R)` cut the sphere of neurons into cells on which the correlation is
    linear. Every cell has an arc of some circle on its border, and its extremum is inside it, along the sum `A` of
    the active `c_i (x_i, R)`, or on such an arc, along the projection of `A`, or at a vertex. Around one circle the
    sums change by one term at each vertex: they are cumulative sums.

    Returns:
        Signed correlations, shape (k,), and neurons of norm one, shape (k, 3).
    """
    distinct, inverse = np.unique(points, axis=0, return_inverse=True)
    weights = np.bincount(inverse.ravel(), c, minlength=len(distinct)).astype(np.float64)
    lifted = lift(distinct, radius)
    terms = weights[:, None] * lifted
    best, value = np.eye(3)[-1], float(radius * weights.sum())
    values, neurons = [], []
    count = max(1, BLOCK // (2 * len(lifted)))
    for start in range(0, len(lifted), count):
        circles = np.arange(start, min(start + count, len(lifted)))
        for near, v in _of_circles(circles, lifted, terms):
            # What was found by cumulative sums ranks them; the correlation itself is computed for those that matter.
            chosen = np.flatnonzero(near >= min(abs(value), above) * (1 - LOOSE))
            chosen = chosen[np.argsort(-near[chosen], kind="stable")]
            for block in np.array_split(chosen, len(chosen) * len(lifted) // 2**22 + 1):
                z = np.maximum(v[block] @ lifted.T, 0.0) @ weights
                if len(z) and float(np.abs(z).max()) > abs(value):
                    top = int(np.argmax(np.abs(z)))
                    best, value = v[block][top], float(z[top])
                if (beyond := np.abs(z) > above).any():
                    values.append(z[beyond])
                    neurons.append(v[block][beyond])
    return np.concatenate([*values, [value]]), np.concatenate([*neurons, best[None, :]])


def _of_circles(
    circles: npt.NDArray[np.intp], lifted: FloatArray, terms: FloatArray
) -> list[tuple[FloatArray, FloatArray]]:
    """About the size of the correlation, and the neuron: at the vertices, on the arcs, and in the cells beside them."""
    n, k = len(lifted), len(circles)
    first, second = _planes(lifted[circles])
    flat = np.stack([first @ lifted.T, second @ lifted.T], axis=-1)  # (k, n, 2): the points seen in each plane
    others = np.arange(n)[None, :] != circles[:, None]
    index = np.nonzero(others)[1].reshape(k, n - 1)
    if n == 1:
        return [_alone(circles, lifted, terms, first)]
    angles = np.arctan2(*np.take_along_axis(flat, index[..., None], axis=1).transpose(2, 0, 1)[::-1])
    # Point j is active on the half circle around its own angle: it enters a quarter before and leaves a quarter after.
    events = np.concatenate([angles - np.pi / 2, angles + np.pi / 2], axis=1) % (2 * np.pi)
    order = np.argsort(events, axis=1, kind="stable")
    turns = np.take_along_axis(events, order, axis=1)
    point = np.take_along_axis(np.concatenate([index, index], axis=1), order, axis=1)
    enters = order < n - 1
    ends = np.concatenate([turns[:, 1:], turns[:, :1] + 2 * np.pi], axis=1)
    # Active on the arc before the first event, which is also the last arc.
    middle = (turns[:, -1] + ends[:, -1]) / 2
    at = np.cos(middle)[:, None] * first + np.sin(middle)[:, None] * second
    sums = ((at @ lifted.T > 0) & others) @ terms
    sums = sums[:, None, :] + np.cumsum(np.where(enters, 1.0, -1.0)[..., None] * terms[point], axis=1)
    along = np.stack([np.einsum("kem,km->ke", sums, first), np.einsum("kem,km->ke", sums, second)], axis=-1)
    vertex = np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    found = [(np.abs(np.sum(along * vertex, axis=-1)), _lifted_to(vertex, first, second))]
    after = np.roll(point, -1, axis=1)
    for sign in (1.0, -1.0):
        lengths = np.hypot(along[..., 0], along[..., 1])
        heading = np.arctan2(sign * along[..., 1], sign * along[..., 0])
        inside = ((heading - turns) % (2 * np.pi) <= ends - turns + LOOSE) | ((turns - heading) % (2 * np.pi) <= LOOSE)
        on_arc = np.where(inside & (lengths > 0), lengths, -1.0)
        found.append((on_arc, _lifted_to(_units(sign * along), first, second)))
        for with_own in (False, True):
            total = sums + (terms[circles][:, None, :] if with_own else 0.0)
            size = np.sqrt(np.sum(total**2, axis=-1))
            v = _units(sign * total)
            own = np.einsum("kem,km->ke", v, lifted[circles] / row_norms(lifted[circles])[:, None])
            fits = own >= -LOOSE if with_own else own <= LOOSE
            # The two points whose circles end the arc are on the side of the cell that they are on along the arc.
            unit = lifted / row_norms(lifted)[:, None]
            for border, active in ((point, enters), (after, ~np.roll(enters, -1, axis=1))):
                reach = np.sum(v * unit[border], axis=-1)
                fits &= np.where(active, reach >= -LOOSE, reach <= LOOSE)
            found.append((np.where(fits & (size > 0), size, -1.0), v))
    return [(near.ravel(), v.reshape(-1, 3)) for near, v in found]


def _alone(
    circles: npt.NDArray[np.intp], lifted: FloatArray, terms: FloatArray, first: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """One point: the neuron along it, and one that does not see it."""
    v = np.concatenate([_units(lifted[circles]), first])
    return np.abs(np.concatenate([row_norms(terms[circles]), np.zeros(len(circles))])), v


def _planes(normals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two orthonormal vectors in the plane orthogonal to each row, shapes (k, 3)."""
    unit = normals / row_norms(normals)[:, None]
    axis = np.eye(3)[np.argmin(np.abs(unit), axis=1)]
    first = np.cross(unit, axis)
    first = first / row_norms(first)[:, None]
    return first, np.cross(unit, first)


def _lifted_to(flat: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    vectors: FloatArray = flat[..., :1] * first[:, None, :] + flat[..., 1:] * second[:, None, :]
    return vectors


def _units(rows: FloatArray) -> FloatArray:
    lengths = np.sqrt(np.sum(rows**2, axis=-1, keepdims=True))
    units: FloatArray = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return units
