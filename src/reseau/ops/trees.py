"""Decision trees: the leaf at which each row ends."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from reseau.errors import GraphError, ShapeError
from reseau.ops.base import Op, Shape, show_shape

__all__ = ["TreeLeaf"]

COMPARISONS = {
    "<=": jnp.less_equal,
    "<": jnp.less,
    ">=": jnp.greater_equal,
    ">": jnp.greater,
    "==": jnp.equal,
    "!=": jnp.not_equal,
}


@dataclass(frozen=True)
class TreeLeaf(Op):
    """The node at which each row of `x`, (batch, features), ends in each tree, (batch, trees), after `depth` steps.

    The other inputs are `roots`, the first node of each tree, and of every node of all trees: the column `feature` of
    the row, which is compared with `split` by the comparison of number `kind`; the next node is `yes` where it holds,
    or where the column holds no number and `blank` says so, else `no`. A leaf is its own `yes` and `no`. It has no
    derivative.

    Attributes:
        depth: The most steps from a root to a leaf.
        comparisons: What `kind` counts: some of `<=`, `<`, `>=`, `>`, `==`, `!=`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> node = [jnp.array(t) for t in ([1, 0, 0], [0.5, 0.0, 0.0], [0, 0, 0], [1, 1, 2], [2, 1, 2], [False] * 3)]
        >>> x = jnp.array([[9.0, 0.4], [9.0, 0.6]])
        >>> print(rs.ops.TreeLeaf(1).forward(x, jnp.array([0]), *node))
        [[1]
         [2]]
    """

    depth: int
    comparisons: tuple[str, ...] = ("<=",)

    def __post_init__(self) -> None:
        unknown = set(self.comparisons) - set(COMPARISONS)
        if unknown or not self.comparisons or self.depth < 0:
            raise GraphError(
                f"a tree cannot have {self.depth} steps with the comparisons {self.comparisons}\n"
                f"  fix: a depth of at least 0, and some of {', '.join(COMPARISONS)}"
            )

    def shape(self, x: Shape, roots: Shape, *tables: Shape) -> Shape:
        if len(x) != 2 or len(roots) != 1 or len(tables) != 6 or len(set(tables)) != 1 or len(tables[0]) != 1:
            shown = ", ".join(map(show_shape, (x, roots, *tables)))
            raise ShapeError(
                f"it reads {shown}\n"
                "  fix: rows (batch, features), roots (trees,), and six tables of as many entries as there are nodes"
            )
        return (x[0], roots[0])

    def forward(self, x: Array, roots: Array, *tables: Array) -> Array:
        feature, split, kind, yes, no, blank = map(jnp.asarray, tables)

        def step(_: int, place: Array) -> Array:
            read = jnp.take_along_axis(x, feature[place], 1)
            asked, against = kind[place], split[place].astype(x.dtype)
            holds = jnp.isnan(read) & blank[place]
            for number, said in enumerate(self.comparisons):
                holds |= COMPARISONS[said](read, against) & (asked == number)
            return jnp.where(holds, yes[place], no[place])

        start = jnp.broadcast_to(jnp.asarray(roots), (x.shape[0], len(roots)))
        return jax.lax.fori_loop(0, self.depth, step, start)

    def backward(self, g: Array, y: Array, *inputs: Array) -> tuple[None, ...]:
        return (None,) * len(inputs)
