"""Affine maps, products of matrices, sums over products in Einstein's notation, determinants."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Dim, Op, Shape, broadcast, show_shape, traced_shape, unbroadcast
from reseau.ops.lengths import broadcast_length, differ

__all__ = ["Affine", "Determinant", "Einsum", "Matmul"]


@dataclass(frozen=True)
class Affine(Op):
    """`y = x W + b` on the last axis; `W` is (in, out), `b` is (out,) or absent.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Affine().forward(jnp.array([[1.0, 2.0]]), jnp.array([[3.0], [4.0]]), jnp.array([5.0])))
        [[16.]]
    """

    def shape(self, x: Shape, weight: Shape, bias: Shape | None = None) -> Shape:
        if len(x) < 2 or len(weight) != 2 or differ(x[-1], weight[0]):
            raise ShapeError(
                f"it multiplies {show_shape(x)} by a weight {show_shape(weight)}\n"
                f"  fix: give the weight the shape ({x[-1] if x else 'features'}, units)"
            )
        if bias is not None and bias != weight[1:]:
            raise ShapeError(
                f"its bias has the shape {show_shape(bias)}\n  fix: give the bias the shape ({weight[1]},)"
            )
        return (*x[:-1], weight[1])

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        y = x @ weight
        return y if bias is None else y + bias

    def backward(self, g: Array, y: Array, x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, ...]:
        rows, g_rows = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
        pulled = (g @ weight.T, rows.T @ g_rows)
        return pulled if bias is None else (*pulled, g_rows.sum(0))


@dataclass(frozen=True)
class Matmul(Op):
    """Matrix product `a @ b` over the last two axes, the axes before them broadcast.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Matmul().forward(jnp.array([[1, 2]]), jnp.array([[3], [4]])))
        [[11]]
    """

    def shape(self, a: Shape, b: Shape) -> Shape:
        if len(a) < 2 or len(b) < 2 or differ(a[-1], b[-2]):
            raise ShapeError(
                f"it multiplies {show_shape(a)} by {show_shape(b)}\n"
                "  fix: make the last axis of input 0 as long as the last but one of input 1"
            )
        return (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])

    def forward(self, a: Array, b: Array) -> Array:
        return jnp.matmul(a, b)

    def backward(self, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        return (
            unbroadcast(g @ jnp.swapaxes(b, -1, -2), a),
            unbroadcast(jnp.swapaxes(a, -1, -2) @ g, b),
        )


@dataclass(frozen=True)
class Einsum(Op):
    """Sum of products over named axes, `"bij,bjk->bik"`; an ellipsis stands for further axes.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Einsum("i,j->ij").forward(jnp.array([1, 2]), jnp.array([3, 4])))
        [[3 4]
         [6 8]]
    """

    equation: str

    def shape(self, *inputs: Shape) -> Shape:
        try:
            return traced_shape(self.forward, self.agreed(inputs))
        except ShapeError as error:
            shown = " and ".join(show_shape(s) for s in inputs)
            raise ShapeError(f"{self.equation!r} does not fit {shown}\n  fix: one letter for each axis") from error

    def agreed(self, inputs: Sequence[Shape]) -> list[Shape]:
        """The shapes with one length in the place of the words that stand for the axes of one letter."""
        terms = self.equation.replace(" ", "").partition("->")[0].split(",")
        named = [list(zip(letters(t, len(s)), s, strict=False)) for t, s in zip(terms, inputs, strict=False)]
        lengths: dict[str, Dim] = {}
        for letter, n in (axis for axes in named for axis in axes):
            lengths[letter] = broadcast_length(lengths.get(letter, n), n)
        return [tuple(n if isinstance(n, int) else lengths[letter] for letter, n in axes) for axes in named]

    def forward(self, *inputs: Array) -> Array:
        return jnp.einsum(self.equation.replace(" ", ""), *inputs)


def letters(term: str, rank: int) -> list[str]:
    """The name of each axis of one input of an equation; those of an ellipsis are counted from the last one."""
    before, dots, after = term.partition("...")
    further = rank - len(before) - len(after) if dots else 0
    return [*before, *(f"...{i}" for i in reversed(range(further))), *after]


@dataclass(frozen=True)
class Determinant(Op):
    """Determinant of the matrices on the last two axes.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Determinant().forward(jnp.array([[[2.0, 1.0], [0.0, 3.0]]])))
        [6.]
    """

    def shape(self, x: Shape) -> Shape:
        return square(x)[:-2]

    def forward(self, x: Array) -> Array:
        return jnp.linalg.det(x)


@dataclass(frozen=True)
class Inverse(Op):
    """Inverse of the matrices on the last two axes; entries that are not finite where there is none.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> print(rs.ops.Inverse().forward(jnp.array([[2.0, 0.0], [0.0, 4.0]])))
        [[0.5  0.  ]
         [0.   0.25]]
    """

    def shape(self, x: Shape) -> Shape:
        return square(x)

    def forward(self, x: Array) -> Array:
        return jnp.linalg.inv(x)

    def backward(self, g: Array, y: Array, x: Array) -> tuple[Array]:
        turned = jnp.swapaxes(y, -1, -2)
        return (-turned @ g @ turned,)


def square(x: Shape) -> Shape:
    """The shape of an array of square matrices; `ShapeError` where it is none."""
    if len(x) < 2 or differ(x[-1], x[-2]):
        raise ShapeError(f"{show_shape(x)} holds no square matrices\n  fix: make the last two axes equally long")
    return x
