"""One checkpoint as one file: a `.safetensors` file of arrays, and metadata about them as JSON.

The metadata carry the digest of the arrays, and a digest of their own stands beside them, so that a changed bit is
found.
A file may come from anywhere: it says nothing that is believed before it is checked, and no array is read whose type
and shape are not those of the run that goes on.
"""

import json
import logging
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import jax
import numpy as np

from reseau.compile_cache import cores
from reseau.errors import DataError, ModelFileError
from reseau.modelfiles.safetensors import NAMES, open_arrays, write_arrays
from reseau.training.fingerprint import digest
from reseau.training.history import Best
from reseau.training.program import Carry

__all__ = ["Checkpoint", "cores", "engine", "read_checkpoint", "read_shards", "write_checkpoint"]

logger = logging.getLogger("reseau")

VERSION = 1
METADATA, CHECK, SHARDS = "checkpoint", "sha256", "shards"
KINDS = {
    **{"step": int, "seconds": float, "since_best": int, "best_loss": float},
    **{"fingerprint": dict, "arrays": str, "engine": str},
}


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands between two chunks of steps.

    Attributes:
        step: Steps taken.
        seconds: Time they took.
        carry: What the next step reads.
        columns: The history of the epochs that are over, without their numbers.
        best: The best epoch so far.
        shards: Shards that each batch is cut in.
    """

    step: int
    seconds: float
    carry: Carry
    columns: Mapping[str, Any]
    best: Best
    shards: int = 1

    def tree(self) -> dict[str, Any]:
        """Everything that is an array."""
        columns = {name: np.asarray(values, np.float64) for name, values in self.columns.items()}
        return self.carry._asdict() | {"history": columns, "best": self.best.params}


def write_checkpoint(path: Path, checkpoint: Checkpoint, fingerprint: Mapping[str, str]) -> None:
    """Write the file; until it is whole and on the disk, it is not there."""
    arrays = {name: np.asarray(leaf) for name, leaf in _leaves(checkpoint.tree()).items()}
    metadata = {
        "version": VERSION,
        "step": checkpoint.step,
        "seconds": checkpoint.seconds,
        "since_best": checkpoint.best.since,
        "best_loss": checkpoint.best.loss,
        "fingerprint": dict(fingerprint),
        "arrays": digest(arrays),
        "engine": engine(),
    } | ({} if checkpoint.shards == 1 else {SHARDS: checkpoint.shards})
    text = json.dumps(metadata)
    write_arrays(path, arrays, {METADATA: text, CHECK: digest(text)})


def read_checkpoint(path: Path, start: Checkpoint, fingerprint: Mapping[str, str], in_epoch: int) -> Checkpoint:
    """The checkpoint that was written.

    Args:
        path: The file.
        start: The same run before its first step: the types and shapes to expect.
        fingerprint: Of the run that shall go on.
        in_epoch: Steps in an epoch.

    Raises:
        ModelFileError: The file is damaged.
        DataError: It is whole, but of another run, or of another version of this program.
    """
    metadata = _metadata(path, open_arrays(path, lambda file: file.metadata()))
    theirs = metadata["fingerprint"]
    other = [what for what in fingerprint | theirs if theirs.get(what) != fingerprint.get(what)]
    if other:
        raise DataError(
            f"{path} is a checkpoint of another run: {' and '.join(filter(None, (', '.join(other[:-1]), other[-1])))} "
            f"{'differ' if len(other) > 1 else 'differs'}\n"
            "  fix: the same settings and data as before, or another folder for this run"
        )
    if metadata["engine"] != engine():
        logger.warning(
            "%s was written by %.200s, this is %s: the bits may not be those of one run",
            path,
            metadata["engine"],
            engine(),
        )
    expected = start.tree()
    expected["best"] = start.carry.params | start.carry.states if metadata["best_loss"] < inf else None
    expected = jax.eval_shape(lambda tree: tree, expected)
    rows = jax.ShapeDtypeStruct((metadata["step"] // in_epoch,), np.float64)
    expected["history"] = dict.fromkeys(start.columns, rows)
    arrays = open_arrays(path, partial(_take, path, _leaves(expected)))
    if digest(arrays) != metadata["arrays"]:
        raise _damaged(path, "its checksum does not fit its arrays")
    found = jax.tree.unflatten(jax.tree.structure(expected), list(arrays.values()))
    return Checkpoint(
        metadata["step"],
        metadata["seconds"],
        Carry(*(found[name] for name in Carry._fields)),
        found["history"],
        Best(found["best"], metadata["best_loss"], metadata["since_best"]),
    )


def read_shards(path: Path) -> int:
    """The shards of a batch in the run of a checkpoint.

    Raises:
        ModelFileError: The file is damaged.
        DataError: It is of another version of this program.
    """
    shards = _metadata(path, open_arrays(path, lambda file: file.metadata())).get(SHARDS, 1)
    if type(shards) is not int or not 0 < shards < 2**31:
        raise _damaged(path, f"{SHARDS!r} is not what it should be")
    return shards


def engine() -> str:
    """What computes: the same steps have the same bits where it is the same."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        return f"jax {jax.__version__} on {device.device_kind}"
    return f"jax {jax.__version__} on {cores()} cores of {processor()}"


def processor() -> str:
    """The model of the CPU; XLA compiles for what it can do."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _leaves(tree: Any) -> dict[str, Any]:
    """The leaves by their paths: `params/hidden.weight`, `optimizer/0/count`."""
    found = jax.tree_util.tree_flatten_with_path(tree)[0]
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in found}
    if len(named) != len(found):
        raise DataError("two arrays of the run have the same path\n  fix: names without '/' for the parameters")
    return named


def _metadata(path: Path, found: Mapping[str, str] | None) -> dict[str, Any]:
    """The metadata of the file, each entry of its type."""
    found = found or {}
    text = found.get(METADATA, "")
    if not text or found.get(CHECK) != digest(text):
        raise _damaged(path, "its checksum does not fit its metadata")
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "its metadata are not JSON") from error
    version = metadata.get("version") if isinstance(metadata, dict) else None
    if version != VERSION:
        raise DataError(
            f"{path} is a checkpoint of the format {version!s:.20}, this program reads {VERSION}\n"
            "  fix: the version of reseau that wrote it, or checkpoint= with another folder"
        )
    for name, kind in KINDS.items():
        value = metadata.get(name)
        if type(value) is not kind or (isinstance(value, int) and not 0 <= value < 2**63):
            raise _damaged(path, f"{name!r} is not what it should be")
    return metadata


def _take(path: Path, wanted: Mapping[str, Any], file: Any) -> dict[str, np.ndarray]:
    """The arrays in the order of `wanted`; none is read before all their types and shapes are right."""
    names = set(file.keys())
    if names != wanted.keys():
        odd = min(names ^ wanted.keys())
        raise _damaged(path, f"the array {odd!r} is {'not expected' if odd in names else 'missing'}")
    for name, leaf in wanted.items():
        part = file.get_slice(name)
        if (part.get_dtype(), tuple(part.get_shape())) != (NAMES.get(np.dtype(leaf.dtype).name), leaf.shape):
            raise _damaged(path, f"the array {name!r} has another type or shape")
    return {name: file.get_tensor(name) for name in wanted}


def _damaged(path: Path, what: str) -> ModelFileError:
    return ModelFileError(f"{path}: {what}\n  fix: remove it")
