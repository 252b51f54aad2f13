"""Decide whether two networks are one function, with a point that shows it when they are not."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.shallow.homogeneity import bias_beyond, directions_alike
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork, positive_scale, row_norms

__all__ = ["CanonicalForm", "Comparison", "canonical", "same_function"]

Exact = npt.NDArray[Any]  # float64, or Fractions in an object array


@dataclass(frozen=True, eq=False)
class CanonicalForm:
    """`f(x) = slope · x + intercept + Σ_k jumps[k] (directions[k] · x + offsets[k])_+`, unique to `f`.

    Each direction is oriented (first nonzero coordinate positive) and the rows are sorted. In float64
    a direction has norm 1; in exact form its first nonzero coordinate is 1, which needs no root, and
    the arrays hold `Fraction`s.

    Attributes:
        slope: Shape (d,), or (d, C) for several outputs.
        intercept: Shape (), or (C,).
        directions: Shape (K, d).
        offsets: Shape (K,).
        jumps: Jump of the gradient across each hyperplane, shape (K,), or (K, C).

    Example:
        >>> from reseau.theory import ShallowNetwork, canonical
        >>> form = canonical(ShallowNetwork([[1.0], [-2.0]], [0.0, 0.0], [1.0, 0.5]))
        >>> form.jumps.tolist()
        [2.0]
    """

    slope: Exact
    intercept: Exact
    directions: Exact
    offsets: Exact
    jumps: Exact

    @property
    def is_zero(self) -> bool:
        """Whether the function is identically zero (exactly)."""
        return not (np.any(self.slope != 0) or np.any(self.intercept != 0) or len(self.jumps))

    def key(self) -> tuple[object, ...]:
        """A hashable value, equal for two exact forms exactly when the functions are equal."""
        parts = (self.slope, self.intercept, self.directions, self.offsets, self.jumps)
        return tuple(tuple(np.asarray(part).ravel().tolist()) for part in parts)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Answer of `same_function`, true in a condition exactly when the functions are the same.

    Attributes:
        same: The decision.
        witness: A point, shape (d,), where the two differ most among those tried; None when they are
            the same, or when no float64 point can show the difference.
        gap: Largest difference of the outputs at the witness; 0.0 without one.
        bound: In float64, a bound on the difference of the outputs on the ball; 0.0 in exact mode
            when the functions are equal, infinity when they are not.

    Example:
        >>> from reseau.theory import ShallowNetwork, rescale, same_function
        >>> f = ShallowNetwork([[1.0]], [0.5], [1.0])
        >>> same_function(f, rescale(f, [2.0])).same
        True
    """

    same: bool
    witness: FloatArray | None
    gap: float
    bound: float

    def __bool__(self) -> bool:
        return self.same


@names_arguments
def canonical(f: ShallowNetwork, radius: float | None = None, tolerance: float = 1e-9) -> CanonicalForm:
    """Write `f` as an affine function plus one ReLU for each hyperplane where its gradient jumps.

    Args:
        radius: Where the function is looked at: the whole space, or the ball of this radius, on which
            a hyperplane that does not cut the open ball belongs to the affine part.
        tolerance: Distance at which two hyperplanes are one, and relative size below which a jump is
            rounding; 0 asks for rational arithmetic, in which the form decides equality.

    Example:
        >>> form = canonical(ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, -1.0]), tolerance=0)
        >>> int(form.slope[0]), len(form.jumps)      # z_+ - (-z)_+ = z
        (1, 0)
    """
    if radius is not None:
        positive_scale(radius, "canonical: radius")
    form = _exact_form(f, radius) if tolerance == 0 else _float_form(f, radius, tolerance)[0]
    return form if f.outputs.ndim == 2 else _scalar(form)


@names_arguments
def same_function(
    a: ShallowNetwork, b: ShallowNetwork, radius: float | None = None, tolerance: float = 1e-9
) -> Comparison:
    """Decide whether `a` and `b` are the same function, on the whole space or where `|x| <= radius`.

    With `tolerance=0` the parameters are read as the rationals they are and the answer is exact.
    Otherwise `same` means that, rounding apart, `|a(x) - b(x)|` is at most `tolerance` times
    `R (path_norm(a) + path_norm(b)) max(1, |x| / R)`, with `R` the larger radius of the two (or
    `radius`): a bound on the function, not on its parameters.

    Raises:
        DataError: If the networks do not have the same number of inputs and outputs.

    Example:
        >>> a = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, -1.0])     # x
        >>> b = ShallowNetwork([[1.0]], [5.0], [1.0])                        # x + 5 when x > -5
        >>> comparison = same_function(a, b, tolerance=0)
        >>> comparison.same, bool(abs(a(comparison.witness) - b(comparison.witness)) > 0)
        (False, True)
    """
    if a.dimension != b.dimension or a.outputs.shape[1:] != b.outputs.shape[1:]:
        raise DataError(
            f"same_function: {a.dimension} inputs and outputs {a.outputs.shape[1:]} against "
            f"{b.dimension} and {b.outputs.shape[1:]}\n  fix: compare networks of the same shape"
        )
    if radius is not None:
        positive_scale(radius, "same_function: radius")
    scale = radius if radius is not None else max(a.radius, b.radius)
    difference = ShallowNetwork(
        np.concatenate([a.weights, b.weights]),
        np.concatenate([a.biases, b.biases]),
        np.concatenate([a.outputs, -b.outputs]),
        scale,
    )
    if tolerance == 0:
        form = _exact_form(difference, radius)
        if form.is_zero:
            return Comparison(same=True, witness=None, gap=0.0, bound=0.0)
        bound = np.inf
    else:
        with np.errstate(all="ignore"):
            near, slack, allowed = _float_form_or_none(difference, radius, tolerance)
            bound = np.inf if near is None else _size(near, scale) + slack
        if near is None or not (np.isfinite(bound) and np.isfinite(allowed)):
            # Floats overflow: rationals do not, and decide equality to the last bit.
            return same_function(a, b, radius, tolerance=0)
        form = near
        if bound <= allowed:
            return Comparison(same=True, witness=None, gap=0.0, bound=bound)
    witness, gap = _witness(difference, form, radius, exact=tolerance == 0)
    return Comparison(same=False, witness=witness, gap=gap, bound=bound)


def _float_form_or_none(
    f: ShallowNetwork, radius: float | None, tolerance: float
) -> tuple[CanonicalForm | None, float, float]:
    """The form in floats, what joining hyperplanes may cost, and the difference that is allowed; none if a neuron is
    too long or too short for floats."""
    lengths = f.neuron_norms
    if not (np.isfinite(lengths).all() and (lengths[np.any(f.weights != 0, axis=1)] > 0).all()):
        return None, np.inf, np.inf
    return *_float_form(f, radius, tolerance / 4), tolerance * f.radius * f.path_norm


def _exact_form(f: ShallowNetwork, radius: float | None) -> CanonicalForm:
    outputs = _columns(f)
    zero = [Fraction(0)] * outputs.shape[1]
    slope = [list(zero) for _ in range(f.dimension)]
    intercept = list(zero)
    jumps: dict[tuple[Fraction, ...], list[Fraction]] = {}
    for w, b, eta in zip(f.weights, f.biases, outputs, strict=True):
        row = [Fraction(float(c)) for c in (*w, b)]
        coefficients = [Fraction(float(c)) for c in eta]
        first = next((c for c in row[:-1] if c), None)
        cuts = first is not None and (radius is None or bias_beyond(w, float(b), radius) < 0)
        active = row[-1] > 0 if not cuts else first is not None and first < 0
        if active:  # always active, or flipped by (-z)_+ = z_+ - z: its affine part is eta (w . x + b)
            for i, c in enumerate(row[:-1]):
                slope[i] = [s + e * c for s, e in zip(slope[i], coefficients, strict=True)]
            intercept = [s + e * row[-1] for s, e in zip(intercept, coefficients, strict=True)]
        if cuts and first is not None:
            plane = tuple(c / first for c in row)
            old = jumps.get(plane, zero)
            jumps[plane] = [s + e * abs(first) for s, e in zip(old, coefficients, strict=True)]
    planes = sorted(plane for plane, g in jumps.items() if any(g))
    return CanonicalForm(
        _objects(slope, (f.dimension, len(zero))),
        _objects([intercept], (1, len(zero)))[0],
        _objects([plane[:-1] for plane in planes], (len(planes), f.dimension)),
        _objects([plane[-1:] for plane in planes], (len(planes), 1))[:, 0],
        _objects([jumps[plane] for plane in planes], (len(planes), len(zero))),
    )


def _float_form(f: ShallowNetwork, radius: float | None, tolerance: float) -> tuple[CanonicalForm, float]:
    """The form in float64, and a bound on the difference on the ball made by joining hyperplanes."""
    outputs = _columns(f)
    cuts = _cutting(f, radius)
    affine = ~cuts & (f.biases > 0)
    index = np.flatnonzero(cuts)
    v = f.neurons[index]
    units = v / row_norms(v)[:, None]
    groups = directions_alike(units, tolerance, oriented=False)
    sizes = f.output_norms * f.neuron_norms
    planes, offsets, jumps, slack = [], [], [], 0.0
    for group in groups:
        members = index[group]
        leader = max(group, key=lambda i: float(sizes[index[i]]))
        normal = f.weights[index[leader]]
        length = float(row_norms(normal[None, :])[0])
        sign = _orientation(normal / length, tolerance)
        aligned = np.sign(units[group] @ units[leader]) * sign
        affine[members[aligned < 0]] = True
        gaps = np.linalg.norm(units[group] * (aligned * sign)[:, None] - units[leader], axis=1)
        slack += float(np.sum(sizes[members] * gaps)) * np.sqrt(2) * f.radius
        ratio = f.neuron_norms[members] / f.neuron_norms[index[leader]] * length
        jump = ratio @ outputs[members]
        if np.linalg.norm(jump) > tolerance * float(ratio @ f.output_norms[members]):
            planes.append(sign * normal / length)
            offsets.append(sign * f.biases[index[leader]] / length)
            jumps.append(jump)
        else:
            slack += float(np.linalg.norm(jump)) * (f.radius + abs(f.biases[index[leader]]) / length)
    order = sorted(range(len(planes)), key=lambda k: (*planes[k].tolist(), offsets[k]))
    form = CanonicalForm(
        f.weights[affine].T @ outputs[affine],
        f.biases[affine] @ outputs[affine],
        np.array([planes[k] for k in order]).reshape(-1, f.dimension),
        np.array([offsets[k] for k in order]),
        np.array([jumps[k] for k in order]).reshape(-1, outputs.shape[1]),
    )
    return form, slack


def _cutting(f: ShallowNetwork, radius: float | None) -> npt.NDArray[np.bool_]:
    """Which neurons switch somewhere: in the whole space, or in the open ball."""
    moving: npt.NDArray[np.bool_] = np.any(f.weights != 0, axis=1)
    if radius is None:
        return moving
    rows = zip(f.weights, f.biases, moving, strict=True)
    return np.array([bool(m) and bias_beyond(w, b, radius) < 0 for w, b, m in rows], dtype=bool)


def _orientation(unit: FloatArray, tolerance: float) -> float:
    """Sign of the first coordinate of a unit vector that is not rounding."""
    return float(np.sign(unit[np.argmax(np.abs(unit) > min(tolerance, 0.5 / len(unit)))]))


def _size(form: CanonicalForm, radius: float) -> float:
    """A bound on the Euclidean norm of the outputs where `|x| <= radius`."""
    kinks = row_norms(form.jumps) @ (radius + np.abs(form.offsets)) if len(form.jumps) else 0.0
    return float(np.linalg.norm(form.slope) * radius + np.linalg.norm(form.intercept) + kinks)


def _witness(
    difference: ShallowNetwork, form: CanonicalForm, radius: float | None, *, exact: bool
) -> tuple[FloatArray | None, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        points = np.array(list(_probes(form, difference.radius, inside=radius is not None)))
    probes = points[np.isfinite(points).all(axis=1)]
    with np.errstate(over="ignore", invalid="ignore"):
        gaps = np.max(np.abs(difference(probes).reshape(len(probes), -1)), axis=1)
    gaps = np.where(np.isnan(gaps), np.inf, gaps)
    order = np.argsort(-gaps, kind="stable")
    if not exact:
        best = order[0]
        return (probes[best], float(gaps[best])) if gaps[best] > 0 else (None, 0.0)
    for i in order:  # the float gap only ranks the points; what is reported is exact
        gap = _exact_gap(difference, probes[i])
        if gap > 0:
            return probes[i], gap
    return None, 0.0


def _probes(form: CanonicalForm, radius: float, *, inside: bool) -> Iterator[FloatArray]:
    """Points of the ball, then points on both sides of the hyperplanes with the largest jumps.

    The gradient jumps there, so the function cannot vanish in both cells that meet.
    """
    rng = np.random.default_rng(0)
    normals = _floats(form.directions)
    lengths = row_norms(normals)
    normals = normals / lengths[:, None]
    offsets = _floats(form.offsets) / lengths
    jumps = row_norms(_floats(form.jumps)) * lengths
    dimension = form.slope.shape[0]
    for _ in range(16):
        x = rng.normal(size=dimension)
        yield x * (0.99 * radius * rng.uniform() ** (1 / dimension) / np.linalg.norm(x))
    for k in np.argsort(-jumps, kind="stable")[:16]:
        others = np.arange(len(jumps)) != k
        for attempt in range(8):
            foot = -offsets[k] * normals[k]
            half_chord = np.sqrt(max(radius**2 - offsets[k] ** 2, 0.0)) if inside else radius
            tangent = rng.normal(size=dimension)
            tangent -= (tangent @ normals[k]) * normals[k]
            if dimension > 1:
                foot = foot + tangent * (half_chord * rng.uniform() / np.linalg.norm(tangent))
            distances = np.abs(normals[others] @ foot + offsets[others])
            free = min(radius, *distances) if distances.size else radius
            free = min(free, radius - float(np.linalg.norm(foot))) if inside else free
            step = 0.9 * free / 2 ** (attempt // 2)
            yield from (foot, foot + step * normals[k], foot - step * normals[k])


def _exact_gap(difference: ShallowNetwork, x: FloatArray) -> float:
    point = [Fraction(float(c)) for c in x]
    outputs = _columns(difference)
    total = [Fraction(0)] * outputs.shape[1]
    for w, b, eta in zip(difference.weights, difference.biases, outputs, strict=True):
        z = sum((Fraction(float(c)) * p for c, p in zip(w, point, strict=True)), Fraction(float(b)))
        if z > 0:
            total = [t + Fraction(float(e)) * z for t, e in zip(total, eta, strict=True)]
    largest = max(abs(t) for t in total)
    return max(_near(largest), 5e-324) if largest else 0.0


def _near(value: Any) -> float:
    """The nearest float; the largest one for a rational beyond it."""
    try:
        return float(value)
    except OverflowError:
        return float(np.finfo(np.float64).max) * (1 if value > 0 else -1)


def _floats(values: Exact) -> FloatArray:
    return np.array([_near(v) for v in values.ravel()]).reshape(values.shape)


def _columns(f: ShallowNetwork) -> FloatArray:
    return f.outputs[:, None] if f.outputs.ndim == 1 else f.outputs


def _objects(rows: Any, shape: tuple[int, int]) -> Exact:
    array = np.empty(shape, dtype=object)
    for i, row in enumerate(rows):
        array[i, :] = row
    return array


def _scalar(form: CanonicalForm) -> CanonicalForm:
    return CanonicalForm(form.slope[:, 0], form.intercept[0], form.directions, form.offsets, form.jumps[:, 0])
