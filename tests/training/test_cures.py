"""The cures in the errors of a fit work."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau.training import checkpoints, checks
from tools.cures import Cure, cured, raises_without_a_case

X = np.random.default_rng(0).normal(size=(12, 2))
Y = X[:, :1] - X[:, 1:]
x = rs.input("x", (2,))
NET = rs.Network(x, rs.affine(x, 1, name="line"))
OBJECTIVE = rs.Objective(NET, rs.losses.SquaredError())


@dataclass(frozen=True)
class Scale(rs.optimizers.Optimizer):
    """Steps of 0.1, whose parameters and state are made by a function of the new ones."""

    made: Callable
    first: Callable = np.float32

    def init(self, params):
        return [self.first(), {name: np.zeros_like(p) for name, p in params.items()}]

    def update(self, params, grads, state, t):
        return self.made({name: p - 0.1 * grads[name] for name, p in params.items()}, state, t)


@dataclass(frozen=True)
class Stairs(rs.optimizers.Schedule):
    """A schedule that is a function."""

    rate: Callable

    def __call__(self, t):
        return self.rate(t)


@dataclass(frozen=True)
class Rows(rs.batches.Batches):
    """One batch an epoch, of these rows."""

    rows: tuple[int, ...]
    places: int

    def size(self, n):
        return self.places

    def steps(self, n):
        return 1

    def epoch(self, n, seed, epoch):
        return np.array([self.rows], np.int32), np.full((1, len(self.rows)), 1 / len(self.rows))


def fit(data=(X, Y), objective=OBJECTIVE, **settings):
    return rs.fit(objective, data, **{"epochs": 1, "progress": False} | settings)


def keywords(text, **names):
    """`validation=(Xv, yv)` as a dict."""
    return eval(f"dict({text})", {"rs": rs, "np": np, "net": NET, **names})


def cases_in(folder: Path) -> dict[str, Cure]:
    """The cases, their checkpoints in this folder."""

    def longer(epochs, name="c"):
        return fit(epochs=epochs, checkpoint=folder / name)

    def streamed(batches):
        np.save(folder / "X.npy", X)
        np.save(folder / "y.npy", Y[:, 0])
        return fit(rs.data.stream(folder), batches=batches)

    whole = NET.init(0) | {"line.bias": np.zeros(1, int)}
    return {
        "patience without validation": Cure(
            lambda: fit(patience=2),
            r"fit\(..., (validation=\(Xv, yv\))\)",
            lambda text: fit(patience=2, **keywords(text, Xv=X, yv=Y)),
        ),
        "a best that is not measured": Cure(
            lambda: fit(best="accuracy"), "(best='loss')", lambda text: fit(**keywords(text))
        ),
        "no seed": Cure(lambda: fit(seed=-1), "a whole number from (0) on", lambda seed: fit(seed=int(seed))),
        "no sampler": Cure(lambda: fit(batches=32), "(batches=.*)", lambda text: fit(**keywords(text))),
        "no end": Cure(
            lambda: fit(epochs=None),
            r"(epochs=20), or (steps=10_000), one of the two",
            lambda *texts: [fit(**{"epochs": None} | dict.fromkeys(keywords(text), 2)) for text in texts],
        ),
        "no epoch": Cure(lambda: fit(epochs=0), "a whole number from (1) on", lambda epochs: fit(epochs=int(epochs))),
        "inputs alone": Cure(
            lambda: fit(X), r"data=(\(X, y\)), or a table", lambda pair: fit(eval(pair, {"X": X, "y": Y}))
        ),
        "parameters in a list": Cure(
            lambda: fit(params=[1.0]), r"(params=net\.init\(seed=0\))", lambda text: fit(**keywords(text))
        ),
        "parameters of whole numbers": Cure(
            lambda: fit(params=whole),
            r"np\.asarray\(params\['(line\.bias)'\], '(float32)'\)",
            lambda name, dtype: fit(params=whole | {name: np.asarray(whole[name], dtype)}),
        ),
        "nothing to train": Cure(
            lambda: fit(objective=rs.Objective(rs.Network(x, rs.relu(x)), rs.losses.SquaredError())),
            r"a layer that has some, such as (rs\.affine\(x, 1\)); (net\({}, X\)) uses the network as it is",
            lambda layer, use: (
                fit(objective=rs.Objective(rs.Network(x, eval(layer, {"rs": rs, "x": x})), rs.losses.SquaredError())),
                eval(use, {"net": rs.Network(x, rs.relu(x)), "X": X}),
            ),
        ),
        "a checkpoint every so often": Cure(
            lambda: fit(checkpoint=folder / "c", every=0),
            "(every=1)",
            lambda text: fit(checkpoint=folder / "c", **keywords(text)),
        ),
        "no checkpoint kept": Cure(
            lambda: fit(checkpoint=folder / "c", keep=0),
            "(keep=3)",
            lambda text: fit(checkpoint=folder / "c", **keywords(text)),
        ),
        "fewer epochs than there were": Cure(
            lambda: (longer(3), longer(2)),
            r"epochs=(\d+) or more, or (checkpoint)= with another folder",
            lambda epochs, name: (longer(int(epochs)), fit(epochs=2, **{name: folder / "d"})),
        ),
        "a checkpoint of another run": Cure(
            lambda: (longer(1, "e"), fit(seed=1, checkpoint=folder / "e")),
            "the same settings and data as before, or another folder for this run",
            lambda: (longer(1, "e"), fit(seed=1, checkpoint=folder / "f")),
        ),
        "draws from a stream": Cure(
            lambda: streamed(rs.batches.WithReplacement(4)),
            r"(batches\.\w+\(32\)), or (batches\.\w+\(32\))",
            lambda *samplers: [streamed(eval(text, {"batches": rs.batches})) for text in samplers],
        ),
        "a learning rate that is a function": Cure(
            lambda: fit(optimizer=rs.optimizers.SGD(lambda t: 0.1 / (1 + t))),
            r"one of reseau\.optimizers, as (InverseTime\(.*\)), or a class of yours that derives from (Schedule)",
            lambda ours, yours: (
                fit(optimizer=rs.optimizers.SGD(eval(ours, vars(rs.optimizers)))),
                fit(optimizer=rs.optimizers.SGD(Stairs(lambda t: 0.1 / (1 + t)))),
            ),
        ),
        "a schedule that branches": Cure(
            lambda: fit(optimizer=rs.optimizers.SGD(Stairs(lambda t: 0.1 if t < 5 else 0.01))),
            r"pure functions of jax\.numpy, with (jnp\.where\(t < 5, a, b\)) in the place of if",
            lambda text: fit(
                optimizer=rs.optimizers.SGD(Stairs(lambda t: eval(text, {"jnp": jnp, "t": t, "a": 0.1, "b": 0.01})))
            ),
        ),
        "a step without its state": Cure(
            lambda: fit(optimizer=Scale(lambda params, state, t: params)),
            "update returns the parameters and the state, in the shapes and types in which it gets them",
            lambda: [fit(optimizer=Scale(lambda *given, kind=kind: kind(given[:2]))) for kind in (tuple, list)],
        ),
        "a state of bare numbers": Cure(
            lambda: fit(optimizer=Scale(lambda params, state, t: (params, state), int)),
            r"(np\.asarray\(0\))",
            lambda text: fit(optimizer=Scale(lambda params, state, t: (params, state), lambda: eval(text))),
        ),
        "batches of another shape": Cure(
            lambda: fit(batches=Rows((0, 1, 2), 4)),
            "make the three agree",
            lambda: fit(batches=Rows((0, 1, 2), 3)),
        ),
        "batches of absent rows": Cure(
            lambda: fit(batches=Rows((0, 1, -1), 3)),
            r"numbers from (0) to (11), and the weight 0 where a place is not filled",
            lambda first, last: fit(batches=Rows((0, int(first), int(last)), 3)),
        ),
        "weights of a stream": Cure(
            lambda: (streamed(rs.batches.Cyclic(4)), fit(rs.data.stream(folder), sample_weight=np.ones(12))),
            "leave sample_weight out",
            lambda: streamed(rs.batches.Cyclic(4)),
        ),
    }


@pytest.mark.parametrize("name", cases_in(Path()))
def test_a_cure_works(name, tmp_path):
    cured(cases_in(tmp_path)[name])


def test_every_error_of_these_files_with_a_cure_has_a_case(tmp_path):
    damaged = "every checkpoint in {self.folder} is damaged"  # a copy has to be at hand
    found = raises_without_a_case([checks, checkpoints], cases_in(tmp_path).values(), [damaged])
    assert [re.sub(r"\s+", " ", text) for text in found] == []
