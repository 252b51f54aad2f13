"""Convolutions in one, two or three dimensions, channels last.

What neural networks call a convolution is a cross-correlation: the kernel is not reversed. `Conv(flip=True)` is the
convolution of mathematics, equal to `numpy.convolve` in one dimension.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Op, Shape, show_shape
from reseau.ops.correlation.chosen import Correlation
from reseau.ops.correlation.direct import reverse
from reseau.ops.lengths import differ, minus, plus, times
from reseau.ops.sums import sum_over_places
from reseau.ops.windows import Padding, PerAxis, per_axis, resolve_windows

__all__ = ["Conv", "ConvTranspose"]


@dataclass(frozen=True)
class Conv(Op):
    """Convolution: `y = w ⋆ x + b`, the cross-correlation, or with `flip` the convolution `w ∗ x + b`.

    `x` is (batch, *lengths, in), `w` is (*kernel, in / groups, out), `b` is (out,) or absent.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x, kernel = jnp.array([1.0, 2.0, 4.0]).reshape(1, 3, 1), jnp.array([1.0, -1.0]).reshape(2, 1, 1)
        >>> print(rs.ops.Conv(padding="valid").forward(x, kernel).ravel())
        [-1. -2.]
    """

    stride: PerAxis = 1
    dilation: PerAxis = 1
    groups: int = 1
    padding: Padding = "same"
    flip: bool = False

    slow_in_loops: ClassVar[bool] = True

    def correlation(self, x: Shape, kernel: tuple[int, ...]) -> Correlation:
        """The settings made explicit for this input and kernel."""
        return Correlation(resolve_windows(kernel, self.stride, self.dilation, self.padding, x[1:-1]), self.groups)

    def shape(self, x: Shape, weight: Shape, bias: Shape | None = None) -> Shape:
        kernel, (inputs, out) = check_kernel(x, weight, bias)
        if differ(x[-1], inputs * self.groups) or out % self.groups:
            raise ShapeError(
                f"its weight {show_shape(weight)} in {self.groups} groups does not read {x[-1]} channels\n"
                f"  fix: give the weight the shape (*kernel, channels / groups, filters), groups dividing both"
            )
        return (x[0], *self.correlation(x, kernel).windows.counts(x[1:-1]), out)

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        y = self.correlation(x.shape, weight.shape[:-2]).apply(x, reverse(weight) if self.flip else weight)
        return y if bias is None else y + bias

    def backward(self, g: Array, y: Array, x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, ...]:
        c = self.correlation(x.shape, weight.shape[:-2])
        to_x = c.to_input(g, reverse(weight) if self.flip else weight, x.shape[1:-1])
        to_weight = c.to_weight(x, g)
        pulled = (to_x, reverse(to_weight) if self.flip else to_weight)
        return pulled if bias is None else (*pulled, sum_over_places(g))


@dataclass(frozen=True)
class ConvTranspose(Op):
    """The transpose of a `Conv` from `out` to `in` channels, plus `b`: each entry of `x` writes one kernel into `y`.

    `y[b, p stride + k dilation - before, o] = Σ x[b, p, i] w[k, i, o]`, `w` of shape (*kernel, in, out / groups).
    A spatial axis grows from `n` to `n stride` with padding "same", to `(n - 1) stride + (k - 1) dilation + 1`
    with "valid", less what explicit padding cuts off; a negative second number of a pair lengthens it instead.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x, kernel = jnp.array([1.0, 2.0]).reshape(1, 2, 1), jnp.array([1.0, 10.0]).reshape(2, 1, 1)
        >>> print(rs.ops.ConvTranspose(stride=2, padding="valid").forward(x, kernel).ravel())
        [ 1. 10.  2. 20.]
    """

    stride: PerAxis = 1
    dilation: PerAxis = 1
    groups: int = 1
    padding: Padding = "same"

    slow_in_loops: ClassVar[bool] = True

    def correlation(self, x: Shape, kernel: tuple[int, ...]) -> tuple[Correlation, Shape]:
        """The map of which this is the transpose, and the spatial lengths of the output."""
        lengths = x[1:-1]
        if self.padding == "same":
            grown = tuple(
                times(n, s) for n, s in zip(lengths, per_axis(self.stride, len(lengths), "stride"), strict=True)
            )
            windows = resolve_windows(kernel, self.stride, self.dilation, "same", grown)
        else:
            windows = resolve_windows(kernel, self.stride, self.dilation, self.padding, lengths)
            axes = zip(lengths, windows.extent, windows.stride, windows.pads, strict=True)
            grown = tuple(plus(times(minus(n, 1), s), e - before - after) for n, e, s, (before, after) in axes)
        if any(isinstance(n, int) and n < 1 for n in grown):
            raise ShapeError(f"its padding {self.padding} leaves {grown} entries\n  fix: give less padding")
        return Correlation(windows, self.groups), grown

    def shape(self, x: Shape, weight: Shape, bias: Shape | None = None) -> Shape:
        kernel, (inputs, out) = check_kernel(x, weight, None)
        if differ(x[-1], inputs) or inputs % self.groups:
            raise ShapeError(
                f"its weight {show_shape(weight)} in {self.groups} groups does not read {x[-1]} channels\n"
                f"  fix: give the weight the shape (*kernel, channels, filters / groups), groups dividing both"
            )
        if bias is not None and bias != (out * self.groups,):
            raise ShapeError(
                f"its bias has the shape {show_shape(bias)}\n  fix: give the bias the shape ({out * self.groups},)"
            )
        return (x[0], *self.correlation(x, kernel)[1], out * self.groups)

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        c, lengths = self.correlation(x.shape, weight.shape[:-2])
        y = c.to_input(x, jnp.swapaxes(weight, -1, -2), tuple(int(n) for n in lengths))
        return y if bias is None else y + bias

    def backward(self, g: Array, y: Array, x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, ...]:
        c, _ = self.correlation(x.shape, weight.shape[:-2])
        to_weight = jnp.swapaxes(c.to_weight(g, x), -1, -2)
        pulled = (c.apply(g, jnp.swapaxes(weight, -1, -2)), to_weight)
        return pulled if bias is None else (*pulled, sum_over_places(g))


def check_kernel(x: Shape, weight: Shape, bias: Shape | None) -> tuple[tuple[int, ...], tuple[int, int]]:
    """The kernel and the two channel counts of a weight that fits the rank of `x`."""
    if not 3 <= len(x) <= 5 or len(weight) != len(x):
        raise ShapeError(
            f"it moves a kernel {show_shape(weight)} over {show_shape(x)}\n"
            "  fix: read (batch, *lengths, channels) with a weight (*kernel, channels, filters), 1 to 3 lengths"
        )
    if bias is not None and bias != weight[-1:]:
        raise ShapeError(f"its bias has the shape {show_shape(bias)}\n  fix: give the bias the shape ({weight[-1]},)")
    lengths = [int(n) for n in weight]
    return tuple(lengths[:-2]), (lengths[-2], lengths[-1])
