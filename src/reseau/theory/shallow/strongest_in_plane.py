"""The neurons of two inputs at which a correlation may be largest, circle by circle, in O(n² log n)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from reseau.theory.shallow.shallow_network import FloatArray, lift, row_norms

__all__ = ["Circles"]

BLOCK = 2**19  # events, points times their circles, held in memory
LOOSE = 1e-9  # of a cosine: a candidate on the border of its cell is taken, for its correlation is then computed

Found = tuple[FloatArray, FloatArray]
"""About the size of the correlation, (k,), and the neuron, (k, 3)."""


@dataclass(frozen=True, eq=False)
class Circles:
    """What the neurons of norm one see of some points, whatever their coefficients.

    The circles orthogonal to the points `(x_i, R)` cut the sphere of neurons into cells on which a correlation is
    linear. Every cell has an arc of some circle on its border, and its extremum is inside it, along the sum `A` of
    the active `c_i (x_i, R)`, or on such an arc, along the projection of `A`, or at a vertex. Around one circle the
    sums change by one term at each vertex: they are cumulative sums.

    Attributes:
        lifted: The distinct `(x_i, R)`, shape (n, 3), divided by `2^exponent`: their largest entry is about one.
        place: Which of them each point is.
        blocks: Of circles, where they are few enough to be kept.
    """

    lifted: FloatArray
    exponent: int
    place: npt.NDArray[np.intp]
    blocks: "tuple[_Block, ...] | None"

    @classmethod
    def of(cls, points: FloatArray, radius: float) -> Self:
        """The circles of points of shape (n, 2)."""
        distinct, place = np.unique(points, axis=0, return_inverse=True)
        lifted = lift(distinct, radius)
        exponent = _exponent(lifted)
        lifted = np.ldexp(lifted, -exponent)
        few = 2 * len(lifted) ** 2 <= BLOCK
        return cls(lifted, exponent, place.ravel(), tuple(_blocks(lifted)) if few else None)

    def candidates(self, c: FloatArray, above: float = np.inf) -> Found:
        """Signed correlations and their neurons: the best one last, and before it some of those beyond `above`."""
        exponent = _exponent(c)
        weights = np.bincount(self.place, np.ldexp(c, -exponent), minlength=len(self.lifted)).astype(np.float64)
        exponent += self.exponent
        above = float(np.ldexp(above, -exponent))
        terms = weights[:, None] * self.lifted
        values, neurons = [np.zeros(0)], [np.zeros((0, 3))]
        best = np.concatenate([np.eye(3)[-1:], self.lifted[:1] / row_norms(self.lifted[:1])])
        value = self._correlations(best, weights)
        best, value = _strongest(best, value)
        for block in _blocks(self.lifted) if self.blocks is None else self.blocks:
            sums = block.sums(terms)
            for search in (block.at_vertices, block.on_arcs, block.in_cells):
                sizes, v = search(sums, terms, min(abs(float(value[0])), above) * (1 - LOOSE))
                if not len(sizes):
                    continue
                # Cumulative sums rank them, and beyond the cell they belong to: the correlation itself decides.
                first = v[[np.argmax(sizes)]]
                best, value = _strongest(
                    np.concatenate([best, first]), np.append(value, self._correlations(first, weights))
                )
                v = v[sizes >= min(abs(float(value[0])), above) * (1 - LOOSE)]
                z = self._correlations(v, weights)
                best, value = _strongest(np.concatenate([best, v]), np.append(value, z))
                values.append(z[np.abs(z) > above])
                neurons.append(v[np.abs(z) > above])
        return np.ldexp(np.concatenate([*values, value]), exponent), np.concatenate([*neurons, best])

    def _correlations(self, v: FloatArray, weights: FloatArray) -> FloatArray:
        parts = np.array_split(v, len(v) * len(self.lifted) // 2**22 + 1)
        return np.concatenate([np.maximum(part @ self.lifted.T, 0.0) @ weights for part in parts])


def _strongest(neurons: FloatArray, values: FloatArray) -> Found:
    """The first of the largest, as arrays of one."""
    top = int(np.argmax(np.abs(values)))
    return neurons[top : top + 1], values[top : top + 1]


@dataclass(frozen=True, eq=False)
class _Block:
    """Some of the circles: each is turned around once, and points are entered and left on the way."""

    units: FloatArray  # (n, 3), all points
    circles: npt.NDArray[np.intp]  # (k,)
    first: FloatArray  # (k, 3), with `second` an orthonormal basis of the plane of each circle
    second: FloatArray
    widest: npt.NDArray[np.intp]  # (k, 1, 1), the event after which no other comes for longest
    active: npt.NDArray[np.bool_]  # (k, n), which points are there
    point: npt.NDArray[np.intp]  # (k, e), whose circle is crossed
    enters: npt.NDArray[np.bool_]
    turns: FloatArray  # (k, e), the angles of the events in increasing order
    ends: FloatArray  # (k, e), of the next one

    def sums(self, terms: FloatArray) -> FloatArray:
        """The sum of the active terms of the other points after each event, (k, e, 3)."""
        steps = terms[self.point]
        np.negative(steps, out=steps, where=~self.enters[..., None])
        np.cumsum(steps, axis=1, out=steps)
        return steps + ((self.active @ terms)[:, None, :] - np.take_along_axis(steps, self.widest, axis=1))

    def at_vertices(self, sums: FloatArray, terms: FloatArray, least: float) -> Found:
        """Where two circles cross."""
        along = self._along(sums)
        sizes = np.abs(along[0] * np.cos(self.turns) + along[1] * np.sin(self.turns))
        at = np.nonzero(sizes >= least)
        return sizes[at], self._on(at, np.cos(self.turns[at]), np.sin(self.turns[at]))

    def on_arcs(self, sums: FloatArray, terms: FloatArray, least: float) -> Found:
        """Along the sum, or against it, seen in the plane of the circle."""
        along = self._along(sums)
        sizes = np.hypot(*along)
        at = np.nonzero((sizes >= least) & (sizes > 0))
        found, across, turn = [], [a[at] / sizes[at] for a in along], self.turns[at]
        for sign in (1.0, -1.0):
            heading = np.arctan2(sign * across[1], sign * across[0])
            inside = (heading - turn) % (2 * np.pi) <= self.ends[at] - turn + LOOSE
            inside |= (turn - heading) % (2 * np.pi) <= LOOSE
            here = at[0][inside], at[1][inside]
            found.append((sizes[here], self._on(here, sign * across[0][inside], sign * across[1][inside])))
        return _joined(found)

    def in_cells(self, sums: FloatArray, terms: FloatArray, least: float) -> Found:
        """Along the sum, or against it, in the cells on both sides of an arc."""
        found = []
        for with_own in (False, True):
            total = sums + terms[self.circles][:, None, :] if with_own else sums
            sizes = np.sqrt(np.einsum("kem,kem->ke", total, total))
            at = np.nonzero((sizes >= least) & (sizes > 0))
            v = total[at] / sizes[at][:, None]
            # The points whose circles are the arc's, and end it, are on the side of the cell that they should be.
            end = at[0], (at[1] + 1) % self.turns.shape[1]
            borders = [
                (self.circles[at[0]], np.full(len(v), with_own)),
                (self.point[at], self.enters[at]),
                (self.point[end], ~self.enters[end]),
            ]
            reaches = [np.einsum("ij,ij->i", v, self.units[which]) for which, _ in borders]
            for sign in (1.0, -1.0):
                fits = np.ones(len(v), dtype=bool)
                for reach, (_, active) in zip(reaches, borders, strict=True):
                    fits &= np.where(active, sign * reach >= -LOOSE, sign * reach <= LOOSE)
                found.append((sizes[at][fits], sign * v[fits]))
        return _joined(found)

    def _along(self, sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        return (sums @ self.first[..., None])[..., 0], (sums @ self.second[..., None])[..., 0]

    def _on(self, at: tuple[npt.NDArray[np.intp], ...], cosine: FloatArray, sine: FloatArray) -> FloatArray:
        on: FloatArray = cosine[:, None] * self.first[at[0]] + sine[:, None] * self.second[at[0]]
        return on


def _blocks(lifted: FloatArray) -> Iterator[_Block]:
    """All circles; one point alone crosses none."""
    n = len(lifted)
    if n == 1:
        return
    count = max(1, BLOCK // (2 * n))
    for start in range(0, n, count):
        yield _block(np.arange(start, min(start + count, n)), lifted)


def _block(circles: npt.NDArray[np.intp], lifted: FloatArray) -> _Block:
    n, k = len(lifted), len(circles)
    first, second = _planes(lifted[circles])
    others = np.arange(n)[None, :] != circles[:, None]
    index = np.nonzero(others)[1].reshape(k, n - 1)
    flat = [np.take_along_axis(axis @ lifted.T, index, axis=1) for axis in (first, second)]
    angles = np.arctan2(flat[1], flat[0])  # at which each point is seen in the plane of the circle
    # It is active on the half circle around its own angle: it enters a quarter before and leaves a quarter after.
    events = np.concatenate([angles - np.pi / 2, angles + np.pi / 2], axis=1) % (2 * np.pi)
    order = np.argsort(events, axis=1, kind="stable")
    turns = np.take_along_axis(events, order, axis=1)
    point = np.take_along_axis(np.concatenate([index, index], axis=1), order, axis=1)
    ends = np.concatenate([turns[:, 1:], turns[:, :1] + 2 * np.pi], axis=1)
    # Where many points leave and enter at once, as on a line, rounding decides who is active in between: counting
    # starts from the middle of the widest arc.
    widest = np.argmax(ends - turns, axis=1)[:, None]
    middle = np.take_along_axis(turns + ends, widest, axis=1) / 2
    active = ((np.cos(middle) * first + np.sin(middle) * second) @ lifted.T > 0) & others
    units = lifted / row_norms(lifted)[:, None]
    return _Block(units, circles, first, second, widest[..., None], active, point, order < n - 1, turns, ends)


def _planes(normals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two orthonormal vectors in the plane orthogonal to each row, shapes (k, 3)."""
    unit = normals / row_norms(normals)[:, None]
    axis = np.eye(3)[np.argmin(np.abs(unit), axis=1)]
    first = np.cross(unit, axis)
    first = first / row_norms(first)[:, None]
    return first, np.cross(unit, first)


def _exponent(array: FloatArray) -> int:
    """Of the power of two above the largest entry: in its units no square leaves the floats."""
    return int(np.frexp(np.abs(array).max(initial=0.0))[1])


def _joined(found: list[Found]) -> Found:
    return np.concatenate([sizes for sizes, _ in found]), np.concatenate([v for _, v in found])
