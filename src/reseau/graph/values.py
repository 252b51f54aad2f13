"""The arrays that are given for a graph's sources: names, shapes and types checked."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from reseau.errors import DataError
from reseau.graph.nodes import Input, Node
from reseau.ops.base import BATCH, show_shape

__all__ = ["Params"]

Params = Mapping[str, Array]


def check_dtype(dtype: str) -> np.dtype[Any]:
    """The precision of parameters, refused where JAX would silently give another."""
    precision: np.dtype[Any] = np.dtype(dtype)
    if precision.kind != "f":
        raise DataError(f"parameters are real numbers, got dtype {dtype!r}\n  fix: dtype='float32'")
    if jax.dtypes.canonicalize_dtype(precision) != precision:
        raise DataError(
            f"JAX is set to 32 bits and would turn {dtype} into {jax.dtypes.canonicalize_dtype(precision)}\n"
            "  fix: jax.config.update('jax_enable_x64', True) at the start of the program"
        )
    return precision


def precision_of(params: Params) -> np.dtype[Any]:
    """The real-number type of the parameters, or JAX's own where there are none."""
    for value in params.values():
        if jnp.issubdtype(value.dtype, jnp.floating):
            return np.dtype(jax.dtypes.canonicalize_dtype(value.dtype))
    return np.dtype(jnp.result_type(float))


def fixed_shape(node: Node) -> tuple[int, ...]:
    """The shape of a node that has no batch axis."""
    return tuple(int(d) for d in node.shape)


def check_params(own: Mapping[str, Node], params: Params) -> None:
    """Raise `DataError` where names or shapes are not those of the network."""
    missing, foreign = [n for n in own if n not in params], [n for n in params if n not in own]
    if missing or foreign:
        said = [
            f"{what} {', '.join(map(repr, names[:5]))}"
            for what, names in (("missing", missing), ("unknown", foreign))
            if names
        ]
        raise DataError(f"these are not this network's parameters: {'; '.join(said)}\n  fix: net.init(seed=0)")
    for name, node in own.items():
        if np.shape(params[name]) != node.shape:
            raise DataError(
                f"parameter {name!r} has the shape {np.shape(params[name])}, the network wants {node.shape}"
            )


def read_texts(node: Node, array: Any) -> np.ndarray:
    """The texts that are given for an input, an array of NumPy."""
    if array.dtype.kind not in "OUS":
        raise DataError(f"input {node.name!r} reads texts, got an array of {array.dtype}\n  fix: np.array(['a', 'b'])")
    if len(array.shape) != len(node.shape):
        raise DataError(
            f"input {node.name!r} reads {show_shape(node.shape)}, got {array.shape}\n  fix: reshape the data"
        )
    texts = [t.decode() if isinstance(t, bytes) else str(t) for t in array.ravel().tolist()]
    return np.array(texts, object).reshape(array.shape)


def read_input(node: Node, given: ArrayLike, precision: np.dtype[Any]) -> Any:
    """The array that is given for an input, in its type, its shape checked."""
    assert isinstance(node.source, Input)
    array = given if isinstance(given, Array) else np.asarray(given)
    if node.source.dtype == "str":
        return read_texts(node, array)
    if array.dtype.kind not in "fiub" and not jnp.issubdtype(array.dtype, jnp.floating):
        raise DataError(f"input {node.name!r} wants numbers, got an array of {array.dtype}")
    if len(array.shape) != len(node.shape) or array.shape[1:] != node.shape[1:]:
        one = array.shape == node.shape[1:]
        cure = "add the batch axis: x[None]" if one else f"reshape the data to {show_shape((BATCH, *node.shape[1:]))}"
        raise DataError(f"input {node.name!r} reads {show_shape(node.shape)}, got {array.shape}\n  fix: {cure}")
    wanted = precision if node.source.dtype == "float" else np.dtype(node.source.dtype)
    # NumPy converts without compiling anything
    return array if array.dtype == wanted else np.asarray(array).astype(wanted)
