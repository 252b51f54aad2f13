"""Random numbers as a value of the graph: drawn from a seed, so that equal calls give equal numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from reseau.errors import GraphError
from reseau.ops.base import Op, Shape

__all__ = ["RandomLike"]


@dataclass(frozen=True)
class RandomLike(Op):
    """Independent numbers in the shape of `x`, drawn from `seed`: "uniform" in [0, 1), "normal", or "gumbel".

    The same seed gives the same numbers at every call. It has no derivative.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> y = rs.ops.RandomLike("uniform", seed=0).forward(jnp.zeros((2, 3)))
        >>> print(y.shape, bool((y >= 0).all() and (y < 1).all()))
        (2, 3) True
    """

    law: str = "uniform"
    seed: int = 0
    dtype: str = "float32"

    proxy: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise GraphError(f"cannot draw by the law {self.law!r}\n  fix: one of {', '.join(LAWS)}")

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        dtype = jax.dtypes.canonicalize_dtype(jnp.dtype(self.dtype))
        return LAWS[self.law](jax.random.key(self.seed), x.shape, dtype)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[None]:
        return (None,)


LAWS: Mapping[str, Callable[..., Array]] = {
    "uniform": jax.random.uniform,
    "normal": jax.random.normal,
    "gumbel": jax.random.gumbel,
}
