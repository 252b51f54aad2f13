"""The arrays that are given for a graph's sources: names, shapes and types checked."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from reseau.errors import DataError
from reseau.graph.nodes import Constant, Input, Node
from reseau.ops.base import BATCH, show_shape

__all__ = [
    "WIDE", "Params", "all_finite", "filled_up", "first_rows", "in_bits", "is_wide", "placed", "read_inputs",
    "real_type",
]  # fmt: skip

Params = Mapping[str, Array]

WIDE = ("float64", "int64", "uint64")


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


def all_finite(arrays: Any) -> bool:
    """Whether all real numbers in an array, or in a tree of arrays, are finite."""
    leaves = (a for a in jax.tree.leaves(arrays) if hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jnp.floating))
    return all(bool(np.isfinite(np.asarray(a)).all()) for a in leaves)


def in_bits(array: np.ndarray, what: str) -> np.ndarray:
    """The array, refused where JAX is set to 32 bits and would cut its numbers to them."""
    wanted = jax.dtypes.canonicalize_dtype(array.dtype)
    if wanted == array.dtype:
        return array
    if array.dtype.kind in "iu" and array.size:
        limits = np.iinfo(wanted)
        if limits.min <= array.min() and array.max() <= limits.max:
            return array
    elif not array.size or array.dtype.kind not in "iufc":
        return array
    raise DataError(
        f"{what} holds {array.dtype}, which JAX is set to cut to {wanted}\n"
        "  fix: jax.config.update('jax_enable_x64', True) at the start of the program"
    )


def is_wide(nodes: Iterable[Node]) -> bool:
    """Whether a graph says itself that it computes in 64 bits: by its inputs, its constants, its conversions."""
    for node in nodes:
        kept = node.source.value.dtype if isinstance(node.source, Constant) and node.source.exact else None
        said = node.source.dtype if isinstance(node.source, Input) else getattr(node.op, "dtype", None)
        if said in WIDE or (kept is not None and str(kept) in WIDE):
            return True
    return False


def fixed_shape(node: Node) -> tuple[int, ...]:
    """The shape of a node that has no batch axis."""
    return tuple(int(d) for d in node.shape)


def check_params(own: Mapping[str, Node], params: Params) -> None:
    """Raise `DataError` where they are not called by name, or names or shapes are not those of the network."""
    if not isinstance(params, Mapping):
        raise DataError(
            f"the parameters are {type(params).__name__}, not arrays by name\n"
            "  fix: give them where they belong, as in net(params, x) and net.save(path, params): net.init(seed=0)"
        )
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
                f"parameter {name!r} has the shape {np.shape(params[name])}, the network wants {node.shape}\n"
                "  fix: the parameters of this network, such as net.init(seed=0)"
            )


def check_finite_params(own: Mapping[str, Node], params: Params, who: str) -> None:
    """`check_params`, and raise `DataError` where an entry is not finite."""
    check_params(own, params)
    for name in own:
        if not np.isfinite(np.asarray(params[name], np.float64)).all():
            raise DataError(
                f"{who}: {name!r} has entries that are not finite\n  fix: parameters of a finished training"
            )


def real_type(source: Input, precision: np.dtype[Any]) -> np.dtype[Any] | None:
    """The type of the real numbers that an input reads, where those that follow the parameters have `precision`.

    None where it reads whole numbers, truth values or texts.
    """
    if source.dtype == "float":
        return precision
    return np.dtype(source.dtype) if jnp.issubdtype(np.dtype(source.dtype), jnp.floating) else None


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
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_)):
        raise DataError(f"input {node.name!r} wants numbers, got an array of {array.dtype}\n  fix: an array of numbers")
    if len(array.shape) != len(node.shape) or any(
        isinstance(n, int) and n != m for n, m in zip(node.shape, array.shape, strict=True)
    ):
        one = node.shape[:1] == (BATCH,) and array.shape == node.shape[1:]
        cure = "add the batch axis: x[None]" if one else f"reshape the data to {show_shape(node.shape)}"
        raise DataError(f"input {node.name!r} reads {show_shape(node.shape)}, got {array.shape}\n  fix: {cure}")
    wanted = precision if node.source.dtype == "float" else np.dtype(node.source.dtype)
    # NumPy converts without compiling anything
    given = array if array.dtype == wanted else _converted(node, np.asarray(array), wanted)
    return in_bits(given, f"input {node.name!r}") if isinstance(given, np.ndarray) else given


def _converted(node: Node, array: np.ndarray, wanted: np.dtype[Any]) -> np.ndarray:
    """The array in another type; refused where a whole number would become another number."""
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(wanted)
    if not jnp.issubdtype(wanted, jnp.integer) or np.can_cast(array.dtype, wanted):
        return cast
    kept = (cast if wanted.kind in "iu" else cast.astype(np.int8)) == array  # NumPy compares none of 2 or 4 bits
    if kept.all():
        return cast
    place = tuple(np.argwhere(~kept)[0].tolist())
    limits = jnp.iinfo(wanted)  # type: ignore[no-untyped-call]
    raise DataError(
        f"input {node.name!r} reads {wanted}, and {array[place]} at {place} is no such number\n"
        f"  fix: whole numbers from {limits.min} to {limits.max}, as array.astype({wanted.name!r}) "
        "keeps them"
    )


def read_inputs(nodes: Sequence[Node], given: Sequence[ArrayLike], precision: np.dtype[Any]) -> tuple[Any, ...]:
    """The arrays for all inputs, of which there are as many; a word in their shapes stands for one number."""
    if len(given) != len(nodes):
        names = ", ".join(str(node.name) for node in nodes)
        raise DataError(f"the network reads {len(nodes)} inputs, got {len(given)}\n  fix: give {names}, in this order")
    arrays = tuple(read_input(node, array, precision) for node, array in zip(nodes, given, strict=True))
    met: dict[str, tuple[int, Node]] = {}
    for node, array in zip(nodes, arrays, strict=True):
        for length, n in zip(node.shape, array.shape, strict=True):
            first, other = met.setdefault(length, (n, node)) if isinstance(length, str) else (n, node)
            if first != n:
                raise DataError(
                    f"the axis '{length}' of input {node.name!r} has the length {n}, but that of {other.name!r} has "
                    f"{first}\n  fix: give both the same length"
                )
    return arrays


def filled_up(array: np.ndarray, rows: int) -> np.ndarray:
    """The array with copies of its first row put after its last one, up to this many rows."""
    missing = rows - len(array)
    if not missing:
        return array
    more = np.broadcast_to(array[:1], (missing, *array.shape[1:])) if len(array) else np.zeros((rows, *array.shape[1:]))
    return np.concatenate([array, more.astype(array.dtype, copy=False)])


def first_rows(array: Any, rows: int) -> Any:
    """The first rows, an array of JAX where it is one: NumPy cuts them without compiling anything."""
    return jax.device_put(np.asarray(array)[:rows]) if isinstance(array, Array) else array[:rows]


def placed(arrays: Iterable[Any]) -> bool:
    """Whether an array is one of a program that is being traced, or stands on a device that a person has chosen."""
    return any(isinstance(a, jax.core.Tracer) or getattr(a, "committed", False) for a in arrays)
