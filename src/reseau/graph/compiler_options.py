"""What XLA is told of a program by the nodes that it computes."""

from collections.abc import Iterable

import jax

from reseau.compiler import LIBRARY, SOUND, VERSION, Options
from reseau.graph.nodes import Node
from reseau.ops.convolution import Conv, ConvTranspose

__all__ = ["options_for", "options_of"]

WIDE_CONVOLUTIONS: Options = {LIBRARY: ""}
"""For convolutions of many channels with jax 0.10, whose library YNN is slower than Eigen there. Two cores, share of
oneDNN's speed with and without: 64×14×14, 32 to 64 channels, forward 0.45 and 0.89, input 0.46 and 0.89; 64×16×16, 64
to 64: 0.47 and 0.75; 16×28×28, 128 to 128: 0.62 and 0.86. Few channels are slower without (1 to 32: 0.61 and 0.14), and
are computed as matrix products. With jax 0.12 and its default, the step of `make bench` (d) takes 14.7 to 18.0 ms, and
with its oneDNN 15.2 to 21.6, so YNN keeps them there."""

FEWEST_CHANNELS = 16
"""Channels that a convolution reads and gives, from which it is faster without YNN."""


def options_for(wide_convolutions: bool) -> Options:
    """The options of a program, for this backend and version of JAX."""
    told = wide_convolutions and jax.default_backend() == "cpu" and VERSION < (0, 11)
    return WIDE_CONVOLUTIONS if told else SOUND


def options_of(nodes: Iterable[Node]) -> Options:
    """The options of a program that computes these nodes."""
    return options_for(any(wide(node) for node in nodes))


def wide(node: Node) -> bool:
    """Whether the node is a convolution of many channels in each group."""
    if not isinstance(node.op, Conv | ConvTranspose):
        return False
    *kernel, inputs, filters = (int(n) for n in node.parents[1].shape)
    return max(kernel) > 1 and min(inputs, filters) >= FEWEST_CHANNELS
