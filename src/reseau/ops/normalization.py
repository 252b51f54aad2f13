"""Normalization by statistics of the batch or of the features."""

from dataclasses import dataclass
from math import prod

import jax
import jax.numpy as jnp
from jax import Array

from reseau.errors import GraphError, ShapeError
from reseau.named_arguments import names_arguments
from reseau.ops.base import Op, Shape, show_shape
from reseau.ops.lengths import unlike
from reseau.ops.sums import sum_over_places

__all__ = ["BatchMean", "BatchNorm", "BatchVariance", "LayerNorm"]


@names_arguments
@dataclass(frozen=True)
class BatchNorm(Op):
    """`y = scale (x - mean) / √(variance + epsilon) + shift`, one of each for every entry of the last axis.

    `mean` and `variance` are inputs. A graph for inference reads the running statistics there; a training graph
    reads `BatchMean` and `BatchVariance`, through which the derivative then flows, and moves
    `running ← momentum running + (1 - momentum) batch`; `momentum` is used nowhere else.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> one, mean, variance = jnp.ones(1), jnp.array([2.0]), jnp.array([4.0])
        >>> print(rs.ops.BatchNorm().forward(jnp.array([[2.0], [6.0]]), one, 0 * one, mean, variance).round(4))
        [[0.]
         [2.]]

    Source: Ioffe and Szegedy, *Batch Normalization*, 2015, algorithm 1.
    """

    epsilon: float = 1e-5
    momentum: float = 0.9

    def __post_init__(self) -> None:
        if not self.epsilon > 0 or not 0 <= self.momentum < 1:
            raise GraphError(
                f"cannot normalize with epsilon {self.epsilon} and momentum {self.momentum}\n"
                "  fix: batch_norm(x, epsilon=1e-5, momentum=0.9), with 0 <= momentum < 1"
            )

    def shape(self, x: Shape, scale: Shape, shift: Shape, mean: Shape, variance: Shape) -> Shape:
        named = zip(("scale", "shift", "mean", "variance"), (scale, shift, mean, variance), strict=True)
        return check_features(x, dict(named))

    def forward(self, x: Array, scale: Array, shift: Array, mean: Array, variance: Array) -> Array:
        return (x - mean) * (scale * jax.lax.rsqrt(variance + self.epsilon)) + shift

    def backward(
        self, g: Array, y: Array, x: Array, scale: Array, shift: Array, mean: Array, variance: Array
    ) -> tuple[Array, ...]:
        inverse = jax.lax.rsqrt(variance + self.epsilon)
        total = sum_over_places(g)
        along = sum_over_places(g * (x - mean))
        slope = scale * inverse
        return g * slope, along * inverse, total, -total * slope, -0.5 * along * slope * inverse**2


@dataclass(frozen=True)
class BatchMean(Op):
    """Mean of the rows that are `present`, over all axes but the last.

    `present` holds one number for each row, 1 to count it and 0 for a row that only fills up the batch.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.BatchMean().forward(jnp.array([[1.0], [3.0], [99.0]]), jnp.array([1.0, 1.0, 0.0])))
        [2.]
    """

    def shape(self, x: Shape, present: Shape) -> Shape:
        return check_present(x, present)

    def forward(self, x: Array, present: Array) -> Array:
        return sum_over_places(x, shares(x, present))

    def backward(self, g: Array, y: Array, x: Array, present: Array) -> tuple[Array, None]:
        return jnp.broadcast_to(by_row(shares(x, present), x) * g, x.shape), None


@dataclass(frozen=True)
class BatchVariance(Op):
    """Mean squared distance to the mean of the rows that are `present`, over all axes but the last.

    The sum is divided by the number of entries, not by one less.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.BatchVariance().forward(jnp.array([[1.0], [3.0], [99.0]]), jnp.array([1.0, 1.0, 0.0])))
        [1.]
    """

    def shape(self, x: Shape, present: Shape) -> Shape:
        return check_present(x, present)

    def forward(self, x: Array, present: Array) -> Array:
        centered = x - BatchMean().forward(x, present)
        return sum_over_places(centered * centered, shares(x, present))

    def backward(self, g: Array, y: Array, x: Array, present: Array) -> tuple[Array, None]:
        # the mean moves too, but the variance is least there: its derivative in the mean is zero
        centered = x - BatchMean().forward(x, present)
        return 2 * by_row(shares(x, present), x) * centered * g, None


@names_arguments
@dataclass(frozen=True)
class LayerNorm(Op):
    """`y = scale (x - m) / √(v + epsilon) + shift`, `m` and `v` the mean and variance of the last axis.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.LayerNorm().forward(jnp.array([[1.0, 3.0]]), jnp.ones(2), jnp.zeros(2)).round(4))
        [[-1.  1.]]

    Source: Ba, Kiros and Hinton, *Layer Normalization*, 2016, section 3.
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise GraphError(f"cannot normalize with epsilon {self.epsilon}\n  fix: layer_norm(x, epsilon=1e-5)")

    def shape(self, x: Shape, scale: Shape, shift: Shape) -> Shape:
        return check_features(x, {"scale": scale, "shift": shift})

    def standardize(self, x: Array) -> tuple[Array, Array]:
        """`x` with mean 0 and variance about 1, and the factor that made it so."""
        centered = x - jnp.mean(x, -1, keepdims=True)
        inverse = jax.lax.rsqrt(jnp.mean(centered * centered, -1, keepdims=True) + self.epsilon)
        return centered * inverse, inverse

    def forward(self, x: Array, scale: Array, shift: Array) -> Array:
        return self.standardize(x)[0] * scale + shift

    def backward(self, g: Array, y: Array, x: Array, scale: Array, shift: Array) -> tuple[Array, Array, Array]:
        z, inverse = self.standardize(x)
        to_z = g * scale
        along = jnp.mean(to_z * z, -1, keepdims=True)
        to_x = inverse * (to_z - jnp.mean(to_z, -1, keepdims=True) - z * along)
        return to_x, sum_over_places(g * z), sum_over_places(g)


def check_features(x: Shape, vectors: dict[str, Shape]) -> Shape:
    """The shape of `x`, if each vector has one entry for each entry of its last axis."""
    for name, shape in vectors.items():
        if len(x) < 2 or unlike(shape, x[-1:]):
            raise ShapeError(
                f"its {name} {show_shape(shape)} does not fit the last axis of {show_shape(x)}\n"
                f"  fix: read (batch, ..., features) with a {name} of shape (features,)"
            )
    return x


def check_present(x: Shape, present: Shape) -> Shape:
    """Shape of one statistic of `x` for each entry of its last axis."""
    if len(x) < 2 or unlike(present, x[:1]):
        raise ShapeError(
            f"its mask of rows {show_shape(present)} does not fit {show_shape(x)}\n"
            f"  fix: give one number for each row, of shape ({x[0] if x else 'batch'},)"
        )
    return x[-1:]


def shares(x: Array, present: Array) -> Array:
    """What each row counts for in a mean over all axes but the last: `present` over the number of entries."""
    present = present.astype(x.dtype)
    return present / (jnp.maximum(jnp.sum(present), 1) * prod(x.shape[1:-1]))


def by_row(numbers: Array, x: Array) -> Array:
    """One number for each row of `x`, as an array that multiplies it."""
    return numbers.reshape(-1, *(1,) * (x.ndim - 1))
