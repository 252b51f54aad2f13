"""Content: equal values have one, in any process; two that differ in any one setting have two."""

import subprocess
import sys
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from inspect import isabstract
from pkgutil import walk_packages

import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau.graph import Graph
from reseau.graph.content import Unseen, content_of, words
from reseau.ops.base import Op
from tools import forked
from tools.operation_cases import CASES

PARTS = ("constraints", "graph.nodes", "losses", "ops", "optimizers", "penalties")
NODES = ("Node",)  # which a graph holds, and no setting does


def settings_classes():
    """Every dataclass of the vocabulary."""
    for part in PARTS:
        module = import_module(f"reseau.{part}")
        inner = [found.name for found in walk_packages(getattr(module, "__path__", []), module.__name__ + ".")]
        for each in (module, *map(import_module, inner)):
            for kind in vars(each).values():
                own = isinstance(kind, type) and kind.__module__ == each.__name__
                if own and is_dataclass(kind) and not isabstract(kind):
                    yield kind


CLASSES = sorted((kind for kind in settings_classes() if kind.__name__ not in NODES), key=lambda k: k.__qualname__)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_setting_of_each_class_counts(kind):
    made = object.__new__(kind)  # no rule of the class stands between the test and its fields
    for i, field in enumerate(fields(kind)):
        object.__setattr__(made, field.name, float(i))
    found = {content_of(made)}
    for field in fields(kind):
        for value in (-1.0, 7, True, "7", None, (7,), [7], np.float32(7), np.ones(2)):
            other = copy(made)
            object.__setattr__(other, field.name, value)
            found.add(content_of(other))
    assert None not in found
    assert len(found) == 1 + 9 * len(fields(kind))


def test_there_are_classes_of_each_kind():
    bases = [Op, rs.losses.Loss, rs.penalties.Penalty, rs.optimizers.Optimizer, rs.optimizers.Schedule]
    assert len(CLASSES) > 150
    assert all(sum(issubclass(kind, base) for kind in CLASSES) > 3 for base in bases)


def test_no_two_cases_of_the_operations_have_one_content():
    seen = {}
    for op, _ in CASES:
        found = content_of(op)
        if found is not None:
            assert seen.setdefault(found, op) == op
    assert len(seen) > 180


@pytest.mark.parametrize(
    "pair",
    [
        (0.0, -0.0), (1, 1.0), (1, True), (1, "1"), ("1", b"1"), ((1, 2), [1, 2]), ((1, (2,)), (1, 2)),
        (("a", "b"), ("ab",)),
        (1.0, np.nextafter(1.0, 2)), (np.float32(1), np.float64(1)), (np.float32(1), np.ones((), np.float32)),
        (np.ones(2), np.ones((1, 2))), (np.ones(2, ">f8"), np.ones(2, "<f8")), (np.array([1, 2]), np.array([2, 1])),
        (np.ones(2), jnp.ones(2)), (jnp.asarray(2.0), jnp.asarray(np.float64(2))), ({"a": 1}, {"a": 2}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (np.dtype("f4"), np.dtype("f8")), (None, 0),
        (jnp.bfloat16(1), jnp.float16(1)),
    ],
    ids=str,
)  # fmt: skip
def test_values_that_programs_tell_apart(pair):
    first, second = map(content_of, pair)
    assert first is not None
    assert first != second


def graph(width=3, act=rs.relu, constant=2.0, shared=False, swapped=False, names=("a", "b"), role="weight"):
    x, z = rs.input("x", (4,)), rs.input("z", (4,))
    w = rs.parameter("w", (4, width), rs.initializers.zeros, role=role)
    v = w if shared else rs.parameter("v", (4, width), rs.initializers.zeros)
    h = act(x @ w) * constant
    g = rs.relu(z @ v) - rs.state(np.zeros(width), name="s")
    a, b = rs.apply_op(rs.ops.Identity(), h, name=names[0]), rs.apply_op(rs.ops.Identity(), g, name=names[1])
    return Graph((x, z), (b, a) if swapped else (a, b))


def test_graphs_that_differ_in_one_thing():
    others = [
        {"width": 2}, {"act": rs.tanh}, {"constant": 3.0}, {"constant": np.float32(2.0)}, {"shared": True},
        {"swapped": True}, {"names": ("b", "a")}, {"role": "value"},
    ]  # fmt: skip
    found = {content_of(graph(**other)) for other in others}
    assert None not in found
    assert len(found | {content_of(graph())}) == len(others) + 1
    assert content_of(graph()) == content_of(graph())
    x, y = rs.input("x", (2,)), rs.input("y", (2,))
    assert content_of(Graph((x, y), x - y)) != content_of(Graph((x, y), y - x))
    assert content_of(Graph((x, y), x + y)) != content_of(Graph((y, x), x + y))


def objective(loss=None, penalty=None, rate=0.5, **settings):
    x = rs.input("x", (4,))
    net = rs.Network(x, rs.affine(rs.dropout(rs.relu(rs.affine(x, 5)), rate), 3))
    return rs.Objective(net, loss=loss or rs.losses.CrossEntropy(), penalty=penalty, **settings)


def test_objectives_that_differ_in_one_thing():
    l1, l2, cosine = rs.penalties.L1, rs.penalties.L2, rs.optimizers.Cosine
    made = [
        objective(), objective(rs.losses.SmoothedCrossEntropy(0.1)), objective(rs.losses.SmoothedCrossEntropy(0.2)),
        objective(penalty=l2(0.1)), objective(penalty=l2(0.2)), objective(penalty=l1(0.1)),
        objective(penalty=l1(0.1) + l2(0.1)), objective(penalty=l2(0.1) + l1(0.1)), objective(rate=0.4),
        objective(keep="sqrt"), objective(dropout=cosine(1.0, 10)), objective(dropout=cosine(1.0, 11)),
    ]  # fmt: skip
    steps = [
        rs.optimizers.SGD(0.1),
        rs.optimizers.SGD(0.1, 0.9),
        rs.optimizers.Adam(0.1),
        rs.optimizers.SGD(cosine(0.1, 9)),
    ]
    found = {each.content(step) for each in made for step in steps}
    assert None not in found
    assert len(found) == len(made) * len(steps)
    assert objective().content(steps[0]) == objective().content(rs.optimizers.SGD(0.1))


@dataclass(frozen=True)
class Doubled(Op):
    """An operation of a person's own."""

    def shape(self, x):
        return x

    def forward(self, x):
        return 2 * x


class OurName(rs.ops.Relu):
    """One that calls itself as one of this package."""

    __qualname__ = "Relu"


@pytest.mark.parametrize(
    "value",
    [
        Doubled(), rs.ops.Proxy(rs.ops.Round(), lambda g, y, x: (g,)), len, {1, 2}, object(),
        np.array(["a", None], object), rs.input("x", (1,)), rs.ops.Proxy(Doubled(), len),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_not_seen_whole_has_none(value):
    assert content_of(value) is None
    with pytest.raises(Unseen):
        words((1, [value]))


def test_a_class_that_takes_the_name_of_one_of_ours_has_none(monkeypatch):
    monkeypatch.setattr(OurName, "__module__", "reseau.ops.activations")
    test_what_is_not_seen_whole_has_none(OurName())


def test_what_was_replaced_counts(monkeypatch):
    loss = rs.losses.Huber(0.7)
    before = content_of(loss)
    object.__setattr__(loss, "forward", lambda u, y: u)
    assert content_of(loss) is None
    monkeypatch.setattr(rs.losses.Huber, "forward", lambda self, u, y: 3 * u)
    assert content_of(rs.losses.Huber(0.7)) not in (before, None)
    monkeypatch.undo()
    assert content_of(rs.losses.Huber(0.7)) == before


def test_another_process_finds_the_same():
    program = (
        "import reseau as rs; x = rs.input('x', (4,)); from reseau.graph.content import content_of\n"
        "print(rs.Objective(rs.Network(x, rs.affine(rs.relu(x), 3, name='a')), loss=rs.losses.CrossEntropy(), "
        "penalty=rs.penalties.L2(0.1)).content(rs.optimizers.Adam()))"
    )
    command = [sys.executable, "-c", program]  # the first starts anew, with hashes of its own
    runs = [way.run(command, capture_output=True, text=True, check=True) for way in (subprocess, forked)]
    assert len(runs[0].stdout.strip()) == 64
    assert runs[0].stdout == runs[1].stdout
