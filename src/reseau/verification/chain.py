"""A network as a chain: affine maps, each followed by nothing, a ReLU or a leaky ReLU."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError, UnsupportedError

__all__ = ["WIDEST", "Chain", "FloatArray", "Layer", "appended", "checked"]

FloatArray = npt.NDArray[np.float64]
WIDEST = 10_000  # numbers that a layer reads: each activation is a matrix of this size squared before it is joined


@dataclass(frozen=True)
class Layer:
    """`z = h W + b`, then `z` where it is positive and `slope z` elsewhere.

    Attributes:
        weight: (in, out).
        bias: (out,).
        slope: From 0, a ReLU, to 1, no activation; of all units, or (out,).
        doubt: By how much of itself each weight and each bias may be another, since the network's is no float.
    """

    weight: FloatArray
    bias: FloatArray
    slope: float | FloatArray = 1.0
    doubt: float = 0.0

    @property
    def slopes(self) -> FloatArray:
        """The slope of each unit, (out, 1)."""
        return np.broadcast_to(np.asarray(self.slope, np.float64).reshape(-1, 1), (len(self.bias), 1))

    @property
    def linear(self) -> bool:
        """Whether there is no activation."""
        return bool(np.all(self.slope == np.float64(1)))


@dataclass(frozen=True)
class Chain:
    """Layers one after another, from a row of inputs to a row of outputs; the last has no activation.

    Attributes:
        layers: At least one.
        dots: Whether each layer is one product with a matrix and one sum in the program, so that a statement about
            every order of its float32 sums can be made.
        shapes: Of the input and of the output in a file.
    """

    layers: tuple[Layer, ...]
    dots: bool = True
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    @property
    def inputs(self) -> int:
        """How many numbers it reads."""
        return int(self.layers[0].weight.shape[0])

    @property
    def outputs(self) -> int:
        """How many numbers it gives."""
        return int(self.layers[-1].weight.shape[1])

    def __call__(self, x: FloatArray) -> FloatArray:
        """The outputs for rows of inputs, in float64 and rounded."""
        for layer in self.layers:
            z = x @ layer.weight + layer.bias
            x = z if layer.linear else np.where(z > 0, z, layer.slope * z)
        return x

    def exact(self, x: Sequence[Fraction]) -> list[Fraction]:
        """The outputs for one row, exact where there is no doubt."""
        return self._evaluated(x)[0]

    def ends(self, x: Sequence[Fraction]) -> list[tuple[Fraction, Fraction]]:
        """The smallest and the largest that each output for one row can be."""
        values, errors = self._evaluated(x)
        return [(v - e, v + e) for v, e in zip(values, map(Fraction, errors.tolist()), strict=True)]

    def _evaluated(self, x: Sequence[Fraction]) -> tuple[list[Fraction], FloatArray]:
        """The outputs for one row, exact but for errors, which are rounded up."""
        values, errors = list(x), np.zeros(len(x))
        for layer in self.layers:
            bits = lcm(*(v.denominator for v in values))
            grain = _grain(layer)
            h = np.array([int(v * bits) for v in values], dtype=object)
            w = np.array([[int(Fraction(a) * grain) for a in row] for row in layer.weight.tolist()], dtype=object)
            z = [Fraction(int(a), bits * grain) + Fraction(b) for a, b in zip(h @ w, layer.bias.tolist(), strict=True)]
            if layer.doubt or errors.any():
                size, magnitude = np.abs(np.array([float(v) for v in values])) + errors, np.abs(layer.weight)
                terms = size @ magnitude + np.abs(layer.bias)
                errors = (errors @ magnitude + layer.doubt * terms) * (1 + 1e-9) + 1e-300
            else:
                errors = np.zeros(len(z))
            # no activation is steeper than 1, so that errors do not grow by it
            values = [v if v > 0 else Fraction(s) * v for v, s in zip(z, layer.slopes[:, 0].tolist(), strict=True)]
        return values, errors


def checked(chain: Chain) -> Chain:
    """The chain, if its numbers are finite and its last layer has no activation."""
    for i, layer in enumerate(chain.layers):
        if not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
            raise DataError(f"layer {i} has weights that are not finite\n  fix: a network that was trained to the end")
        if not ((layer.slopes >= 0) & (layer.slopes <= 1)).all():
            raise UnsupportedError(
                f"layer {i} is a leaky ReLU of slope {layer.slope}, verified are slopes from 0 to 1\n"
                "  fix: net.bounds(params, low, high), intervals for any slope"
            )
    if chain.layers[-1].linear:
        return chain
    n = chain.outputs
    return replace(chain, layers=(*chain.layers, Layer(np.eye(n), np.zeros(n))))


def appended(layers: list[Layer], new: Layer) -> list[Layer]:
    """The layers and one more, joined with the last one where nothing is rounded by it."""
    if not layers:
        return [new]
    last = layers[-1]
    if last.linear and selects(last):
        return [*layers[:-1], Layer(last.weight @ new.weight, new.bias, new.slope, new.doubt)]
    if new.doubt or not np.array_equal(new.weight, np.eye(len(new.weight))):
        return [*layers, new]
    if last.linear and (not new.bias.any() or not last.bias.any()):
        return [*layers[:-1], Layer(last.weight, last.bias + new.bias, new.slope, last.doubt)]
    return layers if new.linear and not new.bias.any() else [*layers, new]


def selects(layer: Layer) -> bool:
    """Whether each number that the layer reads goes to at most one unit, as it is: a product with it is not rounded."""
    there = layer.weight != 0
    return bool(
        not layer.doubt and not layer.bias.any() and (there.sum(1) <= 1).all() and (layer.weight[there] == 1).all()
    )


def _grain(layer: Layer) -> int:
    """A power of two whose product with each weight is whole."""
    weights = layer.weight[layer.weight != 0]
    if not weights.size:
        return 1
    return int(2 ** max(0, 53 - int(np.frexp(weights)[1].min())))
