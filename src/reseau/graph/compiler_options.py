"""What XLA is told when it compiles: one table, each entry with its measurement.

An option that the installed JAX does not know is an error of XLA, so each is asked for by the version.
"""

from collections.abc import Iterable

import jax

from reseau.graph.nodes import Node
from reseau.ops.convolution import Conv, ConvTranspose

__all__ = ["ONE_KERNEL", "QUICK", "options_for", "options_of"]

Options = dict[str, str | int | bool]

QUICK: Options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""For what runs once: the time goes into compilation, not into what is compiled."""

ONE_KERNEL: Options = {"xla_cpu_experimental_ynn_fusion_type": ""}
"""For one machine-code function, of which the matrix products of the library YNN cannot be part."""

WIDE_CONVOLUTIONS: Options = {"xla_cpu_experimental_ynn_fusion_type": ""}
"""For convolutions of many channels with jax 0.10, whose library YNN is slower than Eigen there. Two cores, share of
oneDNN's speed with and without: 64×14×14, 32 to 64 channels, forward 0.45 and 0.89, input 0.46 and 0.89; 64×16×16, 64
to 64: 0.47 and 0.75; 16×28×28, 128 to 128: 0.62 and 0.86. Few channels are slower without (1 to 32: 0.61 and 0.14), and
are computed as matrix products. With jax 0.12 and its default, the step of `make bench` (d) takes 14.7 to 18.0 ms, and
with its oneDNN 15.2 to 21.6, so nothing is told to it."""

FEWEST_CHANNELS = 16
"""Channels that a convolution reads and gives, from which it is faster without YNN."""

VERSION = tuple(int(part) for part in jax.__version__.split(".")[:2])


def options_for(wide_convolutions: bool) -> Options | None:
    """The options of a program, for this backend and version of JAX."""
    told = wide_convolutions and jax.default_backend() == "cpu" and VERSION < (0, 11)
    return WIDE_CONVOLUTIONS if told else None


def options_of(nodes: Iterable[Node]) -> Options | None:
    """The options of a program that computes these nodes."""
    return options_for(any(wide(node) for node in nodes))


def wide(node: Node) -> bool:
    """Whether the node is a convolution of many channels in each group."""
    if not isinstance(node.op, Conv | ConvTranspose):
        return False
    *kernel, inputs, filters = (int(n) for n in node.parents[1].shape)
    return max(kernel) > 1 and min(inputs, filters) >= FEWEST_CHANNELS
