"""Losses: operations from scores and targets to one number an example, with the constants the theory needs.

Scores are what the network returns, `(batch, C)`; a loss of one score also accepts `(batch,)` and sums over the
coordinates of several. Constants hold where each coordinate has `|u_c| <= output_bound` and `|y_c| <= target_bound`.
"""

from abc import abstractmethod
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import DataError, ShapeError
from reseau.ops.base import Op, Shape, show_shape

__all__ = [
    "AbsoluteError",
    "Constants",
    "CrossEntropy",
    "Hinge",
    "Huber",
    "Logistic",
    "Loss",
    "MeanOverMembers",
    "Poisson",
    "Ramp",
    "SmoothedCrossEntropy",
    "SquaredError",
]


@dataclass(frozen=True)
class Constants:
    """What the theory asks of a loss: `|l(u) - l(v)| <= lipschitz ‖u - v‖₂`, and so on; `inf` where there is none."""

    lipschitz: float
    smoothness: float
    low: float
    high: float


class Loss(Op):
    """An operation `(scores, targets) -> (batch,)`. Targets have no derivative."""

    target_dtype = "float"

    @abstractmethod
    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        """Constants over scores of norm at most `output_bound` in `dimension` coordinates."""

    @property
    def lipschitz(self) -> float:
        """Lipschitz constant in one score, over all scores and targets."""
        return self.constants().lipschitz

    @property
    def smoothness(self) -> float:
        """Lipschitz constant of the derivative in one score, over all scores and targets."""
        return self.constants().smoothness

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value, over all scores and targets."""
        return self.constants().low, self.constants().high

    def target_shape(self, scores: Shape) -> Shape:
        """Shape of the targets that go with scores of this shape."""
        return scores

    def shape(self, scores: Shape, targets: Shape) -> Shape:
        if targets != self.target_shape(scores):
            raise ShapeError(
                f"scores {show_shape(scores)} want targets {show_shape(self.target_shape(scores))}, "
                f"got {show_shape(targets)}\n  fix: give one target for each score"
            )
        return scores[:1]

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        """Raise `DataError` where the targets are outside the loss's domain."""

    def correct(self, scores: Array, targets: Array) -> Array | None:
        """1 where the decision that the score stands for is right, else 0; `None` where nothing is decided."""
        return None


def over_coordinates(x: Array) -> Array:
    """Sum over all axes but the batch."""
    return x.sum(axis=tuple(range(1, x.ndim)))


def along(g: Array, x: Array) -> Array:
    """The cotangent of each example, repeated over the coordinates of `x`."""
    return g.reshape(g.shape + (1,) * (x.ndim - 1))


@dataclass(frozen=True)
class SquaredError(Loss):
    """Half the squared distance, `½ ‖u - y‖²`, so that its derivative is `u - y` (as in scikit-learn's MLP)."""

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        reach = sqrt(dimension) * (output_bound + target_bound)
        return Constants(reach, 1.0, 0.0, reach**2 / 2)

    def forward(self, scores: Array, targets: Array) -> Array:
        return 0.5 * over_coordinates((scores - targets) ** 2)

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return along(g, scores) * (scores - targets), None


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """`Σ |u - y|`. Where a coordinate of `u - y` is zero, `backward` takes the subgradient 0."""

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        return Constants(sqrt(dimension), inf, 0.0, dimension * (output_bound + target_bound))

    def forward(self, scores: Array, targets: Array) -> Array:
        return over_coordinates(jnp.abs(scores - targets))

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return along(g, scores) * jnp.sign(scores - targets), None


@dataclass(frozen=True)
class Huber(Loss):
    """`½ e²` where `|e| <= width`, else `width |e| - ½ width²`, for `e = u - y`, summed over coordinates.

    Source: P. Huber, *Robust Estimation of a Location Parameter*, 1964.
    """

    width: float = 1.0

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise DataError(f"the width of Huber's loss must be positive, got {self.width}")

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        reach = output_bound + target_bound
        inside = min(reach, self.width)
        return Constants(sqrt(dimension) * inside, 1.0, 0.0, dimension * inside * (reach - inside / 2))

    def forward(self, scores: Array, targets: Array) -> Array:
        e = jnp.abs(scores - targets)
        inside = jnp.minimum(e, self.width)
        return over_coordinates(inside * (e - 0.5 * inside))

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return along(g, scores) * jnp.clip(scores - targets, -self.width, self.width), None


class SignLoss(Loss):
    """A loss of one score whose target is a side, -1 or +1."""

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        seen = np.unique(targets)
        if not np.isin(seen, (-1, 1)).all():
            raise DataError(
                f"{type(self).__name__} wants targets -1 and +1, got {', '.join(f'{v:g}' for v in seen[:6])}\n"
                "  fix: for targets 0 and 1 give 2 * y - 1; for several classes use losses.CrossEntropy()"
            )

    def correct(self, scores: Array, targets: Array) -> Array:
        return jnp.mean(scores * targets > 0, axis=tuple(range(1, scores.ndim)), dtype=scores.dtype)


@dataclass(frozen=True)
class Logistic(SignLoss):
    """`log(1 + exp(-y u))` in nats, for a target `y` in {-1, +1}."""

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        high = output_bound + log1pexp(-output_bound) if output_bound < inf else inf
        return Constants(sqrt(dimension), 0.25, dimension * log1pexp(-output_bound), dimension * high)

    def forward(self, scores: Array, targets: Array) -> Array:
        z = -targets * scores
        return over_coordinates(jnp.logaddexp(z, jnp.zeros_like(z)))

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return -along(g, scores) * targets * jax.nn.sigmoid(-targets * scores), None


@dataclass(frozen=True)
class Hinge(SignLoss):
    """`max(0, 1 - y u)` for a target `y` in {-1, +1}. At the kink `y u = 1`, `backward` takes the subgradient 0."""

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        return Constants(sqrt(dimension), inf, 0.0, dimension * (1 + output_bound))

    def forward(self, scores: Array, targets: Array) -> Array:
        return over_coordinates(jnp.maximum(1 - targets * scores, 0))

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return jnp.where(targets * scores < 1, -along(g, scores) * targets, 0), None


@dataclass(frozen=True)
class Ramp(SignLoss):
    """`min(1, max(0, 1 - y u / margin))`, above the 0-1 error and in [0, 1]. At both kinks `backward` takes 0."""

    margin: float = 1.0

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise DataError(f"the margin of the ramp loss must be positive, got {self.margin}")

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        return Constants(sqrt(dimension) / self.margin, inf, 0.0, float(dimension))

    def forward(self, scores: Array, targets: Array) -> Array:
        return over_coordinates(jnp.clip(1 - targets * scores / self.margin, 0, 1))

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        z = targets * scores
        sloping = (z > 0) & (z < self.margin)
        return jnp.where(sloping, -along(g, scores) * targets / self.margin, 0), None


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """`log Σ_c exp(u_c) - u_y` in nats, for scores `(batch, C)` and a class `y` in 0 … C - 1.

    The scores are logits: no softmax stands between the last affine map and this loss.
    """

    target_dtype = "int32"

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 2) -> Constants:
        gap = 2 * output_bound + log(max(dimension - 1, 1))  # the largest loss is log(1 + (C - 1) exp(2 U))
        return Constants(sqrt(2), 0.5, 0.0, gap + log1pexp(-gap) if gap < inf else inf)

    def target_shape(self, scores: Shape) -> Shape:
        if len(scores) != 2 or scores[1] == 1:
            raise ShapeError(
                f"cross-entropy reads one score a class, (batch, classes), got {show_shape(scores)}\n"
                "  fix: end the network with affine(h, classes), or use losses.Logistic() with one score"
            )
        return scores[:1]

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        classes = scores[1]
        if targets.dtype.kind == "f" and (targets != np.floor(targets)).any():
            raise DataError("CrossEntropy wants whole-number classes, got fractions\n  fix: give labels 0 … C - 1")
        if targets.size and isinstance(classes, int) and (targets.min() < 0 or targets.max() >= classes):
            raise DataError(
                f"CrossEntropy over {classes} scores wants classes 0 … {classes - 1}, "
                f"got labels from {targets.min():g} to {targets.max():g}\n"
                "  fix: number the classes from 0 (np.unique(y, return_inverse=True)), or widen the last layer"
            )

    def forward(self, scores: Array, targets: Array) -> Array:
        shifted = scores - scores.max(axis=1, keepdims=True)
        own = jnp.sum(jnp.where(self._own(scores, targets), shifted, 0), axis=1)
        return jnp.log(jnp.sum(jnp.exp(shifted), axis=1)) - own

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return g[:, None] * (jax.nn.softmax(scores, axis=1) - self._own(scores, targets).astype(scores.dtype)), None

    def _own(self, scores: Array, targets: Array) -> Array:
        # a comparison, not an index: gathers and scatters are slow on every backend at these sizes
        return targets[:, None] == jnp.arange(scores.shape[1], dtype=targets.dtype)

    def correct(self, scores: Array, targets: Array) -> Array:
        return (jnp.argmax(scores, axis=1) == targets).astype(scores.dtype)


@dataclass(frozen=True)
class SmoothedCrossEntropy(Loss):
    """Cross-entropy with the smoothed target: `1 - smoothing` for the class, plus `smoothing / C` for every class.

    Source: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, *Rethinking the Inception Architecture*, 2016, section 7.
    """

    smoothing: float = 0.1

    target_dtype = "int32"

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing < 1:
            raise DataError(f"the smoothing of labels is a share in [0, 1), got {self.smoothing}")

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 2) -> Constants:
        if not self.smoothing:
            return CrossEntropy().constants(output_bound, target_bound, dimension)
        other = self.smoothing / dimension
        own, others = 1 - self.smoothing + other, dimension - 1
        lipschitz = sqrt((1 - other) ** 2 + own**2 + max(others - 1, 0) * other**2)
        gap = min(log(own / other), 2 * output_bound)  # the loss is convex and alike in the other scores
        low = log(exp(gap) + others) - own * gap
        # and it is largest at a corner: the own score and some of the others low, the rest high
        fall = exp(-2 * output_bound)
        corners = [(log(dimension - k + k * fall), own + (k - 1) * other) for k in range(1, dimension)]
        high = max(c + 2 * output_bound * q for c, q in corners)
        return Constants(lipschitz, 0.5, low, high)

    def target_shape(self, scores: Shape) -> Shape:
        return CrossEntropy().target_shape(scores)

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        CrossEntropy().check(targets, scores)

    def forward(self, scores: Array, targets: Array) -> Array:
        shifted = scores - scores.max(axis=1, keepdims=True)
        wanted = jnp.sum(self._target(scores, targets) * shifted, axis=1)
        return jnp.log(jnp.sum(jnp.exp(shifted), axis=1)) - wanted

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return g[:, None] * (jax.nn.softmax(scores, axis=1) - self._target(scores, targets)), None

    def _target(self, scores: Array, targets: Array) -> Array:
        own = targets[:, None] == jnp.arange(scores.shape[1], dtype=targets.dtype)
        return (1 - self.smoothing) * own.astype(scores.dtype) + self.smoothing / scores.shape[1]

    def correct(self, scores: Array, targets: Array) -> Array:
        return CrossEntropy().correct(scores, targets)


@dataclass(frozen=True)
class MeanOverMembers(Loss):
    """`loss` of each member's scores, averaged over the members: scores (batch, k, ...), one target for all of them.

    Each member then learns the task itself; a loss of their mean would not keep them apart.
    """

    loss: Loss

    def __post_init__(self) -> None:
        if not isinstance(self.loss, Loss) or isinstance(self.loss, MeanOverMembers):
            raise DataError(f"MeanOverMembers holds a loss, got {self.loss!r}\n  fix: MeanOverMembers(CrossEntropy())")

    @property
    def target_dtype(self) -> str:  # type: ignore[override]
        """That of the loss."""
        return self.loss.target_dtype

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        return self.loss.constants(output_bound, target_bound, dimension)

    def target_shape(self, scores: Shape) -> Shape:
        if len(scores) != 3:
            raise ShapeError(
                f"members have scores (batch, members, scores), got {show_shape(scores)}\n"
                "  fix: end the network with separate_affine(h, scores)"
            )
        return self.loss.target_shape((scores[0], *scores[2:]))

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        self.loss.check(targets, (scores[0], *scores[2:]))

    def forward(self, scores: Array, targets: Array) -> Array:
        each: Any = jax.vmap(lambda u: self.loss.forward(u, targets), in_axes=1, out_axes=1)
        return jnp.mean(each(scores), axis=1)

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        _, pull = jax.vjp(lambda u: self.forward(u, targets), scores)
        return pull(g)[0], None

    def correct(self, scores: Array, targets: Array) -> Array | None:
        return self.loss.correct(jnp.mean(scores, axis=1), targets)


@dataclass(frozen=True)
class Poisson(Loss):
    """`exp(u) - y u` for a count `y >= 0` whose mean is `exp(u)`: the negative log-likelihood less `log y!`."""

    def constants(self, output_bound: float = inf, target_bound: float = inf, dimension: int = 1) -> Constants:
        top = exp(output_bound) if output_bound < 700 else inf
        slope = sqrt(dimension) * max(top, target_bound)
        high = dimension * max(top, exp(-output_bound) + target_bound * output_bound)
        return Constants(slope, top, dimension * _poisson_floor(output_bound, target_bound), high)

    def check(self, targets: np.ndarray, scores: Shape) -> None:
        if targets.size and targets.min() < 0:
            raise DataError(f"Poisson wants counts, got the target {targets.min():g}\n  fix: counts start at 0")

    def forward(self, scores: Array, targets: Array) -> Array:
        return over_coordinates(jnp.exp(scores) - targets * scores)

    def backward(self, g: Array, y: Array, scores: Array, targets: Array) -> tuple[Array, None]:
        return along(g, scores) * (jnp.exp(scores) - targets), None


def _poisson_floor(output_bound: float, target_bound: float) -> float:
    """Least value of `exp(u) - y u` over `|u| <= output_bound`, `0 <= y <= target_bound`."""
    if target_bound == 0:
        return exp(-output_bound)
    if target_bound == inf:
        return -inf
    best = min(output_bound, max(log(target_bound), -output_bound))
    return min(exp(best) - target_bound * best, exp(-output_bound))


def log1pexp(z: float) -> float:
    """`log(1 + exp(z))` for `z <= 0`, without overflow."""
    return float(np.log1p(np.exp(z)))
