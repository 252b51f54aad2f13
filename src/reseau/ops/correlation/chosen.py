"""The linear map behind convolutions, and its two transposes, each computed by the method that is chosen for it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
from jax import Array, lax

from reseau.ops.correlation.choice import Shapes, block_of, choose
from reseau.ops.correlation.direct import Direct
from reseau.ops.correlation.im2col import Rows
from reseau.ops.correlation.parts import Blocks, Method, Shares, Split, Stacked
from reseau.ops.correlation.shifts import Shifts
from reseau.ops.windows import Windows

__all__ = ["Correlation", "by"]


@dataclass(frozen=True)
class Correlation:
    """`y[b, p, o] = Σ_k Σ_i x[b, p stride + k dilation - before, i] w[k, i, o]`, with `x` zero outside its lengths.

    The j-th of `groups` equal runs of output channels reads the j-th run of input channels only. On a CPU the method
    of each pass is chosen by shapes and type (`choice.choose`); elsewhere it is XLA's convolution.
    """

    windows: Windows
    groups: int

    def apply(self, x: Array, w: Array) -> Array:
        """`y`, from `x` (batch, *lengths, in) and `w` (*kernel, in / groups, out)."""
        return computed(x, w, which="forward", shapes=self.shapes(x.shape, w.shape[-1], x.dtype.name))

    def to_input(self, g: Array, w: Array, lengths: tuple[int, ...]) -> Array:
        """Cotangent of `x`, whose spatial axes have these lengths."""
        x = (len(g), *lengths, w.shape[-2] * self.groups)
        g = g.astype(w.dtype)  # a bias of more bits gives cotangents of more bits
        return computed(g, w, which="input", shapes=self.shapes(x, w.shape[-1], g.dtype.name))

    def to_weight(self, x: Array, g: Array) -> Array:
        """Cotangent of `w`."""
        return computed(x, g.astype(x.dtype), which="weight", shapes=self.shapes(x.shape, g.shape[-1], x.dtype.name))

    def shapes(self, x: tuple[int, ...], filters: int, dtype: str) -> Shapes:
        """What the method is chosen by."""
        return Shapes(x[0], x[1:-1], self.windows, x[-1], filters, self.groups, dtype)


# compiled once for each shape where it is called outside a compiled program, and a part of the program inside one
@partial(jax.jit, static_argnames=("which", "shapes"), inline=True)
def computed(a: Array, b: Array, which: str, shapes: Shapes) -> Array:
    """A pass by the method chosen for a CPU, or on another device by XLA's convolution."""
    direct, chosen = by("xla", which, shapes), choose(which, shapes)
    if chosen == "xla":
        return direct(a, b)
    return lax.platform_dependent(a, b, cpu=by(chosen, which, shapes), default=direct)


def by(name: str, which: str, shapes: Shapes) -> Callable[[Array, Array], Array]:
    """A pass over these shapes by the method of this name, as a function of its two arrays."""
    method = method_of(name, which, shapes)
    if which == "input":
        return partial(method.to_input, lengths=shapes.lengths)
    return method.apply if which == "forward" else method.to_weight


def method_of(name: str, which: str, shapes: Shapes) -> Method:
    """The method of this name for a pass over these shapes."""
    match name:
        case "shares":
            return Shares(Direct(shapes.windows, 1), SHARES)
        case "rows":
            return Rows(shapes.windows)
        case "blocks":
            return Blocks(Rows(shapes.windows), block_of(shapes))
        case "shifts":
            return Shifts(shapes.windows, shapes.filters // shapes.inputs)
        case "split":
            return Split(method_of(choose(which, shapes.group), which, shapes.group), shapes.groups)
        case "stacked":
            return Stacked(Rows(shapes.windows), shapes.groups)
    return Direct(shapes.windows, shapes.groups)


SHARES = 2
"""Parts of the batch whose cotangents of a weight XLA computes side by side; each takes one core."""
