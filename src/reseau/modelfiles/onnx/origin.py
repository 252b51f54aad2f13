"""What a file written by us says of the network it was made from, and whether it still says so truly.

The description of the graph and the rearrangement of every array stand in `metadata_props`. They are believed only
while the nodes of the file are the ones that were written: another program may change the weights, and they are
read; where it changes the graph, the file is read like any other.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import onnx

from reseau.errors import ModelFileError
from reseau.graph import Graph
from reseau.modelfiles import description
from reseau.modelfiles.onnx.emit import Step, Stored, undo_steps

__all__ = ["DOCUMENTATION", "KEYS", "describe", "digest", "restore"]

KEYS = ("reseau", "reseau.arrays", "reseau.digest")

DOCUMENTATION = ("documentation", "documentation of the graph")
"""The keys of metadata that stand for the documentation strings of a file."""


def describe(graph: Graph, params: Mapping[str, np.ndarray], stored: Mapping[str, Stored]) -> dict[str, str] | None:
    """The words that let `restore` give back this very graph; `None` where the file cannot hold all of it."""
    try:
        described, _ = description.describe(graph, params, firsts=False)
    except ModelFileError:
        return None
    for record in described["nodes"]:
        if "source" in record and record["source"] != "input" and record["name"] not in stored:
            return None
    arrays = {name: [s.name, s.steps] for name, s in stored.items()}
    return {"reseau": json.dumps(described, allow_nan=False), "reseau.arrays": json.dumps(arrays)}


def digest(graph: onnx.GraphProto) -> str:
    """A fingerprint of everything but the values of the initializers."""
    said = sha256()
    for part in (*graph.node, *graph.input, *graph.output):
        said.update(part.SerializeToString(deterministic=True))
    for tensor in sorted(graph.initializer, key=lambda t: (isinstance(t.name, bytes), t.name)):
        said.update(f"{tensor.name} {tensor.data_type} {list(tensor.dims)}".encode())
    return said.hexdigest()


def restore(words: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> tuple[Graph, dict[str, np.ndarray]] | None:
    """The graph that was described and its parameters; `None` where the description does not fit the arrays."""
    try:
        places: dict[str, Any] = json.loads(words["reseau.arrays"])
        described = json.loads(words["reseau"])
        shapes = {r["name"]: tuple(r["shape"]) for r in described["nodes"]}
        own = {
            name: undo_steps(arrays[file], shapes[name], [_step(kind, numbers) for kind, numbers in steps])
            for name, (file, steps) in places.items()
        }
        return description.build(described, own)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def _step(kind: str, numbers: list[int]) -> Step:
    if kind not in ("transpose", "reshape", "flip"):
        raise ValueError(f"there is no step {kind!r}")
    return kind, tuple(int(n) for n in numbers)
