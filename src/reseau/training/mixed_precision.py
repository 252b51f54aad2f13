"""Matrix products and convolutions in half the bits, all else as it was."""

from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.errors import DataError
from reseau.graph import Node, rebuilt
from reseau.network import Network
from reseau.objective import Objective
from reseau.ops.base import Op, Shape
from reseau.ops.convolution import Conv, ConvTranspose
from reseau.ops.linear import Affine, Matmul

__all__ = ["computing_in"]

NARROWED = (Affine, Matmul, Conv, ConvTranspose)


def computing_in(objective: Objective, products: str | None, precision: np.dtype[Any]) -> Objective:
    """The objective whose matrix products and convolutions are of this type, with the same parameters in float32.

    What they give is brought back to float32: sums, losses, statistics and the optimizer stay there. bfloat16 has the
    range of float32, so no scale of the loss is needed (Kalamkar et al., *A Study of BFLOAT16 for Deep Learning
    Training*, 2019).

    Raises:
        DataError: The parameters are not float32.
    """
    if products != "bfloat16":
        return objective
    if precision != np.float32:
        raise DataError(
            f"products='bfloat16' keeps parameters in float32, and these are {precision}\n"
            "  fix: parameters in float32, or leave products out"
        )
    return objective.programs.get("bfloat16", lambda: replace(objective, network=narrowed(objective.network)))


@dataclass(frozen=True)
class Narrowed(Op):
    """An operation whose inputs are brought to bfloat16, and its output back to their own type."""

    op: Op
    slow_in_loops = True  # on a CPU, which has few instructions for such numbers

    @property
    def name(self) -> str:
        return self.op.name

    def shape(self, *inputs: Any) -> Shape:
        return self.op.shape(*inputs)

    def forward(self, *inputs: Any) -> Array:
        return self.op.forward(*(x.astype(jnp.bfloat16) for x in inputs)).astype(inputs[0].dtype)


def narrowed(network: Network) -> Network:
    """The same network, its matrix products and convolutions narrowed."""

    def narrow(node: Node, parents: tuple[Node, ...]) -> Node | None:
        return Node(Narrowed(node.op), parents, node.shape, node.name) if isinstance(node.op, NARROWED) else None

    made = rebuilt(network.graph.nodes, narrow)
    return Network(network.graph.inputs, tuple(made[n] for n in network.graph.outputs))
