"""The parameters of a call: checked once, while they are the same arrays, and what follows from them."""

import weakref
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.graph import Graph
from reseau.graph.fork import check_process
from reseau.graph.values import WIDE, Params, check_params, is_wide, placed, precision_of

__all__ = ["Known", "Parameters", "bits"]


class Known(NamedTuple):
    """What is known of the parameters of a call.

    Attributes:
        precision: The type of real numbers that follow them.
        wide: Whether the network computes in 64 bits with them.
        placed: Whether one of them belongs to a program that is being traced, or stands on a device that was chosen.
    """

    precision: np.dtype[Any]
    wide: bool
    placed: bool


class Parameters:
    """What parameters of a graph must be, and what the last ones were.

    Arrays of JAX never change, so what was checked of one stays true; it is not kept alive for that.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._last: tuple[Mapping[str, weakref.ref[Array]], np.dtype[Any], Known] | None = None

    def of(self, params: Params) -> tuple[dict[str, Array], Known]:
        """The parameters as arrays of JAX, in their order in the graph, and what is known of them.

        Raises:
            DataError: Names or shapes are not those of the graph.
        """
        check_process()
        own, last = self._graph.stored, self._last
        if not isinstance(params, Mapping):
            check_params(own, params)
        if last is not None and last[1] == jax.dtypes.canonicalize_dtype(np.float64) and len(params) == len(last[0]):
            given = [(params.get(name), kept) for name, kept in last[0].items()]
            if all([value is not None and value is kept() for value, kept in given]):
                return {name: params[name] for name in own}, last[2]
        wide = self.wide(params)
        with bits(wide):
            check_params(own, params)
            arrays = {k: params[k] if isinstance(params[k], Array) else jnp.asarray(params[k]) for k in own}
            known = Known(self.precision(arrays), wide, placed(arrays.values()))
        if all(arrays[k] is params[k] and not isinstance(arrays[k], jax.core.Tracer) for k in own):
            self._last = (
                {k: weakref.ref(v) for k, v in arrays.items()},
                jax.dtypes.canonicalize_dtype(np.float64),
                known,
            )
        return arrays, known

    def precision(self, params: Params) -> np.dtype[Any]:
        """The type of real numbers that follow the parameters: whole numbers of 64 bits do not make them longer."""
        bare = not any(jnp.issubdtype(v.dtype, jnp.floating) for v in params.values())
        return np.dtype(np.float32) if bare and self._wide else precision_of(params)

    def wide(self, values: Mapping[Any, Array]) -> bool:
        """Whether the network computes in 64 bits where these are its values."""
        return self._wide or any(str(getattr(v, "dtype", "")) in WIDE for v in values.values())

    @cached_property
    def _wide(self) -> bool:
        return is_wide(self._graph.nodes)


def bits(wide: bool) -> AbstractContextManager[Any]:
    """The setting of JAX under which nothing is cut to 32 bits, where that is needed."""
    return jax.enable_x64(True) if wide else nullcontext()
