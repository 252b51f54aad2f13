"""Programs that are found on the disk by what they are made of, without being traced.

JAX finds a program by its instructions, so it has to be traced and lowered first, which takes longer than a small fit.
Here the key is all that the instructions follow from: the content of what is computed (`graph.content`), the code of
this package, JAX with its settings, and the shapes and types of the arguments. An entry is the executable as the
runtime writes it; `compile_cache` keeps it, with its digest, for this user alone, under a name with the versions and
the processor.
"""

import json
import os
import platform
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax._src import config
from jax._src.interpreters import pxla
from jaxlib import xla_client

from reseau.compile_cache import compiled_here, cores, folder_now

__all__ = ["Content", "Stored", "stored_program"]

BEGAN = time.time() - 1  # what is written to this package later is not the code that runs here

SOURCE = Path(__file__).parent

PARTS = (
    *(".", "graph", "inference", "losses", "modelfiles/onnx", "modelfiles/onnx/rules", "objective", "ops"),
    *("ops/correlation", "optimizers", "tabular", "theory/stochastic", "training"),
)
"""Folders of this package with the code that makes programs, of operations, penalties and optimizers among them."""

WATCHED = ("jax_debug_nans", "jax_debug_infs", "jax_disable_jit", "jax_check_tracer_leaks", "jax_no_execution")
"""Settings with which JAX looks at a program while it is traced or run."""


@dataclass(frozen=True)
class Content:
    """What a program is made of besides the code of this package, and how its results are put together.

    Attributes:
        key: A digest of all that its function closes over.
        name: Of the function.
        like: A tree like that of the results, from the arguments.
    """

    key: str
    name: str
    like: Callable[..., Any]

    @classmethod
    def of(cls, key: str | None, name: str, like: Callable[..., Any]) -> "Content | None":
        """This content, where what the function closes over is seen."""
        return None if key is None else cls(key, name, like)


class Stored:
    """An executable of the runtime as a function of arguments of one structure, with their shapes and types."""

    def __init__(self, executable: Any, results: Sequence[tuple[Sequence[int], str]], like: Callable[..., Any]) -> None:
        self.executable, self.like = executable, like
        where = jax.sharding.SingleDeviceSharding(the_device())
        avals = [jax.core.ShapedArray(tuple(shape), np.dtype(kind)) for shape, kind in results]
        self.handlers = [pxla.global_aval_to_result_handler(aval, where, False) for aval in avals]

    def __call__(self, *arguments: Any) -> Any:
        leaves = jax.device_put(jax.tree.leaves(arguments))
        made = self.executable.execute_sharded(leaves).consume_with_handlers(self.handlers)
        return jax.tree.unflatten(jax.tree.structure(self.like(*arguments)), made)


def stored_program(content: Content, arguments: tuple[Any, ...], function: Any) -> Stored | None:
    """The program of this content for such arguments: from the disk, or compiled now and left there.

    Args:
        content: What it is made of.
        arguments: Trees of arrays.
        function: What `jax.jit` gives, with `keep_unused`, which is compiled where there is no entry.

    Returns:
        The program; nothing where it cannot be kept, and JAX has to be asked.
    """
    folder, key = folder_now(), key_of(content, arguments)
    if folder is None or key is None or any(isinstance(a, jax.core.Tracer) for a in jax.tree.leaves(arguments)):
        return None
    entry = folder.get(key)
    if entry is not None:
        head, _, code = entry.partition(b"\n")
        device = the_device()
        with suppress(jax.errors.JaxRuntimeError):  # the runtime does not take it: it is compiled again
            executable = device.client.deserialize_executable(zlib.decompress(code), xla_client.DeviceList((device,)))
            return Stored(executable, json.loads(head), content.like)
    with compiled_here():
        compiled = function.lower(*arguments).compile()
    results: list[Any] = jax.tree.leaves(compiled.out_info)
    alike = str(jax.tree.structure(compiled.out_info)) == str(jax.tree.structure(content.like(*arguments)))
    if not alike or any(result.weak_type for result in results):
        return None
    shapes = [(result.shape, result.dtype.name) for result in results]
    executable = compiled.runtime_executable()
    folder.put(key, json.dumps(shapes).encode() + b"\n" + zlib.compress(executable.serialize()))
    return Stored(executable, shapes, content.like)


def key_of(content: Content, arguments: tuple[Any, ...]) -> str | None:
    """What the entry is found by; nothing where none may be."""
    around = surroundings()
    if around is None:
        return None
    leaves, structure = jax.tree.flatten(arguments)
    given = [(a.shape, a.dtype.name, bool(getattr(a, "weak_type", False))) for a in leaves]
    return "by content " + sha256(repr((content.key, content.name, around, str(structure), given)).encode()).hexdigest()


def the_device() -> Any:
    """The one device of this process."""
    return jax.devices()[0]


def surroundings() -> str | None:
    """All that programs depend on besides their own content; nothing where they are not to be found by it."""
    if jax.default_backend() != "cpu" or len(jax.devices()) > 1 or jax.process_count() > 1:
        return None
    settings = jax.config.values
    code = code_here()
    if code is None or any(settings.get(name) for name in WATCHED):
        return None
    context = [repr(value) for value in config.trace_context() if type(value).__name__ != "AxisEnv"]
    said = repr((code, sorted(settings.items(), key=str), context, os.environ.get("XLA_FLAGS"), cores()))
    return None if " at 0x" in said else said  # something that another process does not know again


def code_here() -> str | None:
    """A digest of the code that makes programs; nothing where it is not in files, or was written since it was read."""
    found = sha256(f"{platform.python_version()} {np.__version__}".encode())
    for part in PARTS:
        try:
            with os.scandir(SOURCE / part) as entries:
                files = sorted((e.path, e.stat().st_ctime) for e in entries if e.name.endswith(".py"))
        except OSError:
            return None
        if not files or any(changed > BEGAN for _, changed in files):
            return None
        for path, _ in files:
            found.update(digest_of(path))
    return found.hexdigest()


@cache
def digest_of(path: str) -> bytes:
    """A digest of a file and its name."""
    with open(path, "rb") as file:
        return sha256(path.encode() + b"\n" + file.read()).digest()
