"""The data of a fit as checked arrays: inputs, targets and weights, row by row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from reseau.errors import DataError
from reseau.graph import Input, Node
from reseau.graph.values import read_input, real_type
from reseau.losses import Loss
from reseau.ops.base import BATCH, Shape, show_shape
from reseau.ops.lengths import differ, value, words_of

__all__ = ["Examples", "finite"]


@dataclass(frozen=True)
class Examples:
    """Checked data: inputs, targets and weights, row by row. The weights have mean 1."""

    inputs: tuple[Array, ...]
    targets: tuple[Array, ...]
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.weights)


def target(name: str, output: Node, loss: Loss) -> Node:
    """The input of the objective that holds the targets of an output."""
    shape = loss.target_shape(output.shape)
    if shape[:1] != (BATCH,):
        raise DataError(
            f"output {output.label} has the shape {show_shape(output.shape)}, and a loss reads one row an example, "
            "(batch, ...)\n"
            "  fix: rs.load(path, batch=True) where a file calls the rows otherwise, or, for any output as a whole, "
            "jax.grad(lambda params: jnp.mean(net(params, x) ** 2))(params)"
        )
    return Node(None, (), shape, name, Input(loss.target_dtype))


def _read_target(
    loss: Loss, node: Node, scores: Shape, given: np.ndarray, precision: np.dtype[Any], words: Mapping[str, int]
) -> Array:
    """The targets of an output; `words` are the lengths of the inputs' open axes, which targets share."""
    if given.dtype.kind not in "fiub":
        raise DataError(
            f"the targets are {given.dtype}, not numbers\n  fix: number the classes: np.unique(y, return_inverse=True)"
        )
    # scores (n, 1) and targets (n,) would broadcast to (n, n); columns that only differ by an axis of 1 are the same
    if given.ndim + 1 == len(node.shape) and node.shape[-1] == 1:
        given = given[..., None]
    elif given.ndim == len(node.shape) + 1 and given.shape[-1] == 1:
        given = given[..., 0]
    elif given.ndim == len(node.shape) + 1 and given.shape[-1] == scores[-1] and loss.target_dtype == "int32":
        raise DataError(
            f"the targets are {given.shape}, and {type(loss).__name__} wants the number of each row's class\n"
            "  fix: y.argmax(axis=-1), if 1 stands at the class and 0 elsewhere"
        )
    given = np.asarray(finite(given, "the target", _dtype_of(node, precision)))
    wanted = tuple(value(n, words) if set(words_of(n)) <= words.keys() else n for n in node.shape[1:])
    if given.ndim == len(node.shape) and any(map(differ, given.shape[1:], wanted)):
        raise DataError(
            f"the target has the shape {given.shape}, and its output {show_shape((BATCH, *wanted))} for these inputs\n"
            "  fix: give one target for each score"
        )
    loss.check(given, scores)
    return read_input(node, given, precision)


def _dtype_of(node: Node, precision: np.dtype[Any]) -> np.dtype[Any] | None:
    """The type that real numbers given for a source are brought to; none where it reads whole numbers."""
    assert isinstance(node.source, Input)
    return real_type(node.source, precision)


def finite(given: Any, what: str, dtype: np.dtype[Any] | None, blanks: bool = False) -> Any:
    """The array, real numbers in this type, if all of them are finite, or NaN where blanks are allowed."""
    array = unmasked(given, what)
    if array.dtype.kind != "f" and (dtype != np.float16 or array.dtype.kind not in "iu"):
        return given  # whole numbers are finite, but in half precision
    # the sum is finite only if all its terms are, save where it overflows, and costs far less than a look at each
    with np.errstate(all="ignore"):
        cast = array if dtype is None else array.astype(dtype, copy=False)
        if np.isfinite(cast.sum()) or np.isfinite(cast).all():
            return given if cast is array else cast
    bad = np.isinf(cast) if blanks else ~np.isfinite(cast)
    if not bad.any():
        return cast
    row, *rest = np.argwhere(bad)[0].tolist()
    place = f"row {row}, place {tuple(rest)}" if rest else f"row {row}"
    value = array[(row, *rest)]
    inside, cure = "", "drop such rows, or fill them in, before training"
    if np.isfinite(value):
        inside, cure = f" in {dtype}", f"scale it to the range of {dtype}, or compute in dtype='float64'"
    raise DataError(f"{what} holds {value}, which is not finite{inside}, in {place}\n  fix: {cure}")


def unmasked(given: Any, what: str) -> np.ndarray:
    """The array, where it is one and hides no entry."""
    if np.ma.is_masked(given):
        raise DataError(f"{what} has masked entries, which training would read\n  fix: fill them in, or drop such rows")
    try:
        return np.asarray(given)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} is no array: {error}\n  fix: give rows of the same length") from None


def _read_weights(sample_weight: ArrayLike | None, n: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(n)
    given = unmasked(sample_weight, "sample_weight")
    if given.dtype.kind not in "fiub":
        raise DataError(f"sample_weight is {given.dtype}, not numbers\n  fix: one number of at least 0 for each row")
    weights = np.asarray(given, np.float64)
    if weights.shape != (n,):
        raise DataError(
            f"sample_weight has the shape {weights.shape}, the data has {n} rows\n  fix: one number for each row"
        )
    odd = ~(np.isfinite(weights) & (weights >= 0))
    if odd.any():
        row = int(odd.argmax())
        raise DataError(
            f"sample_weight is {weights[row]:g} in row {row}\n  fix: finite weights of at least 0; 0 leaves a row out"
        )
    if not weights.any():
        raise DataError(
            "every row has the weight 0, so there is nothing to learn from\n"
            "  fix: a sample_weight, or a class_weight, above 0 for the rows that count"
        )
    shares = weights / weights.max()  # their sum is a number between 1 and n, however large or small they are
    return np.asarray(shares * (n / shares.sum()))
