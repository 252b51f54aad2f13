"""The contract of an operation, and how shapes are written and joined."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from reseau.errors import ShapeError
from reseau.ops.lengths import BATCH, Dim, Shape, broadcast_length, differ, words_of

__all__ = [
    "BATCH", "Array", "Dim", "Op", "Proxy", "Shape", "broadcast", "check_forward", "show_shape", "traced_shape",
    "unbroadcast",
]  # fmt: skip


class Op(ABC):
    """A stateless rule from input arrays to one output array, with its shape and its derivative.

    A concrete operation is a frozen dataclass whose fields are its settings. Activations carry the batch as
    their first axis; parameters have none.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> relu, x = rs.ops.Relu(), jnp.array([-1.0, 2.0])
        >>> y = relu.forward(x)
        >>> print(relu.name, relu.shape(("batch", 3)), y, *relu.backward(jnp.ones(2), y, x))
        relu ('batch', 3) [0. 2.] [0. 1.]
    """

    proxy: ClassVar[bool] = False
    """Whether `backward` is a stand-in for a derivative that is zero or undefined."""

    host: ClassVar[bool] = False
    """Whether `forward` is NumPy's, outside compiled programs: for texts, and for lengths that numbers decide."""

    gives: ClassVar[str] = ""
    """The type of what such an operation gives, `"object"` for texts."""

    slow_in_loops: ClassVar[bool] = False
    """Whether compiled loops on the CPU run it far slower than single steps do (jax-ml/jax#12868)."""

    @property
    def name(self) -> str:
        """The class name in words: `MaxPool` is `max_pool`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    @abstractmethod
    def shape(self, *inputs: Any) -> Shape:
        """Shape of the output for these input shapes; `ShapeError` with one cure where they do not fit."""

    @abstractmethod
    def forward(self, *inputs: Any) -> Array:
        """Value of the output."""

    def backward(self, g: Array, y: Array, *inputs: Any) -> tuple[Array | None, ...]:
        """Cotangent of each input, from the output's cotangent `g`, the output `y` and the inputs.

        `None` stands for an input that has no derivative (labels, indices). An operation that brings no
        `backward` of its own gets this one, JAX's transposed derivative of `forward`.
        """
        _, pull = jax.vjp(self.forward, *inputs)
        return tuple(None if c.dtype == jax.dtypes.float0 else c for c in pull(g))


@dataclass(frozen=True)
class Proxy(Op):
    """`op` going forward, `rule(g, y, *inputs)` going back: a chosen stand-in for the derivative.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x, g = jnp.array([0.3, 1.8]), jnp.array([1.0, 1.0])
        >>> rounded = rs.ops.Proxy(rs.ops.Round(), lambda g, y, x: (g * (x < 1),))
        >>> y = rounded.forward(x)
        >>> print(y, rounded.backward(g, y, x)[0])
        [0. 2.] [1. 0.]
    """

    op: Op
    rule: Callable[..., tuple[Array | None, ...]]

    proxy: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return self.op.name

    def shape(self, *inputs: Shape) -> Shape:
        return self.op.shape(*inputs)

    def forward(self, *inputs: Array) -> Array:
        return self.op.forward(*inputs)

    def backward(self, g: Array, y: Array, *inputs: Array) -> tuple[Array | None, ...]:
        return self.rule(g, y, *inputs)


def show_shape(shape: Shape) -> str:
    """A shape as a person reads it: `(batch, 28, 28, 1)`."""
    inside = ", ".join(str(d) for d in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


# two lengths for each word in a shape, unlikely to be met as lengths of anything else
STAND_INS = ((4099, 5003), (4111, 5009), (4127, 5011), (4129, 5021), (4133, 5023), (4139, 5039), (4153, 5051),
             (4157, 5059), (4159, 5077), (4177, 5081))  # fmt: skip


def traced_shape(function: Callable[..., Array], inputs: Sequence[Shape], dtypes: Sequence[str] = ()) -> Shape:
    """Shape of what a function gives, found by tracing it twice without computing anything.

    Two lengths stand in for each that is only a word: what changes with the word is that word.

    Args:
        function: Of arrays, to one array.
        inputs: Their shapes.
        dtypes: Their types; all of them float32 where none are given.
    """
    words = list(dict.fromkeys(n for s in inputs for n in s if isinstance(n, str)))
    if len(words) > len(STAND_INS):
        raise ShapeError(f"its inputs have {len(words)} unknown lengths\n  fix: at most {len(STAND_INS)}")
    small, large = ({w: STAND_INS[i][k] for i, w in enumerate(words)} for k in (0, 1))
    found = {(small[w], large[w]): w for w in words}
    types = dtypes or ("float32",) * len(inputs)
    shapes = [_traced(function, inputs, types, lengths) for lengths in (small, large)]
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


def _traced(
    function: Callable[..., Array], inputs: Sequence[Shape], dtypes: Sequence[str], lengths: Mapping[str, int]
) -> tuple[int, ...]:
    """Shape of the output where the words stand for these lengths."""
    stand_ins = [
        jax.ShapeDtypeStruct(tuple(lengths[n] if isinstance(n, str) else n for n in s), d)
        for s, d in zip(inputs, dtypes, strict=True)
    ]
    try:
        output: Any = jax.eval_shape(function, *stand_ins)
    except (TypeError, ValueError, IndexError) as error:
        read = ", ".join(show_shape(s) for s in inputs)
        raise ShapeError(
            f"its function fails on {read}: {type(error).__name__}: {str(error).strip().partition(chr(10))[0]}\n"
            "  fix: write the function with jax.numpy, for whole batches"
        ) from error
    if not isinstance(output, jax.ShapeDtypeStruct):
        raise ShapeError(f"its function returns {type(output).__name__}, not one array\n  fix: return a single array")
    return tuple(output.shape)


def check_forward(op: Op, inputs: Sequence[Shape], shape: Shape) -> None:
    """Refuse an operation whose value has another shape than it says: what reads it would broadcast it in silence."""
    try:
        found = traced_shape(op.forward, inputs)
    except ShapeError:  # it may read whole numbers, or give a length that is computed of the batch
        return
    if found != tuple(shape):
        raise ShapeError(
            f"its forward gives {show_shape(found)}, its shape says {show_shape(shape)}\n"
            "  fix: make the two agree; a loss gives one number a row, as jnp.sum(..., axis=-1) does"
        )


def broadcast(*shapes: Shape) -> Shape:
    """Shape of the elementwise combination of arrays of these shapes, by NumPy's rule."""
    rank = max(len(s) for s in shapes)
    combined: list[Dim] = []
    for lengths in zip(*((1,) * (rank - len(s)) + s for s in shapes), strict=True):
        others = [d for d in dict.fromkeys(lengths) if d != 1]
        apart = [(a, b) for i, a in enumerate(others) for b in others[:i] if differ(a, b)]
        if apart:
            shown = " and ".join(show_shape(s) for s in shapes)
            error = ShapeError(
                f"shapes {shown} do not combine elementwise: "
                f"lengths {' and '.join(str(d) for d in lengths)} meet on axis {len(combined)}\n"
                "  fix: make the two lengths equal, or one of them 1"
            )
            if all(words_of(*pair) for pair in apart):
                error.words = words_of(*apart[0])
            raise error
        one: Dim = 1
        combined.append(reduce(broadcast_length, others, one))
    return tuple(combined)


def unbroadcast(g: Array, like: Array) -> Array:
    """Cotangent of an array that was broadcast to the shape of `g`: summed over the repeated axes."""
    if g.shape == like.shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - like.ndim)))
    repeated = tuple(i for i, n in enumerate(like.shape) if n == 1 and g.shape[i] != 1)
    return jnp.sum(g, axis=repeated, keepdims=True)
