"""Sums of products in Einstein's notation, and determinants."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Op, Shape, show_shape

__all__ = ["Determinant", "Einsum"]


@dataclass(frozen=True)
class Einsum(Op):
    """Sum of products over named axes, `"bij,bjk->bik"`; an ellipsis stands for further axes."""

    equation: str

    def shape(self, *inputs: Shape) -> Shape:
        words = {n for s in inputs for n in s if isinstance(n, str)}
        stand_ins = {w: 4099 + 12 * i for i, w in enumerate(sorted(words))}
        back = {n: w for w, n in stand_ins.items()}
        try:
            made = jax.eval_shape(
                self.forward,
                *(
                    jax.ShapeDtypeStruct([stand_ins[n] if isinstance(n, str) else n for n in s], np.float32)
                    for s in inputs
                ),
            )
        except (ValueError, TypeError, IndexError) as error:
            shown = " and ".join(show_shape(s) for s in inputs)
            raise ShapeError(f"{self.equation!r} does not fit {shown}\n  fix: one letter for each axis") from error
        return tuple(back.get(n, n) for n in made.shape)

    def forward(self, *inputs: Array) -> Array:
        return jnp.einsum(self.equation.replace(" ", ""), *inputs)


@dataclass(frozen=True)
class Determinant(Op):
    """Determinant of the matrices on the last two axes."""

    def shape(self, x: Shape) -> Shape:
        if len(x) < 2 or x[-1] != x[-2]:
            raise ShapeError(f"{show_shape(x)} holds no square matrices\n  fix: make the last two axes equally long")
        return x[:-2]

    def forward(self, x: Array) -> Array:
        return jnp.linalg.det(x)
