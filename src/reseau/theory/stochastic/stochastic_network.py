"""A network whose weights are drawn anew for each prediction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from reseau.errors import DataError, ModelFileError
from reseau.graph import State, state
from reseau.graph.values import check_finite_params
from reseau.named_arguments import names_arguments
from reseau.network import Network, arrays_of, load

__all__ = ["StochasticNetwork", "drawn"]

ENDING = ".deviation"
WORD = "stochastic"


@names_arguments
@dataclass(frozen=True, eq=False)
class StochasticNetwork:
    """Independent normal weights.

    Attributes:
        network: The network.
        mean: Of each of its parameters; its states, which do not vary, are here too.
        deviation: Of each of its parameters, an array of its shape, above 0.

    Raises:
        DataError: A deviation is missing, has another shape, or is not above 0.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(x, 1, name="y"))
        >>> mean = net.init(0)
        >>> varied = rs.theory.StochasticNetwork(net, mean, {name: np.exp(v) for name, v in mean.items()})
        >>> varied(7, [[1.0, 1.0]]).shape, bool(varied(7, [[1.0, 1.0]]) == varied(8, [[1.0, 1.0]]))
        ((1, 1), False)
    """

    network: Network
    mean: Mapping[str, Array] = field(repr=False)
    deviation: Mapping[str, Array] = field(repr=False)

    def __post_init__(self) -> None:
        check_finite_params(self.network.graph.stored, self.mean, "StochasticNetwork")
        for name in self.network.graph.parameters:
            found = np.asarray(self.deviation.get(name, ()))
            if found.shape != np.shape(self.mean[name]) or not (np.isfinite(found).all() and (found > 0).all()):
                raise DataError(
                    f"the deviation of {name!r} has the shape {found.shape}, or is not above 0\n"
                    f"  fix: a positive number for each entry, {np.shape(self.mean[name])}"
                )

    def sample(self, key: int | Array) -> dict[str, Array]:
        """One draw of the parameters, and the states; equal keys give equal draws.

        Args:
            key: A whole number, or a key of `jax.random`.
        """
        own = jax.random.key(key) if isinstance(key, int | np.integer) else key
        return drawn(own, self.mean, {name: self.deviation[name] for name in self.network.graph.parameters})

    def __call__(self, key: int | Array, *inputs: ArrayLike) -> Any:
        """The outputs of one draw. What is certified draws anew for each row."""
        return self.network(self.sample(key), *inputs)

    def save(self, path: str | PathLike[str]) -> None:
        """Write it as a model file whose further outputs are the deviations.

        Example:
            >>> import tempfile, reseau as rs
            >>> path = tempfile.mkdtemp() + "/varied.safetensors"
            >>> net = rs.Network(x := rs.input("x", (2,)), rs.affine(x, 1, name="y"))
            >>> varied = rs.theory.StochasticNetwork(net, net.init(0), {k: np.exp(v) for k, v in net.init(0).items()})
            >>> varied.save(path)
            >>> bool((rs.theory.StochasticNetwork.load(path)(3, [[1.0, 2.0]]) == varied(3, [[1.0, 2.0]])).all())
            True
        """
        values = {name + ENDING: np.asarray(self.deviation[name]) for name in self.network.graph.parameters}
        held = tuple(state(value, name=name) for name, value in values.items())
        whole = Network(self.network.graph.inputs, (*self.network.graph.outputs, *held))
        whole.metadata = self.network.metadata | {WORD: "normal"}
        whole.save(path, dict(self.mean) | arrays_of(values))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "StochasticNetwork":
        """What `save` wrote.

        Raises:
            ModelFileError: The file is missing, damaged, or of a network with fixed weights.
        """
        whole, params = load(path)
        if whole.metadata.get(WORD) != "normal":
            raise ModelFileError(f"{path}: its weights are fixed\n  fix: rs.load(path)")
        names = whole.graph.names
        outputs = [n for n in whole.graph.outputs if not (isinstance(n.source, State) and names[n].endswith(ENDING))]
        network = Network(whole.graph.inputs, outputs)
        network.metadata = {k: v for k, v in whole.metadata.items() if k != WORD}
        own = {name: params[name] for name in network.graph.stored}
        varying = [name for name in network.graph.parameters if name + ENDING in params]
        return cls(network, own, {name: params[name + ENDING] for name in varying})


def drawn(key: Array, mean: Mapping[str, Any], deviation: Mapping[str, Any]) -> dict[str, Array]:
    """One draw of the parameters, and the states as they are."""
    found = {name: jnp.asarray(value) for name, value in mean.items()}
    sizes = {name: found[name].size for name in deviation}
    numbers = jax.random.normal(key, (sum(sizes.values()),))
    start = 0
    for name, size in sizes.items():
        own = numbers[start : start + size].reshape(found[name].shape)
        found[name] += deviation[name] * own.astype(found[name].dtype)
        start += size
    return found
