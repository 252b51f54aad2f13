"""One process of a run that several share: `python shared_run.py COORDINATOR I/N FOLDER SETTINGS...`, see `processes`.

The COORDINATOR `auto` leaves it to JAX to find the others.

Each of the SETTINGS is a JSON object of `killed_run.fit`'s settings, and of `name`, the folder of that run in FOLDER.
What goes wrong is a setting too: `own seed`, `odd version`, `full disk`, and `dies`, the number of a process and the
function at whose call it kills itself. With `streamed` the rows come from the files in that folder. It prints a JSON
object for each: digests of parameters, history and logs, and the files that it read rows of.
"""

import errno
import json
import os
import signal
import sys
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import numpy as np

import reseau as rs
from reseau.data.streams.npy_blocks import NpyFile
from reseau.modelfiles import safetensors
from reseau.training import agreement, training_run
from tools.killed_run import fit


def digest(arrays):
    """SHA-256 of named arrays."""
    return sha256(b"".join(name.encode() + np.asarray(arrays[name]).tobytes() for name in sorted(arrays))).hexdigest()


def full(*_):
    """What a full disk says."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def deadly(where):
    """From now on a call of `module:name` or `module:class.name` kills this process."""
    module, _, names = where.partition(":")
    owner, (*outer, name) = import_module(module), names.split(".")
    for each in outer:
        owner = getattr(owner, each)
    setattr(owner, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))


def main(coordinator, number, folder, *texts):
    process, _, processes = number.partition("/")
    runs = [json.loads(text) for text in texts]
    for settings in runs:
        victim, where = settings.pop("dies", (None, ""))
        if victim == int(process):
            deadly(where)
    place = () if coordinator == "auto" else (coordinator, int(processes), int(process))
    rs.distributed.start(*place, timeout=5.0, meet=200)  # where other programs run too, starting takes long
    rs.use_compile_cache()
    training_run.SECONDS_A_CHUNK = 0.02  # many chunks, and so many agreements
    read, rows_of = set(), NpyFile.read
    NpyFile.read = lambda file, *rows: (read.add(file.path.name), rows_of(file, *rows))[1]
    for settings in runs:
        out = Path(folder, settings.pop("name"))
        out.mkdir(exist_ok=True)
        own = settings.pop("own seed", None)
        if own is not None:  # what every process gets otherwise
            settings["seed"] = own + int(process)
        if settings.pop("odd version", False) and process == "1":
            agreement.version = lambda name: "0.0.7"
        if settings.pop("full disk", False):
            safetensors.array_bytes = full  # which checkpoints are written with
        streamed = settings.pop("streamed", None)
        data = rs.data.stream(Path(folder, streamed), window=4000) if streamed else None
        read.clear()
        result = fit(out, data, compute=rs.Compute(**settings.pop("compute", {})), **settings)
        files = {path.name: np.frombuffer(path.read_bytes(), np.uint8) for path in out.glob("history.*")}
        print(
            json.dumps(
                {
                    "params": digest(result.params),
                    "history": digest(result.history),
                    "logs": digest(files),
                    "steps": result.steps,
                    "stopped": result.stopped,
                    "shards": result.shards,
                    "processes": result.processes,
                    "exact": result.exact,
                    "read": sorted(read),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
