"""A network as a chain: affine maps, each followed by nothing, a ReLU or a leaky ReLU."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError

__all__ = ["WIDEST", "Chain", "FloatArray", "Layer", "appended", "checked"]

FloatArray = npt.NDArray[np.float64]
WIDEST = 10_000  # numbers that a layer reads: each activation is a matrix of this size squared before it is joined


@dataclass(frozen=True)
class Layer:
    """`z = h W + b`, then `z` where it is positive and `slope z` elsewhere.

    Attributes:
        weight: (in, out).
        bias: (out,).
        slope: From 0, a ReLU, to 1, no activation.
    """

    weight: FloatArray
    bias: FloatArray
    slope: float = 1.0


@dataclass(frozen=True)
class Chain:
    """Layers one after another, from a row of inputs to a row of outputs; the last has no activation.

    Attributes:
        layers: At least one.
        dots: Whether each layer is one product with a matrix and one sum in the program, so that a statement about
            every order of its float32 sums can be made.
    """

    layers: tuple[Layer, ...]
    dots: bool = True

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
            x = z if layer.slope == 1 else np.where(z > 0, z, layer.slope * z)
        return x

    def exact(self, x: Sequence[Fraction]) -> list[Fraction]:
        """The outputs for one row, exact."""
        values = list(x)
        for layer in self.layers:
            bits = lcm(*(v.denominator for v in values))
            grain = _grain(layer)
            h = np.array([int(v * bits) for v in values], dtype=object)
            w = np.array([[int(Fraction(a) * grain) for a in row] for row in layer.weight.tolist()], dtype=object)
            z = [Fraction(int(a), bits * grain) + Fraction(b) for a, b in zip(h @ w, layer.bias.tolist(), strict=True)]
            slope = Fraction(layer.slope)
            values = [v if v > 0 else slope * v for v in z]
        return values


def checked(chain: Chain) -> Chain:
    """The chain, if its numbers are finite and its last layer has no activation."""
    for i, layer in enumerate(chain.layers):
        if not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
            raise DataError(f"layer {i} has weights that are not finite\n  fix: a network that was trained to the end")
        if not 0 <= layer.slope <= 1:
            raise DataError(
                f"layer {i} is a leaky ReLU of slope {layer.slope}, verified are slopes from 0 to 1\n"
                "  fix: net.bounds(params, low, high), intervals for any slope"
            )
    if chain.layers[-1].slope == 1:
        return chain
    n = chain.outputs
    return Chain((*chain.layers, Layer(np.eye(n), np.zeros(n))), chain.dots)


def appended(layers: list[Layer], new: Layer) -> list[Layer]:
    """The layers and one more, joined with the last one where nothing is rounded by it."""
    one = np.array_equal(new.weight, np.eye(len(new.weight)))
    if not layers or not one:
        if layers and layers[-1].slope == 1 and is_identity(layers[-1]):
            return [*layers[:-1], new]
        return [*layers, new]
    last = layers[-1]
    if last.slope == 1 and (not new.bias.any() or not last.bias.any()):
        return [*layers[:-1], Layer(last.weight, last.bias + new.bias, new.slope)]
    return layers if new.slope == 1 and not new.bias.any() else [*layers, new]


def is_identity(layer: Layer) -> bool:
    """Whether what goes into the layer's activation is what it reads."""
    return not layer.bias.any() and np.array_equal(layer.weight, np.eye(len(layer.weight)))


def _grain(layer: Layer) -> int:
    """A power of two whose product with each weight is whole."""
    weights = layer.weight[layer.weight != 0]
    if not weights.size:
        return 1
    return int(2 ** max(0, 53 - int(np.frexp(weights)[1].min())))
