"""Sums, means, products and extremes over axes, and the softmax family, stable for any size of input."""

from dataclasses import dataclass
from math import prod

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Op, Shape, show_shape

__all__ = ["LogSoftmax", "LogSumExp", "Max", "Mean", "Min", "Product", "Reduction", "Softmax", "Sum"]

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Reduction(Op):
    """One number for all entries over `axes`, which are kept with length 1 if `keepdims`."""

    axes: Axes
    keepdims: bool = False

    def shape(self, x: Shape) -> Shape:
        gone = check_axes(self.axes, x)
        return tuple(1 if i in gone else n for i, n in enumerate(x) if self.keepdims or i not in gone)

    def restored(self, y: Array, x: Array) -> Array:
        """A reduced array with the axes that `x` has, of length 1 where they were reduced."""
        return y if self.keepdims else jnp.expand_dims(y, tuple(a % x.ndim for a in self.axes))


@dataclass(frozen=True)
class Sum(Reduction):
    """Sum over `axes`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Sum((1,)).forward(jnp.array([[1.0, 2.0], [3.0, 4.0]])))
        [3. 7.]
    """

    def forward(self, x: Array) -> Array:
        return jnp.sum(x, self.axes, keepdims=self.keepdims)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (jnp.broadcast_to(self.restored(g, x), x.shape),)


@dataclass(frozen=True)
class Mean(Reduction):
    """Mean over `axes`; of no entries, 0, as in onnxruntime.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Mean((0,)).forward(jnp.array([[1.0, 2.0], [3.0, 4.0]])))
        [2. 3.]
    """

    def forward(self, x: Array) -> Array:
        y = jnp.mean(x, self.axes, keepdims=self.keepdims)
        return y if all(x.shape[a] for a in self.axes) else jnp.zeros_like(y)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        share = self.restored(g, x) / prod(x.shape[a] for a in self.axes)
        return (jnp.broadcast_to(share, x.shape),)


@dataclass(frozen=True)
class Max(Reduction):
    """Largest entry over `axes`; of no entries, the number of their type that none is below.

    Where several are the largest, `backward` gives each an equal share.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Max((1,)).forward(jnp.array([[1.0, 2.0], [3.0, 4.0]])))
        [2. 4.]
    """

    def forward(self, x: Array) -> Array:
        return jnp.max(x, self.axes, keepdims=self.keepdims, initial=None if x.size else lowest(x))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (shared(self, g, y, x),)


@dataclass(frozen=True)
class LogSumExp(Reduction):
    """`y = log Σ exp(x)` over `axes`, the smooth maximum.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.LogSumExp().forward(jnp.array([0.0, 0.0])).round(4))
        0.6931
    """

    axes: Axes = (-1,)

    def forward(self, x: Array) -> Array:
        largest = jnp.max(x, self.axes, keepdims=True, initial=-jnp.inf)
        shift = jnp.where(jnp.isfinite(largest), largest, 0)
        y = jnp.log(jnp.sum(jnp.exp(less(x, shift)), self.axes, keepdims=True)) + shift
        return y if self.keepdims else jnp.squeeze(y, self.axes)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        weight = jnp.exp(x - self.restored(y, x))
        return (weight * self.restored(g, x),)


@dataclass(frozen=True)
class Softmax(Op):
    """`y_i = exp(x_i) / Σ_j exp(x_j)` along `axis`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Softmax().forward(jnp.array([5.0, 5.0])))
        [0.5 0.5]
    """

    axis: int = -1

    def shape(self, x: Shape) -> Shape:
        check_axes((self.axis,), x)
        return x

    def forward(self, x: Array) -> Array:
        shares = jnp.exp(less(x, jnp.max(x, self.axis, keepdims=True, initial=-jnp.inf)))
        return shares / jnp.sum(shares, self.axis, keepdims=True)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (y * (g - jnp.sum(g * y, self.axis, keepdims=True)),)


@dataclass(frozen=True)
class LogSoftmax(Op):
    """`y_i = x_i - log Σ_j exp(x_j)` along `axis`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.LogSoftmax().forward(jnp.array([5.0, 5.0])).round(4))
        [-0.6931 -0.6931]
    """

    axis: int = -1

    def shape(self, x: Shape) -> Shape:
        check_axes((self.axis,), x)
        return x

    def forward(self, x: Array) -> Array:
        shifted = less(x, jnp.max(x, self.axis, keepdims=True, initial=-jnp.inf))
        return shifted - jnp.log(jnp.sum(jnp.exp(shifted), self.axis, keepdims=True))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (g - jnp.exp(y) * jnp.sum(g, self.axis, keepdims=True),)


@dataclass(frozen=True)
class Min(Reduction):
    """Smallest entry over `axes`; of no entries, the number of their type that none is above.

    Where several are the smallest, `backward` gives each an equal share.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Min((1,)).forward(jnp.array([[1.0, 2.0], [3.0, 4.0]])))
        [1. 3.]
    """

    def forward(self, x: Array) -> Array:
        return jnp.min(x, self.axes, keepdims=self.keepdims, initial=None if x.size else highest(x))

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        return (shared(self, g, y, x),)


@dataclass(frozen=True)
class Product(Reduction):
    """Product of the entries over `axes`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Product((1,)).forward(jnp.array([[1.0, 2.0], [3.0, 4.0]])))
        [ 2. 12.]
    """

    def forward(self, x: Array) -> Array:
        return jnp.prod(x, self.axes, keepdims=self.keepdims)


def check_axes(axes: Axes, x: Shape) -> Axes:
    """The axes counted from 0, each in range and named once."""
    if any(not -len(x) <= a < len(x) for a in axes) or len({a % len(x) for a in axes}) != len(axes):
        raise ShapeError(
            f"its axes {axes} are not axes of {show_shape(x)}\n"
            f"  fix: name axes from {-len(x)} to {len(x) - 1}, each once"
        )
    return tuple(a % len(x) for a in axes)


def less(x: Array, largest: Array) -> Array:
    """`x - largest`, of entries that are rounded as they were when the largest was found.

    Where an entry is a product, XLA would subtract from the product that is not rounded, in one instruction: with equal
    entries of 1e10 that gives up to 500 in place of 0, and softmax no number. No finite entry is changed here.
    """
    most = jnp.finfo(x.dtype).max  # type: ignore[no-untyped-call]
    return jnp.minimum(x, most) - largest


def shared(op: Reduction, g: Array, y: Array, x: Array) -> Array:
    """The derivative in equal shares to the entries that are what was chosen among all."""
    wins = (x == op.restored(y, x)).astype(g.dtype)
    return wins / jnp.sum(wins, op.axes, keepdims=True) * op.restored(g, x)


def lowest(x: Array) -> float:
    """A number of the type of `x` that no entry is below."""
    if x.dtype == bool:
        return False
    return int(np.iinfo(x.dtype).min) if jnp.issubdtype(x.dtype, jnp.integer) else -np.inf


def highest(x: Array) -> float:
    """A number of the type of `x` that no entry is above."""
    return True if x.dtype == bool else int(np.iinfo(x.dtype).max) if jnp.issubdtype(x.dtype, jnp.integer) else np.inf
