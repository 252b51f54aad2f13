"""The discrete Fourier transform of one axis."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Op, Shape, show_shape

__all__ = ["Fourier"]


@dataclass(frozen=True)
class Fourier(Op):
    """Discrete Fourier transform along `axis` of numbers whose last axis is (real,) or (real, imaginary).

    The axis is cut or filled with zeros to `length` entries first (`None`: as it is). The last axis of the output is
    (real, imaginary). `onesided` keeps the first `length // 2 + 1` entries, which for real numbers are all there is to
    know; an inverse that is onesided reads those and gives real numbers, (real,). It is computed in 64 bits where JAX
    is set to them.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x = jnp.array([1.0, 0.0, -1.0, 0.0]).reshape(1, 4, 1)  # one turn of a cosine
        >>> print(rs.ops.Fourier(axis=1).forward(x)[0, :, 0].round(4))
        [0. 2. 0. 2.]
    """

    axis: int
    length: int | None = None
    inverse: bool = False
    onesided: bool = False

    def shape(self, x: Shape) -> Shape:
        n = x[self.axis] if len(x) > 1 and -len(x) <= self.axis < len(x) else None
        if n is None or self.axis % len(x) == len(x) - 1 or x[-1] not in (1, 2):
            raise ShapeError(
                f"axis {self.axis} of {show_shape(x)} is no axis of complex numbers\n"
                "  fix: numbers (..., length, 1) or (..., length, 2), and one of the axes before the last"
            )
        if self.length is not None:
            n = self.length
        elif self.inverse and self.onesided:
            if isinstance(n, str):
                raise ShapeError(f"axis {self.axis} of {show_shape(x)} has no length\n  fix: give one as `length`")
            n = 2 * (n - 1)
        if self.onesided and not self.inverse:
            if isinstance(n, str):
                raise ShapeError(f"axis {self.axis} of {show_shape(x)} has no length\n  fix: give one as `length`")
            n = n // 2 + 1
        axis = self.axis % len(x)
        return (*x[:axis], n, *x[axis + 1 : -1], 1 if self.inverse and self.onesided else 2)

    def forward(self, x: Array) -> Array:
        axis, given = self.axis % x.ndim, x.dtype
        x = x.astype(jax.dtypes.canonicalize_dtype(jnp.float64))
        if self.inverse and self.onesided:
            half = x[..., 0] + 1j * x[..., 1] if x.shape[-1] == 2 else x[..., 0]
            return jnp.fft.irfft(half, self.length, axis)[..., None].astype(given)
        if self.onesided and x.shape[-1] == 1:
            y = jnp.fft.rfft(x[..., 0], self.length, axis)
        else:
            both = x[..., 0] + 1j * x[..., 1] if x.shape[-1] == 2 else x[..., 0]
            y = (jnp.fft.ifft if self.inverse else jnp.fft.fft)(both, self.length, axis)
            if self.onesided:
                y = jnp.take(y, jnp.arange(y.shape[axis] // 2 + 1), axis)
        return jnp.stack([y.real, y.imag], -1).astype(given)
