"""Small random networks, trained one after another in a process of their own: `small_graphs.py FIRST STOP`.

The number of each is printed before it is trained, so that whoever started the process knows which one ended it.
"""

import os
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import pytest

import reseau as rs
from reseau import batches, losses, optimizers
from reseau.errors import DataError, DivergenceError

ENTRYWISE = (rs.relu, rs.tanh, rs.sigmoid, rs.abs, rs.sign, rs.round, rs.step, rs.square, rs.softmax, rs.log_softmax)


def draw_input(rng, name):
    """Real or whole numbers, of rank one or two; sometimes of no entries but the row's own."""
    shape = [(), (1,), (2,), (3,), (2, 2)][rng.integers(5)]
    return rs.input(name, shape, "int32" if rng.random() < 0.25 else "float")


def grow(rng, node, parameters):
    """One node more, of real numbers and with rows."""
    kind = rng.integers(8)
    if len(node.shape) != 2:
        return rs.reshape(node, (int(np.prod(node.shape[1:], dtype=int)),))
    if kind < 2 and parameters:
        return rs.affine(node, int(rng.integers(1, 4)))
    if kind == 2 and parameters:
        return rs.batch_norm(node)
    if kind == 3:
        return rs.dropout(node, 0.3)
    if kind == 4:
        return node * 0.0 + float(rng.integers(3))
    if kind == 5:
        return rs.maximum(node, -node)
    return ENTRYWISE[rng.integers(len(ENTRYWISE))](node)


def draw_graph(seed):
    """An objective, its data, and the settings of a fit."""
    rng = np.random.default_rng(seed)
    inputs = [draw_input(rng, name) for name in "abc"[: rng.integers(1, 4)]]
    parameters = rng.random() < 0.9
    whole = [x for x in inputs if x.source.dtype == "int32" and x.shape[1:] == ()]
    real = [x for x in inputs if x.source.dtype == "float"]
    outputs = []
    for _ in range(rng.integers(1, 4)):
        if whole and parameters and rng.random() < 0.3:
            node = rs.embedding(whole[rng.integers(len(whole))], 3, 2)
        elif real:
            node = real[rng.integers(len(real))]
        else:
            real = [rs.input("d", (2,))]
            inputs += real
            node = real[0]
        for _ in range(rng.integers(1, 5)):
            node = grow(rng, node, parameters)
        outputs.append(node)
    net = rs.Network(tuple(inputs), tuple(outputs) if len(outputs) > 1 else outputs[0])
    rows = int(rng.integers(1, 7))
    X = tuple(
        rng.integers(0, 3, (rows, *x.shape[1:])).astype(np.int32)
        if x.source.dtype == "int32"
        else rng.standard_normal((rows, *x.shape[1:]))
        for x in inputs
    )
    y = tuple(rng.standard_normal((rows, *n.shape[1:])) for n in outputs)
    loss = (losses.SquaredError(), losses.SquaredError(), losses.AbsoluteError())[: len(outputs)]
    settings = {
        "optimizer": [
            optimizers.SGD(1e-3),
            optimizers.SGD(1e-3, momentum=0.9),
            optimizers.Adam(1e-3),
            optimizers.AdamW(1e-3),
            optimizers.Clipped(optimizers.Adagrad(1e-3), 1.0),
        ][rng.integers(5)],
        "batches": [
            batches.Shuffled(int(rng.integers(1, 9))),
            batches.Cyclic(int(rng.integers(1, 9))),
            batches.WithReplacement(2),
            batches.Poisson(0.5),
        ][rng.integers(4)],
        "epochs": int(rng.integers(1, 4)),
        "validation": ((X, y) if len(outputs) > 1 else (X, y[0])) if rng.random() < 0.3 else None,
    }
    single = len(outputs) == 1
    return rs.Objective(net, loss[0] if single else loss), (X, y[0] if single else y), settings


def train(seed):
    """Train the graph of this number; a network without parameters is refused, numbers may leave the finite ones."""
    objective, data, settings = draw_graph(seed)
    refused = pytest.raises(DataError, match="nothing to train")
    with nullcontext() if objective.network.graph.parameters else refused, suppress(DivergenceError):
        rs.fit(objective, data, seed=seed, progress=False, **settings)


def deaths(first, stop, compiled):
    """The numbers of the graphs that ended their process, with how it ended, compiled in this environment."""
    here = Path(__file__)
    paths = [str(here.parents[2] / "src"), str(here.parents[1])]
    environment = os.environ | compiled | {"PYTHONPATH": os.pathsep.join(paths)}
    found = []
    while first < stop:
        ran = subprocess.run(
            [sys.executable, str(here), str(first), str(stop)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if ran.returncode == 0:
            break
        last = int(ran.stdout.split()[-1]) if ran.stdout.split() else first
        found.append((last, ran.returncode, ran.stderr[-500:]))
        first = last + 1
    return found


if __name__ == "__main__":
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        print(number, flush=True)
        train(number)
