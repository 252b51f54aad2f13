"""The cures in the errors of objectives, losses, penalties and their data work."""

from pathlib import Path
from tempfile import TemporaryDirectory

import jax
import numpy as np
import pytest

import reseau as rs
from reseau import layers, losses, penalties
from reseau.errors import DataError
from reseau.graph import Input, Node, apply_op
from reseau.losses import classes, loss, members, numbers, quantile, sides
from reseau.objective import examples, objective
from tools.cures import Cure, cured, raises_without_a_case
from tools.onnx_files import FLOAT, INT64, node
from tools.onnx_files import made as made_file
from tools.onnx_files import value as info

KNOWN = {"np": np, "rs": rs, "losses": losses, "penalties": penalties, **vars(losses), **vars(penalties)}
X = np.random.RandomState(0).randn(6, 3)
Y = np.array([0, 1, 0, 1, 1, 0])


def value(text, **names):
    return eval(text, KNOWN | names)


def made(outputs=1, **settings):
    net = rs.Network(x := rs.input("x", (3,)), rs.affine(x, outputs))
    return rs.Objective(net, **{"loss": losses.SquaredError()} | settings)


def read(X=X, y=X[:, 0], loss=None, sample_weight=None, outputs=1, penalty=None):
    thing = made(outputs, loss=loss or losses.SquaredError(), penalty=penalty)
    return thing.value_and_grad(thing.network.init(0, "float32"), X, y, sample_weight)


def read_in(dtype, X):
    with jax.enable_x64(dtype == "float64"):
        thing = made()
        return thing.value_and_grad(thing.network.init(0, dtype), X, X[:, 0])


def two_outputs(losses):
    return rs.Objective(rs.Network(x := rs.input("x", (3,)), (rs.affine(x, 1), rs.affine(x, 1))), losses)


def with_entry(entry):
    changed = X.copy()
    changed[2, 1] = entry
    return changed


def deep(penalty):
    net = rs.Network(x := rs.input("x", (3,)), rs.affine(rs.relu(rs.affine(rs.relu(rs.affine(x, 4)), 4)), 1))
    return rs.Objective(net, losses.SquaredError(), penalty)


def by_members(scores):
    x = rs.input("x", (3,))
    return rs.Objective(rs.Network(x, scores(x)), losses.MeanOverMembers(losses.CrossEntropy()))


def total():
    """The sum of all scores: one number for all rows."""
    x = rs.input("x", (3,))
    return rs.Network(x, apply_op(rs.ops.Sum((0,)), rs.affine(x, 2, name="scores")))


def differentiated(read, cure):
    """Both cures: rows that a file names otherwise, and the derivative of an output that is no row."""
    with TemporaryDirectory() as folder:
        path = rows_by_another_name(folder)
        with pytest.raises(DataError, match="reads one row an example"):
            rs.Objective(rs.load(path)[0], losses.SquaredError())
        net, _ = value(read, path=path)
    rs.Objective(net, losses.SquaredError())
    net = total()
    value(cure, jax=jax, jnp=jax.numpy, net=net, params=net.init(0, "float32"), x=X.astype(np.float32))


def along_time(places):
    """Scores at five open places of each row, and the targets at as many places as are given."""
    x = Node(None, (), ("batch", "time", 3), "x", Input())
    net = rs.Network(x, apply_op(rs.ops.Matmul(), x, rs.parameter("w", (3, 1), rs.initializers.Fill(1.0))))
    thing = rs.Objective(net, losses.SquaredError())
    return thing.value_and_grad(net.init(0, "float32"), np.zeros((2, 5, 3)), np.zeros((2, places, 1)))


def labels():
    """Scores, the largest of them, and its name: a text."""
    scores = rs.affine(x := rs.input("x", (3,)), 2, name="scores")
    return rs.Network(x, apply_op(rs.ops.TextOf(("no", "yes")), apply_op(rs.ops.ArgMax(1), scores), name="label"))


def shape_that_is_an_input(folder):
    """A file whose rows are put in a shape that is asked for at every call."""
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Reshape", ["h", "shape"], ["y"])]
    inputs = [info("x", FLOAT, ["batch", 3]), info("shape", INT64, [2])]
    outputs = [info("y", FLOAT, ["batch", 2])]
    return made_file(Path(folder) / "model.onnx", nodes, inputs, outputs, w=np.ones((3, 2), np.float32))


def rows_by_another_name(folder):
    """A file whose rows have a name of their own and are centered together."""
    nodes = [
        node("ReduceMean", ["x"], ["mean"], axes=[0]),
        node("Sub", ["x", "mean"], ["centered"]),
        node("MatMul", ["centered", "w"], ["y"]),
    ]
    stored = {"w": np.ones((3, 2), np.float32)}
    return made_file(Path(folder) / "model.onnx", nodes, [info("x", FLOAT, ["s77", 3])], ["y"], **stored)


def windows_that_a_length_decides(folder):
    """A file whose last window may start behind an axis that is only named."""
    nodes = [
        node("Conv", ["x", "w"], ["h"]),
        node("MaxPool", ["h"], ["y"], kernel_shape=[1], strides=[3], ceil_mode=1),
    ]
    stored = {"w": np.ones((1, 2, 1), np.float32)}
    return made_file(Path(folder) / "model.onnx", nodes, [info("x", FLOAT, ["batch", 2, "s"])], ["y"], **stored)


def trained_in_part(part, read, read_at_length):
    """All cures: the part before the texts, and the numbers of an input or of an axis where a file is read."""
    rs.Objective(value(part.replace("node before it", "scores"), net=labels()), losses.CrossEntropy())
    with TemporaryDirectory() as folder:
        path = shape_that_is_an_input(folder)
        with pytest.raises(DataError, match="cannot be trained"):
            rs.Objective(rs.load(path)[0], losses.SquaredError())
        net, _ = value(read.replace("'input'", "'shape'"), path=path, numbers=[-1, 2])
        rs.Objective(net, losses.SquaredError())
        path = windows_that_a_length_decides(folder)
        with pytest.raises(DataError, match="needs the numbers of 's'"):
            rs.Objective(rs.load(path)[0], losses.SquaredError())
        net, _ = value(read_at_length.replace("'axis'", "'s'"), path=path, number=7)
        rs.Objective(net, losses.SquaredError())


CASES = {
    "levels that are none": Cure(
        lambda: losses.Quantile((0.0, 0.5)), r"such as (\(.*\))", lambda levels: losses.Quantile(value(levels))
    ),
    "quantiles of other scores": Cure(
        lambda: made(3, loss=losses.Quantile((0.1, 0.9))),
        r"end the network with affine\(h, (\d)\)",
        lambda n: made(int(n), loss=losses.Quantile((0.1, 0.9))),
    ),
    "a loss to watch beside two outputs": Cure(
        lambda: rs.Objective(
            two_outputs((losses.SquaredError(), losses.SquaredError())).network,
            (losses.SquaredError(), losses.SquaredError()),
            watch=(("AE", losses.AbsoluteError()),),
        ),
        "leave watch out",
        lambda: two_outputs((losses.SquaredError(), losses.SquaredError())),
    ),
    "a loss by name": Cure(
        lambda: made(loss="squared"), r"one of reseau.losses, such as (.*)", lambda t: made(loss=value(t))
    ),
    "a penalty by name": Cure(
        lambda: made(penalty="l2"), r"one of reseau.penalties, such as (.*)", lambda t: made(penalty=value(t))
    ),
    "what is kept": Cure(
        lambda: made(keep="some"),
        "(keep='all') or (keep='sqrt')",
        lambda *texts: [made(**value(f"dict({t})")) for t in texts],
    ),
    "losses of outputs": Cure(
        lambda: two_outputs(losses.SquaredError()),
        "give a tuple with one loss for each output",
        lambda: two_outputs((losses.SquaredError(), losses.SquaredError())),
    ),
    "an output that is a text": Cure(
        lambda: rs.Objective(labels(), losses.CrossEntropy()),
        r"train the part before it, (rs\.Network\(.*?\)), or give the numbers where an ONNX "
        r"file is read, (rs\.onnx\.read\(.*fixed.*\)), or (rs\.onnx\.read\(.*\))",
        trained_in_part,
    ),
    "an output that is no row": Cure(
        lambda: rs.Objective(total(), losses.SquaredError()),
        r"(rs\.load\(path, batch=True\)) where a file calls the rows otherwise, or, .*, (jax\.grad\(.*\)\(params\))",
        differentiated,
    ),
    "targets at other places": Cure(lambda: along_time(1), "give one target for each score", lambda: along_time(5)),
    "members by name": Cure(lambda: losses.MeanOverMembers("cross-entropy"), "(MeanOverMembers.*)", value),
    "scores without members": Cure(
        lambda: losses.MeanOverMembers(losses.CrossEntropy()).target_shape(("batch", 2)),
        r"end the network with (separate_affine\(h, scores\))",
        lambda t: by_members(
            lambda x: value(t, separate_affine=layers.separate_affine, h=layers.members(x, 4), scores=2)
        ),
    ),
    "inputs": Cure(lambda: read((X, X)), "give X as a tuple(?: of .*)?", lambda: read((X,))),
    "a column for each class": Cure(
        lambda: read(y=np.eye(2)[Y], outputs=2, loss=losses.CrossEntropy()),
        r"(y\.argmax\(axis=-1\)), if 1 stands at the class and 0 elsewhere",
        lambda t: read(y=value(t, y=np.eye(2)[Y]), outputs=2, loss=losses.CrossEntropy()),
    ),
    "targets that are texts": Cure(
        lambda: read(y=np.array(["a", "b"] * 3), outputs=2, loss=losses.CrossEntropy()),
        r"number the classes: (.*)",
        lambda t: read(y=value(t, y=np.array(["a", "b"] * 3))[1], outputs=2, loss=losses.CrossEntropy()),
    ),
    "a blank": Cure(
        lambda: read(with_entry(np.nan)),
        "drop such rows, or fill them in, before training",
        lambda: (read(np.delete(with_entry(np.nan), 2, 0), np.delete(X[:, 0], 2)), read(with_entry(0.0))),
    ),
    "a number that is too large": Cure(
        lambda: read(with_entry(1e200)),
        "scale it to the range of (float32), or compute in dtype='(float64)'",
        lambda narrow, wide: (
            read(with_entry(1e200) / 1e200 * float(np.sqrt(np.sqrt(np.finfo(narrow).max)))),
            read_in(wide, with_entry(1e200)),
        ),
    ),
    "masked entries": Cure(
        lambda: read(np.ma.masked_greater(X, 0.5)),
        "fill them in, or drop such rows",
        lambda: read(np.ma.masked_greater(X, 0.5).filled(0.0)),
    ),
    "rows of other lengths": Cure(
        lambda: read([[1.0, 2.0], [1.0]]), "give rows of the same length", lambda: read([[1.0, 2.0, 3.0]] * 6)
    ),
    "weights of other rows": Cure(
        lambda: read(sample_weight=np.ones(3)),
        "one number for each row",
        lambda: read(sample_weight=np.ones(len(X))),
    ),
    "a weight below 0": Cure(
        lambda: read(sample_weight=-np.eye(len(X))[1] + 1e-9),
        "finite weights of at least 0; (0) leaves a row out",
        lambda least: read(sample_weight=np.maximum(-np.eye(len(X))[1] + 1e-9, float(least))),
    ),
    "rows that weigh nothing": Cure(
        lambda: read(sample_weight=np.zeros(len(X))),
        "a (sample_weight), or a class_weight, above 0 for the rows that count",
        lambda name: read(**{name: np.ones(len(X))}),
    ),
    "weights that are texts": Cure(
        lambda: read(sample_weight=["a"] * 6),
        "one number of at least 0 for each row",
        lambda: read(sample_weight=[0.0, *[1.0] * 5]),
    ),
    "sides": Cure(
        lambda: read(y=Y, loss=losses.Logistic()),
        r"for targets 0 and 1 give (.*); for several classes use (.*)",
        lambda one, other: (
            read(y=value(one, y=Y), loss=losses.Logistic()),
            read(y=Y, loss=value(other), outputs=2),
        ),
    ),
    "one score for classes": Cure(
        lambda: made(loss=losses.CrossEntropy()),
        r"end the network with affine\(h, classes\), or use (losses.Logistic\(\)) with one score",
        lambda t: (made(2, loss=losses.CrossEntropy()), made(loss=value(t))),
    ),
    "fractions of classes": Cure(
        lambda: read(y=Y + 0.5, loss=losses.CrossEntropy(), outputs=2),
        "give labels 0 … C - 1",
        lambda: read(y=Y, loss=losses.CrossEntropy(), outputs=2),
    ),
    "classes from 1": Cure(
        lambda: read(y=Y + 1, loss=losses.CrossEntropy(), outputs=2),
        r"number the classes from 0 \((.*)\), or widen the last layer",
        lambda t: (
            read(y=value(t, y=Y + 1)[1], loss=losses.CrossEntropy(), outputs=2),
            read(y=Y + 1, loss=losses.CrossEntropy(), outputs=3),
        ),
    ),
    "no row": Cure(lambda: read(X[:0], X[:0, 0]), "at least one row", lambda: read(X[:1], X[:1, 0])),
    "two targets for one loss": Cure(
        lambda: read(y=(X[:, 0], X[:, 0])),
        "a tuple, one array for each loss",
        lambda: read(y=(X[:, 0],)),
    ),
    "a target too few": Cure(lambda: read(y=X[:5, 0]), "as many rows in each", lambda: read(X[:5], X[:5, 0])),
    "labels that are smoothed away": Cure(
        lambda: losses.SmoothedCrossEntropy(smoothing=1.0),
        "a share from 0 to below 1",
        lambda: losses.SmoothedCrossEntropy(smoothing=0.0),
    ),
    "no margin": Cure(lambda: losses.Ramp(0.0), "a positive margin", lambda: losses.Ramp(1.0)),
    "no width": Cure(lambda: losses.Huber(0.0), "a positive width", lambda: losses.Huber(1.0)),
    "a strength below 0": Cure(lambda: penalties.L2(-1.0), "a finite number, at least 0", lambda: penalties.L2(0.0)),
    "counts": Cure(
        lambda: read(y=-np.abs(X[:, 0]), loss=losses.Poisson()),
        "counts start at 0",
        lambda: read(y=np.abs(X[:, 0]), loss=losses.Poisson()),
    ),
    "targets of another shape": Cure(
        lambda: losses.SquaredError().shape(("batch", 2), ("batch", 3)),
        "give one target for each score",
        lambda: losses.SquaredError().shape(("batch", 2), ("batch", 2)),
    ),
    "no weights": Cure(
        lambda: rs.Objective(
            rs.Network(x := rs.input("x", (3,)), rs.relu(x)), losses.SquaredError(), penalties.L2(0.1)
        ),
        "leave the penalty out",
        lambda: rs.Objective(rs.Network(x := rs.input("x", (3,)), rs.relu(x)), losses.SquaredError()),
    ),
    "a path norm of two hidden layers": Cure(
        lambda: deep(penalties.PathNorm(0.1)),
        r"use (penalties\.L2\(strength\))",
        lambda t: deep(value(t, strength=0.1)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_cure_works(name):
    cured(CASES[name])


def test_every_error_of_these_files_with_a_cure_has_a_case():
    modules = [objective, examples, loss, numbers, sides, classes, members, quantile, penalties]
    assert raises_without_a_case(modules, CASES.values()) == []
