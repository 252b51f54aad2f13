"""What the positive homogeneity of ReLU allows: other parameters, the same function."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork, positive_scale, row_norms

__all__ = [
    "balance",
    "directions_alike",
    "merge",
    "normalize",
    "path_norm",
    "prune",
    "rescale",
    "weight_decay",
]


@names_arguments
def path_norm(f: ShallowNetwork) -> float:
    """`Σ_j |η_j| ν_j`, unchanged by `rescale`.

    Example:
        >>> path_norm(ShallowNetwork([[3.0]], [4.0], [2.0]))
        10.0
    """
    return f.path_norm


@names_arguments
def weight_decay(f: ShallowNetwork) -> float:
    """`Σ_j |η_j|² + |w_j|² + b_j² / R²`, twice the path norm exactly when `f` is balanced.

    Example:
        >>> weight_decay(ShallowNetwork([[3.0]], [4.0], [2.0]))
        29.0
    """
    return f.weight_decay


@names_arguments
def rescale(f: ShallowNetwork, alpha: npt.ArrayLike) -> ShallowNetwork:
    """Divide neuron j by `alpha[j] > 0` and multiply its output weight by it: the same function.

    Args:
        alpha: One factor for each neuron, shape (m,), or one for all.

    Raises:
        DataError: If a factor is not a positive finite number (a negative one would turn the ReLU
            into `min(z, 0)`, another function), or if a parameter overflows.

    Example:
        >>> rescale(ShallowNetwork([[4.0]], [2.0], [1.0]), 2.0).weights.tolist()
        [[2.0]]
    """
    factors = np.asarray(alpha, dtype=np.float64)
    if factors.shape not in {(), (f.width,)}:
        raise DataError(
            f"rescale: alpha has shape {factors.shape}\n  fix: give one factor, or one for each of {f.width} neurons"
        )
    if not (np.isfinite(factors).all() and (factors > 0).all()):
        raise DataError(
            "rescale: ReLU commutes with positive factors alone\n  fix: use positive and finite factors alpha"
        )
    return _rescaled(f, np.broadcast_to(factors, (f.width,)))


@names_arguments
def normalize(f: ShallowNetwork) -> ShallowNetwork:
    """The same function with every `ν_j = 1`, so that the path norm is the l1 norm of the outputs.

    Neurons that are identically zero (`ν_j = 0`, `η_j = 0`, or `w_j = 0` with `b_j <= 0`) go.

    Example:
        >>> g = normalize(ShallowNetwork([[3.0]], [4.0], [2.0]))
        >>> g.weights.tolist(), g.biases.tolist(), g.outputs.tolist()
        ([[0.6]], [0.8], [10.0])
    """
    kept = prune(f)
    return _rescaled(kept, kept.neuron_norms)


@names_arguments
def balance(f: ShallowNetwork) -> ShallowNetwork:
    """The same function with `|η_j| = ν_j`: the least weight decay among its rescalings.

    Example:
        >>> g = balance(ShallowNetwork([[8.0]], [0.0], [2.0]))
        >>> g.weights.tolist(), g.outputs.tolist(), g.weight_decay, g.path_norm
        ([[4.0]], [4.0], 32.0, 16.0)

    Source: B. Neyshabur, R. Tomioka, N. Srebro, *In search of the real inductive bias*, 2015.
    """
    kept = prune(f)
    # Roots first: the product |eta| nu of two representable numbers may overflow.
    return _rescaled(kept, np.sqrt(kept.neuron_norms) / np.sqrt(kept.output_norms))


@names_arguments
def prune(f: ShallowNetwork, radius: float | None = None) -> ShallowNetwork:
    """Drop the neurons that contribute nothing, on the whole space or where `|x| <= radius`.

    On the ball a neuron is identically zero exactly when `b + radius |w| <= 0`; near equality this is
    decided in rational arithmetic.

    Example:
        >>> f = ShallowNetwork([[1.0], [1.0]], [0.0, -2.0], [1.0, 1.0])
        >>> prune(f).width, prune(f, radius=2.0).width
        (2, 1)
    """
    still = np.all(f.weights == 0, axis=1)
    alive = (f.output_norms > 0) & ~(still & (f.biases <= 0))
    if radius is not None:
        positive_scale(radius, "prune: radius")
        inside = np.array([bias_beyond(w, b, radius) < 0 for w, b in zip(f.weights, f.biases, strict=True)], bool)
        alive &= (f.biases > 0) | inside
    return _subset(f, alive)


@names_arguments
def merge(f: ShallowNetwork, tolerance: float = 1e-12) -> ShallowNetwork:
    """Replace the neurons that share a direction `(w, b)` up to a positive factor by one of them.

    Opposite neurons stay apart (their difference is affine: see `canonical`). The path norm never
    grows by more than rounding, and falls where outputs cancel.

    Args:
        tolerance: Largest distance between two unit neurons `v / |v|` that count as one direction; 0
            asks for exact proportionality, decided in rational arithmetic.

    Example:
        >>> merge(ShallowNetwork([[1.0], [2.0]], [1.0, 2.0], [1.0, -0.25])).outputs.tolist()
        [0.25]
    """
    kept = prune(f)
    norms = kept.neuron_norms
    groups = _proportional(kept) if tolerance == 0 else directions_alike(kept.neurons / norms[:, None], tolerance)
    leaders = [max(group, key=lambda j: float(norms[j])) for group in groups]
    outputs = np.zeros((len(groups), *kept.outputs.shape[1:]))
    for k, (group, leader) in enumerate(zip(groups, leaders, strict=True)):
        outputs[k] = (kept.outputs[group].T * (norms[group] / norms[leader])).T.sum(axis=0)
    merged = ShallowNetwork(kept.weights[leaders], kept.biases[leaders], outputs, kept.radius)
    return prune(merged)


def bias_beyond(w: FloatArray, b: float, radius: float) -> int:
    """Sign of `|b| - radius |w|`: negative when the neuron's hyperplane cuts the open ball; exact.

    Example:
        >>> bias_beyond(np.array([3.0, 4.0]), -5.0, radius=1.0)
        0
    """
    reach = radius * float(row_norms(w[None, :])[0])
    if abs(abs(b) - reach) > 1e-9 * reach:  # far beyond the rounding error of a norm
        return 1 if abs(b) > reach else -1
    difference = Fraction(b) ** 2 - Fraction(radius) ** 2 * sum(Fraction(float(c)) ** 2 for c in w)
    return (difference > 0) - (difference < 0)


def directions_alike(units: FloatArray, tolerance: float, *, oriented: bool = True) -> list[list[int]]:
    """Group unit rows (m, k) closer than `tolerance` to a group's first row, up to sign unless `oriented`.

    Rows are first sorted along one fixed direction, so that only neighbors are compared: two rows
    closer than the tolerance are also closer along it, and no pair is split by a rounding boundary.

    Example:
        >>> directions_alike(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), 1e-9, oriented=False)
        [[0, 2], [1]]
    """
    if not len(units):
        return []
    axis = np.cos(1.0 + np.arange(units.shape[1]) ** 2)
    keys = units @ (axis / np.linalg.norm(axis))
    keys = keys if oriented else np.abs(keys)
    order = np.argsort(keys, kind="stable")
    # The factor covers the rounding of the keys themselves.
    runs = np.split(order, np.flatnonzero(np.diff(keys[order]) > tolerance * (1 + 1e-6) + 1e-15) + 1)
    groups: list[list[int]] = []
    for run in runs:
        rest = np.sort(run)
        while rest.size:
            gaps = np.linalg.norm(units[rest] - units[rest[0]], axis=1)
            if not oriented:
                gaps = np.minimum(gaps, np.linalg.norm(units[rest] + units[rest[0]], axis=1))
            groups.append(rest[gaps <= tolerance].tolist())
            rest = rest[gaps > tolerance]
    return sorted(groups)


def _proportional(f: ShallowNetwork) -> list[list[int]]:
    groups: dict[tuple[Fraction, ...], list[int]] = {}
    for j, (w, b) in enumerate(zip(f.weights, f.biases, strict=True)):
        row = [Fraction(float(c)) for c in (*w, b)]
        size = abs(next(c for c in row if c))
        groups.setdefault(tuple(c / size for c in row), []).append(j)
    return list(groups.values())


def _rescaled(f: ShallowNetwork, alpha: FloatArray) -> ShallowNetwork:
    with np.errstate(over="ignore"):  # an overflow becomes inf, which the constructor names
        outputs = (f.outputs.T * alpha).T
        return ShallowNetwork(f.weights / alpha[:, None], f.biases / alpha, outputs, f.radius)


def _subset(f: ShallowNetwork, kept: npt.NDArray[np.bool_]) -> ShallowNetwork:
    return ShallowNetwork(f.weights[kept], f.biases[kept], f.outputs[kept], f.radius)
