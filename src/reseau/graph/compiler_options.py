"""What XLA is told of a program by the nodes that it computes."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from reseau.compiler import LIBRARY, SOUND, VERSION, Options
from reseau.graph.nodes import Constant, Node
from reseau.ops.convolution import Conv, ConvTranspose
from reseau.ops.linear import Affine, Matmul

__all__ = ["options_for", "options_of", "options_of_inference"]

WIDE_CONVOLUTIONS: Options = {LIBRARY: ""}
"""For convolutions of many channels with jax 0.10, whose library YNN is slower than Eigen there. Two cores, share of
oneDNN's speed with and without: 64×14×14, 32 to 64 channels, forward 0.45 and 0.89, input 0.46 and 0.89; 64×16×16, 64
to 64: 0.47 and 0.75; 16×28×28, 128 to 128: 0.62 and 0.86. Few channels are slower without (1 to 32: 0.61 and 0.14), and
are computed as matrix products. With jax 0.12 and its default, the step of `make bench` (d) takes 14.7 to 18.0 ms, and
with its oneDNN 15.2 to 21.6, so YNN keeps them there."""

WITHOUT_PRODUCTS = {
    f"reseau.ops.{name}"
    for name in ("activations", "arithmetic", "comparison", "functions", "normalization", "pooling", "reduction")
}
"""Modules of operations that multiply no matrices, and whose sums and maxima YNN may compute."""

FEWEST_CHANNELS = 16
"""Channels that a convolution reads and gives, from which it is faster without YNN."""


def options_for(wide_convolutions: bool) -> Options:
    """The options of a program, for this backend and version of JAX."""
    told = wide_convolutions and jax.default_backend() == "cpu" and VERSION < (0, 11)
    return WIDE_CONVOLUTIONS if told else SOUND


def options_of(nodes: Iterable[Node]) -> Options:
    """The options of a program that computes these nodes."""
    return options_for(any(wide(node) for node in nodes))


def options_of_inference(nodes: Iterable[Node], held: Mapping[Node, Any]) -> Options:
    """The options of a program that computes these nodes going forward, with what is held as a part of it.

    They are XLA's own where no second factor of a product can be one number repeated (see `SOUND`): it is an argument
    of the program or an array of several numbers. With two cores and jax 0.10 a softmax of 1024×100 after two affine
    maps takes 0.53 of its time so, a layer normalization of 4096×512 0.8.
    """
    nodes = list(nodes)
    told = options_of(nodes)
    if told == SOUND and all(
        n.op is None or type(n.op).__module__ in WITHOUT_PRODUCTS or varied_factor(n, held) for n in nodes
    ):
        return {}
    return told


def varied_factor(node: Node, held: Mapping[Node, Any]) -> bool:
    """Whether the node is a product by an array as it is given, which is not one number repeated."""
    if not isinstance(node.op, Affine | Matmul) and not (isinstance(node.op, Conv) and node.op.groups == 1):
        return False
    factor = node.parents[1]
    if factor.op is not None:
        return False
    value = factor.source.value if isinstance(factor.source, Constant) else held.get(factor)
    return value is None or bool(np.ptp(np.asarray(value, np.float64)) > 0)


def wide(node: Node) -> bool:
    """Whether the node is a convolution of many channels in each group."""
    if not isinstance(node.op, Conv | ConvTranspose):
        return False
    *kernel, inputs, filters = (int(n) for n in node.parents[1].shape)
    return max(kernel) > 1 and min(inputs, filters) >= FEWEST_CHANNELS
