"""An arbitrary function as an operation."""

from collections.abc import Callable
from dataclasses import dataclass, field

from jax import Array

from reseau.ops.base import Op, Shape, traced_shape

__all__ = ["Apply"]


@dataclass(frozen=True)
class Apply(Op):
    """`function` of the inputs, written with `jax.numpy`; its derivative is JAX's.

    The output's shape is found by tracing the function without computing anything.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> half = rs.ops.Apply(lambda x: x / 2, "half")
        >>> print(half.name, half.forward(jnp.array([1.0, 3.0])))
        half [0.5 1.5]
    """

    function: Callable[..., Array]
    label: str = ""
    dtypes: tuple[str, ...] = field(default=())
    """Types of the inputs while the shape is being found; empty: all of them float32."""

    @property
    def name(self) -> str:
        return self.label or "apply"

    def shape(self, *inputs: Shape) -> Shape:
        return traced_shape(self.function, inputs, self.dtypes)

    def forward(self, *inputs: Array) -> Array:
        return self.function(*inputs)
