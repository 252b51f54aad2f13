"""Recurrent cells run along a sequence: one scan over time, states zeroed after each sequence's own length.

Inputs are `x` (time, batch, features), the input weights (gates × units, features), the state weights
(gates × units, units), the bias of each, (gates × units,), the first hidden state (batch, units), or (1, units) for
all rows, and the number of steps of each sequence (batch,). The output is the hidden state after every step,
(time, batch, units).
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from reseau.errors import GraphError, ShapeError
from reseau.ops.base import Op, Shape, show_shape
from reseau.ops.lengths import differ
from reseau.ops.quantization import Quantize

__all__ = ["ACTIVATIONS", "NUMBERS", "GatedCell", "LongShortCell", "PlainCell", "QuantizedLongShortCell"]

ROW_BY_ROW = 256  # units up to which onnxruntime's quantized cell gives each thread rows of its own

ACTIVATIONS: dict[str, Callable[[Array, float, float], Array]] = {
    "relu": lambda x, a, b: jnp.maximum(x, 0),
    "sigmoid": lambda x, a, b: jax.nn.sigmoid(x),
    "tanh": lambda x, a, b: jnp.tanh(x),
    "softsign": lambda x, a, b: jax.nn.soft_sign(x),
    "softplus": lambda x, a, b: jax.nn.softplus(x),
    "affine": lambda x, a, b: a * x + b,
    "elu": lambda x, a, b: jax.nn.elu(x, a),
    "hardsigmoid": lambda x, a, b: jnp.clip(a * x + b, 0, 1),
    "leakyrelu": lambda x, a, b: jnp.where(x >= 0, x, a * x),
    "scaledtanh": lambda x, a, b: a * jnp.tanh(b * x),
    "thresholdedrelu": lambda x, a, b: jnp.where(x > a, x, 0),
}
"""Each with two numbers, a and b, that some of them read."""

NUMBERS: dict[str, tuple[float, ...]] = {
    "affine": (0.0, 0.0),
    "elu": (1.0,),
    "hardsigmoid": (0.2, 0.5),
    "leakyrelu": (0.01,),
    "scaledtanh": (0.0, 0.0),
    "thresholdedrelu": (0.0,),
}
"""The numbers that an activation has where none are given, as in onnxruntime."""


@dataclass(frozen=True)
class Recurrent(Op):
    """What the cells share.

    Attributes:
        activations: A name for each, of `ACTIVATIONS`.
        clip: Arguments of activations are kept within it.
        reverse: Whether the sequence is read from its end.
        numbers: The two numbers of each activation; none where each has its own of `NUMBERS`.
    """

    activations: tuple[str, ...]
    clip: float = float("inf")
    reverse: bool = False
    numbers: tuple[tuple[float, float], ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise GraphError(f"a cell has no activation {name!r}\n  fix: one of {', '.join(ACTIVATIONS)}")
        if self.numbers and len(self.numbers) != len(self.activations):
            raise GraphError(
                f"{len(self.activations)} activations have {len(self.numbers)} pairs of numbers\n  fix: one for each"
            )

    def shape(self, x: Shape, w: Shape, r: Shape, *rest: Shape) -> Shape:
        if len(x) != 3 or len(w) != 2 or len(r) != 2 or differ(w[1], x[2]) or differ(w[0], r[0]):
            raise ShapeError(
                f"weights {show_shape(w)} and {show_shape(r)} do not read {show_shape(x)}\n"
                "  fix: read (time, batch, features) with weights (gates units, features) and (gates units, units)"
            )
        return (x[0], x[1], r[1])

    def gate(self, i: int, x: Array) -> Array:
        """The activation of one gate, its argument kept within the clip."""
        return self.activate(i, jnp.clip(x, -self.clip, self.clip))

    def activate(self, i: int, x: Array) -> Array:
        """An activation as it is."""
        name = self.activations[i]
        a, b = self.numbers[i] if self.numbers else (*NUMBERS.get(name, ()), 0.0, 0.0)[:2]
        return ACTIVATIONS[name](x, a, b)

    @abstractmethod
    def step(self, states: tuple[Array, ...], x: Array, weights: tuple[Array, ...]) -> tuple[Array, ...]:
        """The states after one more entry of the sequence; the hidden state is the first."""

    def run(
        self, x: Array, lengths: Array, states: tuple[Array, ...], weights: tuple[Array, ...]
    ) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """Every state after every step, zero after the end of a sequence, and after the last step, zero without any."""

        def advance(old: tuple[Array, ...], given: tuple[Array, Array]) -> Any:
            entry, time = given
            alive = (time < lengths)[:, None]
            new = tuple(jnp.where(alive, n, o) for n, o in zip(self.step(old, entry, weights), old, strict=True))
            return new, tuple(jnp.where(alive, n, 0) for n in new)

        states = tuple(jnp.broadcast_to(s, (x.shape[1], s.shape[-1])) for s in states)
        times = jnp.arange(x.shape[0]).astype(lengths.dtype)
        last, kept = lax.scan(advance, states, (x, times), reverse=self.reverse)
        return tuple(kept), tuple(jnp.where((lengths > 0)[:, None], s, 0) for s in last)


@dataclass(frozen=True)
class PlainCell(Recurrent):
    """`h ← f(W x + b + R h + c)`.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x, w, h = jnp.ones((3, 1, 1)), jnp.ones((1, 1)), jnp.zeros((1, 1))
        >>> op = rs.ops.PlainCell(("relu",))
        >>> print(op.forward(x, w, w, jnp.zeros(1), jnp.zeros(1), h, jnp.array([2])).ravel())  # two steps of three
        [1. 2. 0.]
    """

    def step(self, states: tuple[Array, ...], x: Array, weights: tuple[Array, ...]) -> tuple[Array, ...]:
        w, r, b, c = weights
        return (self.gate(0, x @ w.T + b + states[0] @ r.T + c),)

    def forward(self, x: Array, w: Array, r: Array, b: Array, c: Array, h: Array, lengths: Array) -> Array:
        return self.run(x, lengths, (h,), (w, r, b, c))[0][0]


@dataclass(frozen=True)
class GatedCell(Recurrent):
    """The gated recurrent unit, gates in the order update `z`, reset `r`, candidate: `h ← (1 - z) candidate + z h`.

    The reset gate multiplies the hidden state, or if `reset_after` its product with the state weights.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x, w, h = jnp.ones((2, 1, 1)), jnp.ones((3, 1)), jnp.zeros((1, 1))
        >>> op = rs.ops.GatedCell(("sigmoid", "tanh"))
        >>> print(op.forward(x, w, w, jnp.zeros(3), jnp.zeros(3), h, jnp.array([2])).ravel().round(4))
        [0.2048 0.3468]

    Source: Cho et al., *Learning Phrase Representations using RNN Encoder-Decoder*, 2014.
    """

    reset_after: bool = False

    def step(self, states: tuple[Array, ...], x: Array, weights: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,), (w, r, b, c) = states, weights
        from_x = jnp.split(x @ w.T + b, 3, -1)
        rows, shifts = jnp.split(r, 3), jnp.split(c, 3)
        update = self.gate(0, from_x[0] + h @ rows[0].T + shifts[0])
        reset = self.gate(0, from_x[1] + h @ rows[1].T + shifts[1])
        past = reset * (h @ rows[2].T + shifts[2]) if self.reset_after else (reset * h) @ rows[2].T + shifts[2]
        return ((1 - update) * self.gate(1, from_x[2] + past) + update * h,)

    def forward(self, x: Array, w: Array, r: Array, b: Array, c: Array, h: Array, lengths: Array) -> Array:
        return self.run(x, lengths, (h,), (w, r, b, c))[0][0]


@dataclass(frozen=True)
class LongShortCell(Recurrent):
    """Long short-term memory, gates in the order input, output, forget, cell.

    `output` 1 gives the cell states, 2 that after the last step of each sequence, (batch, units).

    Further inputs: the first cell state (batch, units), and peepholes (3 × units,) from the cell to the gates input,
    output and forget. With `coupled` the forget gate is one minus the input gate.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x, w, h = jnp.ones((2, 1, 1)), jnp.ones((4, 1)), jnp.zeros((1, 1))
        >>> op = rs.ops.LongShortCell(("sigmoid", "tanh", "tanh"))
        >>> print(op.forward(x, w, w, jnp.zeros(4), jnp.zeros(4), h, jnp.array([2]), h, jnp.zeros(3)).ravel().round(4))
        [0.3696 0.6505]

    Source: Hochreiter and Schmidhuber, *Long Short-Term Memory*, 1997; Gers, Schraudolph and Schmidhuber, 2002.
    """

    coupled: bool = False
    output: int = 0

    def step(self, states: tuple[Array, ...], x: Array, weights: tuple[Array, ...]) -> tuple[Array, ...]:
        (h, cell), (w, r, b, c, peep) = states, weights
        return long_short_step(self, x @ w.T + b + h @ r.T + c, cell, peep)

    def forward(
        self, x: Array, w: Array, r: Array, b: Array, c: Array, h: Array, lengths: Array, cell: Array, peep: Array
    ) -> Array:
        return chosen(self.output, *self.run(x, lengths, (h, cell), (w, r, b, c, peep)))

    def shape(self, x: Shape, w: Shape, r: Shape, *rest: Shape) -> Shape:
        return chosen_shape(self.output, super().shape(x, w, r, *rest))


@dataclass(frozen=True)
class QuantizedLongShortCell(Recurrent):
    """A `LongShortCell` whose products are those of levels, in 8 bits.

    The sequence is put on 256 levels of its range, the hidden state of each row on 256 levels of the range that it has
    in that step; with more than 256 units those of all rows share one range, as onnxruntime's do. Further inputs: scale
    and zero of the levels of the input weights, then those of the state weights, one for all or one for each of the
    gates × units; the zeros have the type of the levels. `backward` is a proxy: rounding counts as the identity.

    Example:
        >>> import jax.numpy as jnp, reseau as rs
        >>> x, w, h = jnp.ones((2, 1, 1)), jnp.ones((4, 1)), jnp.zeros((1, 1))
        >>> grid = jnp.array(0.01), jnp.array(0, jnp.int8)
        >>> op = rs.ops.QuantizedLongShortCell(("sigmoid", "tanh", "tanh"))
        >>> args = w, w, jnp.zeros(4), jnp.zeros(4), h, jnp.array([2]), h, jnp.zeros(3), *grid, *grid
        >>> print(op.forward(x, *args).ravel().round(4))
        [0.3696 0.6505]
    """

    coupled: bool = False
    output: int = 0

    proxy: ClassVar[bool] = True

    def step(self, states: tuple[Array, ...], x: Array, weights: tuple[Array, ...]) -> tuple[Array, ...]:
        (h, cell), (r, r_scale, peep) = states, weights
        together = (0, 1) if h.shape[1] > ROW_BY_ROW else (1,)
        return long_short_step(self, x + of_levels(on_own_levels(h, together), (r, r_scale)), cell, peep)

    def forward(self, x: Array, w: Array, r: Array, *more: Array) -> Array:
        b, c, h, lengths, cell, peep, w_scale, w_zero, r_scale, r_zero = more
        from_x = of_levels(on_own_levels(x, (0, 1, 2)), on_levels(w, w_scale, w_zero)) + b + c
        state_weights = on_levels(r, r_scale, r_zero)
        return chosen(self.output, *self.run(from_x, lengths, (h, cell), (*state_weights, peep)))

    def shape(self, x: Shape, w: Shape, r: Shape, *rest: Shape) -> Shape:
        return chosen_shape(self.output, super().shape(x, w, r, *rest))


def chosen(output: int, kept: tuple[Array, ...], last: tuple[Array, ...]) -> Array:
    """Of what a long short-term memory ran through, what its `output` says."""
    return last[1] if output == 2 else kept[output]


def chosen_shape(output: int, every: Shape) -> Shape:
    """The shape of `chosen`, from that of a state after every step."""
    return every[1:] if output == 2 else every


def long_short_step(
    cell: LongShortCell | QuantizedLongShortCell, gates: Array, old: Array, peep: Array
) -> tuple[Array, Array]:
    """The hidden and the cell state after a step, from what reaches the four gates."""
    at_input, at_output, at_forget = jnp.split(peep, 3)
    i, o, f, new = jnp.split(gates, 4, -1)
    opened = cell.gate(0, i + at_input * old)
    kept = 1 - opened if cell.coupled else cell.gate(0, f + at_forget * old)
    state = kept * old + opened * cell.gate(1, new)
    return cell.gate(0, o + at_output * state) * cell.activate(2, state), state


def on_levels(x: Array, scale: Array, zero: Array) -> tuple[Array, Array]:
    """How many levels from zero, and their scale, one for all or one for each row; rounding counts as the identity."""
    scale, zero = (jnp.reshape(v, (-1, *(1,) * (x.ndim - 1))) if v.ndim == 1 else v for v in (scale, zero))
    scale = lax.stop_gradient(scale)
    whole = np.iinfo(zero.dtype if jnp.issubdtype(zero.dtype, jnp.integer) else np.uint8)
    levels = Quantize("float", int(whole.min), int(whole.max)).forward(x, scale, zero) - zero.astype(x.dtype)
    exact = x / scale
    return lax.stop_gradient(levels) + (exact - lax.stop_gradient(exact)), scale


def on_own_levels(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """The array on 256 levels from its smallest to its largest entry along the axes, 0 among them."""
    low, high = jnp.minimum(x.min(axes, keepdims=True), 0), jnp.maximum(x.max(axes, keepdims=True), 0)
    scale = jnp.where(high == low, 1, (high - low) / 255)
    zero = Quantize("float", 0, 255).forward(-low, scale, jnp.zeros_like(scale))
    return on_levels(x, scale, lax.stop_gradient(zero))


def of_levels(x: tuple[Array, Array], w: tuple[Array, Array]) -> Array:
    """The product with weights (rows, inputs): that of whole numbers, the same in any order of its sums."""
    return (x[0] @ w[0].T) * (x[1] * w[1].T)
