"""Norms of piecewise-affine functions: the least path norm of the networks that represent them."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from scipy.optimize import linprog

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.shallow.shallow_network import FloatArray
from reseau.theory.univariate.pieces import PWL

__all__ = ["NormKind", "Turns", "always_active", "best_turns", "scale_of", "variation_norm"]

NormKind = Literal["penalized", "free", "free+skip"]


@names_arguments
def variation_norm(pwl: PWL, radius: float | None = None, kind: NormKind = "penalized") -> float:
    """Least norm of the one-hidden-layer ReLU networks, of any width, equal to `pwl` on its domain.

    - `"penalized"`: `Σ |η| √(w² + b² / R²)`, the penalty of the class `F_D`.
    - `"free"`: `Σ |η| |w|`, biases cost nothing; then constants cost nothing either.
    - `"free+skip"`: the same with a free affine term, hence the total variation of the slope.

    Args:
        pwl: The function; its domain is where the network must agree with it.
        radius: `R`, in the unit of the inputs; by default the largest `|x|` of the domain.
        kind: One of the three penalties.

    Raises:
        DataError: If `radius` is not positive or `kind` is not known.

    Example:
        >>> tent = PWL((0.0,), (1.0, -1.0), (0.0, 1.0), (-1.0, 1.0))
        >>> variation_norm(tent, kind="free+skip"), variation_norm(tent, kind="free")
        (2.0, 2.0)

    Source: docs/theory/univariate.md, section 6; P. Savarese et al., *How do infinite width bounded norm networks
        look in function space?* (the whole line, free biases); E. Boursier and N. Flammarion, 2023
        (penalized biases).
    """
    jumps = [float(g) for g in pwl.jumps]
    total = math.fsum(abs(g) for g in jumps)
    if kind == "free+skip":
        return total
    if kind == "free":
        # A kink outside the domain is an affine function inside it: only its slope is paid for.
        ends = abs(Fraction(pwl.slopes[0]) + Fraction(pwl.slopes[-1]))
        return max(total, (total + float(ends)) / 2)
    if kind != "penalized":
        raise DataError(f"variation_norm: kind {kind!r} is unknown\n  fix: use 'penalized', 'free' or 'free+skip'")
    scale = scale_of(pwl, radius)
    bends = math.fsum(abs(g) * math.hypot(1.0, float(a) / scale) for g, a in zip(jumps, pwl.knots, strict=True))
    return bends + best_turns(pwl, scale).cost


@dataclass(frozen=True)
class Turns:
    """How a network of least norm turns its neurons.

    Attributes:
        left: For each kink the share, in [0, 1], of its jump carried by a left-facing neuron.
        cost: Norm of the affine term that this choice leaves, with the penalized biases.
    """

    left: FloatArray
    cost: float


def best_turns(pwl: PWL, radius: float) -> Turns:
    """Choose the orientations that leave the affine term of least norm.

    A jump `g` at `a` is `g (x - a)_+` or `g (a - x)_+ + g (x - a)`: turning a share `tau` to the left
    leaves `tau g (x - a)`. The leftovers form a zonogon of the plane of affine functions, the norm is
    a support function, and the minimum over the one of the other is found on its dual: a maximum over
    the finitely many directions where either of them changes.

    Source: docs/theory/univariate.md, section 6 (a); the dual search is exact, in O(K^2) for K kinks.
    """
    low, slope = Fraction(pwl.domain[0]), Fraction(pwl.slopes[0])
    start = np.array([float(slope), float(pwl.at(low) - slope * low) / radius])  # (p, q / R) of piece 0
    jumps = np.array([float(g) for g in pwl.jumps])
    knots = np.array([float(a) for a in pwl.knots])
    sides = jumps[:, None] * np.column_stack([np.ones_like(knots), -knots / radius])  # (K, 2)
    direction = _dual_maximum(start, sides, always_active(pwl, radius))
    if direction is None:
        return Turns(_reach(start, sides), 0.0)
    scores = sides @ direction
    small = 1e-12 * np.abs(sides) @ np.abs(direction)
    left = np.where(scores < -small, 1.0, 0.0)
    for k in np.flatnonzero(np.abs(scores) <= small):  # at most one kink is undecided by the direction
        left[k] = _line_minimum(start + left @ sides - left[k] * sides[k], sides[k], pwl, radius)
    return Turns(left, affine_cost(start + left @ sides, always_active(pwl, radius)))


def always_active(pwl: PWL, radius: float) -> FloatArray:
    """Unit vectors `(w, b / R)` bounding the neurons active on the whole domain, shape (2, 2).

    The first kinks at the left end and looks right, the second kinks at the right end and looks left.
    """
    low, high = float(pwl.domain[0]) / radius, float(pwl.domain[1]) / radius
    ends = np.array([[1.0, -low], [-1.0, high]])
    unit: FloatArray = ends / np.linalg.norm(ends, axis=1, keepdims=True)
    return unit


def affine_cost(affine: FloatArray, ends: FloatArray) -> float:
    """Norm of `p x + q`, given as `(p, q / R)`, written with neurons that are always active."""
    shares = np.linalg.solve(ends.T, affine)
    if shares[0] * shares[1] >= 0:
        return float(np.linalg.norm(affine))  # one neuron, of one sign, does it
    return float(np.abs(shares).sum())


def scale_of(pwl: PWL, radius: float | None) -> float:
    """`R`, checked; by default the largest `|x|` of the domain."""
    scale = max(abs(float(t)) for t in pwl.domain) if radius is None else float(radius)
    if not (math.isfinite(scale) and scale > 0):
        raise DataError(f"radius: must be a positive finite number, not {radius!r}\n  fix: use the scale of the inputs")
    return scale


def _dual_maximum(start: FloatArray, sides: FloatArray, ends: FloatArray) -> FloatArray | None:
    """Maximize `z · start + sum min(0, z · side_k)` over the polar of the arc; None when it is at 0."""

    def value(z: FloatArray) -> FloatArray:
        result: FloatArray = z @ start + np.minimum(z @ sides.T, 0.0).sum(axis=1)
        return result

    corners = np.linalg.solve(ends * np.array([[1.0], [-1.0]]), np.ones(2))  # z.u1 = 1 and z.u2 = -1
    turns = np.column_stack([-sides[:, 1], sides[:, 0]])
    rays = np.concatenate([corners[None], -corners[None], ends, -ends, turns, -turns])
    angles = np.sort(np.arctan2(rays[:, 1], rays[:, 0]))
    middles = (angles + np.append(angles[1:], angles[0] + 2 * np.pi)) / 2
    centers = np.column_stack([np.cos(middles), np.sin(middles)])
    # Between two rays the objective is linear: its gradient is the only other candidate there.
    gradients = start + (centers @ sides.T < 0) @ sides
    candidates = np.concatenate([rays, gradients])
    candidates = candidates[np.linalg.norm(candidates, axis=1) > 0]
    candidates = candidates / _gauge(candidates, ends)[:, None]
    values = value(candidates)
    best = int(np.argmax(values))
    if values[best] <= 1e-14 * (np.abs(start).sum() + np.abs(sides).sum()):
        return None
    highest: FloatArray = candidates[best]
    return highest


def _gauge(z: FloatArray, ends: FloatArray) -> FloatArray:
    """`max |z · u|` over the arc between the two ends: 1 on the boundary of the polar."""
    shares = np.linalg.solve(ends.T, z.T)
    inside = shares[0] * shares[1] >= 0
    gauge: FloatArray = np.where(inside, np.linalg.norm(z, axis=1), np.abs(z @ ends.T).max(axis=1))
    return gauge


def _line_minimum(base: FloatArray, side: FloatArray, pwl: PWL, radius: float) -> float:
    """The share in [0, 1] of `side` that, added to `base`, leaves the affine term of least norm."""
    ends = always_active(pwl, radius)
    shares, slopes = np.linalg.solve(ends.T, base), np.linalg.solve(ends.T, side)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = -shares / slopes
    marks = [0.0, 1.0, *crossings, -float(base @ side) / float(side @ side)]
    inside = [t for t in marks if 0 <= t <= 1]
    return float(min(inside, key=lambda t: affine_cost(base + t * side, ends)))


def _reach(start: FloatArray, sides: FloatArray) -> FloatArray:
    """Shares in [0, 1] that leave nothing: `start + shares @ sides = 0`; at most two are not 0 or 1."""
    if not len(sides):
        return np.zeros(0)
    found = linprog(np.zeros(len(sides)), A_eq=sides.T, b_eq=-start, bounds=(0, 1), method="highs")
    if found.x is None:  # zero is on the edge of the zonogon, up to rounding: take the nearest point
        slack = np.concatenate([np.zeros(len(sides)), np.ones(4)])
        rows = np.column_stack([sides.T, np.eye(2), -np.eye(2)])
        bounds = [(0, 1)] * len(sides) + [(0, None)] * 4
        found = linprog(slack, A_eq=rows, b_eq=-start, bounds=bounds, method="highs")
    return np.clip(np.asarray(found.x[: len(sides)], dtype=np.float64), 0.0, 1.0)
