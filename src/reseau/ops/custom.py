"""An arbitrary function as an operation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.base import Dim, Op, Shape, show_shape

__all__ = ["Apply"]

# two lengths for each word in a shape, unlikely to be met as lengths of anything else
STAND_INS = ((4099, 5003), (4111, 5009), (4127, 5011), (4129, 5021))


@dataclass(frozen=True)
class Apply(Op):
    """`function` of the inputs, written with `jax.numpy`; its derivative is JAX's.

    The output's shape is found by tracing the function twice without computing anything, with two stand-ins for
    each length that is only a word: what changes with the word is that word.
    """

    function: Callable[..., Array]
    label: str = ""
    dtypes: tuple[str, ...] = field(default=())
    """Types of the inputs while the shape is being found; empty: all of them float32."""

    @property
    def name(self) -> str:
        return self.label or "apply"

    def shape(self, *inputs: Shape) -> Shape:
        words = list(dict.fromkeys(n for s in inputs for n in s if isinstance(n, str)))
        if len(words) > len(STAND_INS):
            raise ShapeError(f"its inputs have {len(words)} unknown lengths\n  fix: at most {len(STAND_INS)}")
        small, large = ({w: STAND_INS[i][k] for i, w in enumerate(words)} for k in (0, 1))
        found = {(small[w], large[w]): w for w in words}
        shapes = [self.trace(inputs, lengths) for lengths in (small, large)]
        if len(shapes[0]) != len(shapes[1]):
            raise ShapeError("its output's axes depend on the batch\n  fix: return an array with fixed axes")
        output: list[Dim] = []
        for pair in zip(*shapes, strict=True):
            if pair[0] != pair[1] and pair not in found:
                raise ShapeError(
                    f"an axis of its output has the length {pair[0]} for a batch of {STAND_INS[0][0]}\n"
                    "  fix: return an array whose first axis is the batch and whose other lengths are fixed"
                )
            output.append(found.get(pair, pair[0]))
        return tuple(output)

    def trace(self, inputs: tuple[Shape, ...], lengths: dict[str, int]) -> tuple[int, ...]:
        """Shape of the output where the words stand for these lengths."""
        dtypes = self.dtypes or ("float32",) * len(inputs)
        stand_ins = [
            jax.ShapeDtypeStruct(tuple(lengths[n] if isinstance(n, str) else n for n in s), d)
            for s, d in zip(inputs, dtypes, strict=True)
        ]
        try:
            output: Any = jax.eval_shape(self.function, *stand_ins)
        except (TypeError, ValueError, IndexError) as error:
            read = ", ".join(show_shape(s) for s in inputs)
            raise ShapeError(
                f"its function fails on {read}: {type(error).__name__}: {str(error).strip().partition(chr(10))[0]}\n"
                "  fix: write the function with jax.numpy, for whole batches"
            ) from error
        if not isinstance(output, jax.ShapeDtypeStruct):
            raise ShapeError(
                f"its function returns {type(output).__name__}, not one array\n  fix: return a single array"
            )
        return tuple(output.shape)

    def forward(self, *inputs: Array) -> Array:
        return self.function(*inputs)
