"""A fit in a process of its own, for a test that kills it: `killed_run.py FOLDER EPOCHS`, and perhaps a STAGE.

On standard output stands where the fit begins and when a checkpoint is written. With a STAGE it kills itself in the
middle of writing its second checkpoint.
"""

import logging
import os
import signal
import sys

import numpy as np

import reseau as rs
from reseau.modelfiles import safetensors
from reseau.training import training_run

STAGES = ("half written", "not flushed", "not renamed", "just renamed")


def fit(folder, data=None, **settings):
    """Train a network with everything that has a state: batch normalization, dropout, Adam, validation, patience."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((200, 6)), generator.integers(0, 3, 200)
    held_out = generator.standard_normal((50, 6)), generator.integers(0, 3, 50)
    x = rs.input("x", (6,))
    h = rs.dropout(rs.relu(rs.batch_norm(rs.affine(x, 24, name="hidden"))), 0.2)
    objective = rs.Objective(rs.Network(x, rs.affine(h, 3)), rs.losses.CrossEntropy(), rs.penalties.L2(1e-4))
    usual = {
        "optimizer": rs.optimizers.Adam(3e-3),
        "batches": rs.batches.Shuffled(16),
        "validation": held_out,
        "patience": 1000,
        "seed": 3,
        "progress": False,
        "checkpoint": f"{folder}/checkpoints",
        "every": 0.1,
        "log": (f"{folder}/history.csv", f"{folder}/history.jsonl"),
    }
    return rs.fit(objective, rows if data is None else data, **usual | settings)


class Deadly(logging.Filter):
    """Once a checkpoint is written, the next one reaches a stage and no further."""

    def __init__(self, stage):
        super().__init__()
        self.stage = stage

    def filter(self, record):
        if record.getMessage().startswith("wrote"):
            if self.stage == "half written":
                calls, whole = [], safetensors.array_bytes
                safetensors.array_bytes = lambda array: die() if len(calls) > 3 else (calls.append(1), whole(array))[1]
            elif self.stage == "not flushed":
                os.fsync = die
            elif self.stage == "not renamed":
                os.replace = die
            else:
                rename = os.replace
                os.replace = lambda old, new: (rename(old, new), die())
        return True


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def train(folder, epochs, *stage):
    """Fit and keep what comes out of it."""
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level="INFO")
    if stage:
        logging.getLogger("reseau").addFilter(Deadly(*stage))
    rs.use_compile_cache()
    training_run.SECONDS_A_CHUNK = 0.0005  # many chunks, and so many checkpoints
    result = fit(folder, epochs=int(epochs))
    np.savez(f"{folder}/params.npz", **result.params)
    np.savez(f"{folder}/history.npz", **result.history)


if __name__ == "__main__":
    train(*sys.argv[1:])
