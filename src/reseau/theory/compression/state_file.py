"""A file of picked rows and of the network they made, from which picking goes on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from reseau.disk import refusals, replace_file
from reseau.errors import DataError, ModelFileError

if TYPE_CHECKING:
    from reseau.theory.compression.learner import Learned

__all__ = ["read_state", "write_state"]


def write_state(path: Path, learned: "Learned", kept: tuple[int, ...], digest: str) -> None:
    """Put the file in its place, whole."""
    from safetensors.numpy import save

    arrays = {f"{i}": np.ascontiguousarray(a) for i, a in enumerate(jax.tree.leaves((learned.params, learned.state)))}
    words = {"picked": json.dumps({"digest": digest, "kept": kept, "step": learned.step})}
    replace_file(path, [save(arrays, words)])


def read_state(path: Path, first: "Learned", digest: str) -> tuple["Learned", tuple[int, ...]] | None:
    """What was written, nothing where there is no file.

    Args:
        path: The file.
        first: The network before the first step, whose arrays have the shapes of those in the file.
        digest: Of the rows and the settings, which must be those of the file.

    Raises:
        ModelFileError: The file is damaged.
        DataError: It is of other rows or settings.
    """
    from safetensors import SafetensorError, safe_open

    from reseau.theory.compression.learner import Learned

    if not path.exists():
        return None
    leaves, shape = jax.tree.flatten((first.params, first.state))
    try:
        with refusals(path), safe_open(path, framework="np") as file:
            words = json.loads(file.metadata()["picked"])
            found: list[Any] = [file.get_tensor(f"{i}") for i in range(len(leaves))]
            kept, step = tuple(int(i) for i in words["kept"]), int(words["step"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: it is no file of picked rows: {error}\n  fix: another path") from error
    fits = all(a.shape == np.shape(b) and a.dtype == np.asarray(b).dtype for a, b in zip(found, leaves, strict=True))
    if words["digest"] != digest or not fits:
        raise DataError(
            f"{path}: it was written for other rows or settings\n  fix: another path, or the same arguments"
        )
    params, state = jax.tree.unflatten(shape, found)
    return Learned(params, state, step), kept
