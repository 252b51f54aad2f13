"""The cures in the errors of graphs, layers and networks work."""

import re
from dataclasses import dataclass

import jax
import numpy as np
import pytest

import reseau as rs
from reseau import network
from reseau.graph import graph, nodes, order, values
from reseau.layers import axes, custom, parametric, windows, wiring
from tools.cures import Cure, cured, raises_without_a_case

X = np.ones((2, 3))


def rows(*lengths):
    return rs.input("x", lengths)


def line():
    return rs.Network(x := rows(3), rs.affine(x, 2, name="line"))


def with_both(text):
    a, b = rs.input("a", (2,)), rs.input("b", (2,))
    inputs = eval(text, {"Network": lambda inputs, *_: inputs, "a": a, "b": b, "...": ...})
    return rs.Network(inputs, a + b)


def only_one():
    a, b = rs.input("a", (2,)), rs.input("b", (2,))
    return rs.Network(a, a + b)


def precision(text, dtype="int32"):
    keyword = eval(f"dict({text})")
    return line().init(**keyword)


def derivative(d):
    net = line()
    return net.backward(net.forward(net.init(0), np.ones((2, 3))), d)


def two_outputs(*derivatives):
    net = rs.Network(x := rows(3), [rs.relu(x), rs.tanh(x)])
    return net.backward(net.forward({}, np.ones((1, 3))), derivatives)


def finite(params):
    return line().bounds(params, np.zeros(3), np.ones(3))


def shared(shape):
    return rs.affine(rows(3), 2, weight=nodes.parameter(None, shape, rs.initializers.glorot_uniform))


def names(first, second):
    x = rows(3)
    return rs.Network(x, rs.affine(rs.affine(x, 2, name=first), 2, name=second))


def two_inputs(*rows):
    a, b = rs.input("a", (2,)), rs.input("b", (2,))
    return rs.Network((a, b), a + b)({}, *(np.ones((n, 2)) for n in rows))


@dataclass(frozen=True)
class Summed(rs.ops.Op):
    """The sum of each row, whose `shape` says another axis or not."""

    further: tuple[int, ...] = ()

    def shape(self, x):
        return (*x[:1], *self.further)

    def forward(self, x):
        return x.sum(axis=1)


def numbered(texts, *lengths):
    word = rs.input("word", lengths, dtype="str")
    return rs.Network(word, nodes.apply_op(rs.ops.NumberOf(("a", "b")), word))({}, texts)


def large(wide):
    with jax.enable_x64(wide):
        return values.in_bits(np.array([2**40]), "the input")


def set_as(text):
    """What a line of a program sets, read and not run: the setting is of the whole program."""
    name, wide = re.fullmatch(r"jax\.config\.update\('(\w+)', (\w+)\)", text).groups()
    assert name == "jax_enable_x64"
    return large(wide == "True")


CASES = {
    "a text in a sum": Cure(
        lambda: rows(3) + "2",
        "a node, a number or an array of numbers",
        lambda: [rows(3) + v for v in (rows(3), 2, X[0])],
    ),
    "flatten": Cure(
        lambda: rs.affine(rows(4, 4), 2, name="scores"),
        r"put (\w+)\(\) between '(\w+)' and '(\w+)'",
        lambda layer, x, name: rs.affine(getattr(rs, layer)(rs.input(x, (4, 4))), 2, name=name),
    ),
    "arguments in another order": Cure(
        lambda: line()(X),
        r"give them where they belong, as in net(\(.*\)) and net.save\(path, params\): net.(.*)",
        lambda given, made: eval(f"net{given}", {"net": line(), "params": eval(f"line().{made}"), "x": X}),
    ),
    "no node": Cure(
        lambda: rs.affine(np.ones(3), 2),
        r"start from rs.input\(name, shape\) and pass what the layers return",
        lambda: rs.affine(rs.input("x", (3,)), 2),
    ),
    "no node for an operation": Cure(
        lambda: nodes.apply_op(rs.ops.Relu(), np.ones(3)),
        r"start from rs.input\(name, shape\) and pass what the layers return",
        lambda: nodes.apply_op(rs.ops.Relu(), rs.input("x", (3,))),
    ),
    "a value of another shape than is said": Cure(
        lambda: nodes.apply_op(Summed((1,)), rows(3)),
        r"make the two agree; a loss gives one number a row, as jnp.sum\(..., axis=-1\) does",
        lambda: nodes.apply_op(Summed(), rows(3)),
    ),
    "units of nothing": Cure(
        lambda: rs.affine(rows(3), 0),
        r"give (\w+) as a positive whole number",
        lambda name: rs.affine(rows(3), **{name: 1}),
    ),
    "floats as places": Cure(
        lambda: rs.embedding(rows(3), 10, 4),
        r"(rs\.input\(.*\))",
        lambda text: rs.embedding(eval(text, {"rs": rs}), 10, 4),
    ),
    "a shared weight of another shape": Cure(
        lambda: shared((4, 2)),
        r"share a parameter of shape \((\d+), (\d+)\)",
        lambda *lengths: shared(tuple(map(int, lengths))),
    ),
    "the batch axis": Cure(
        lambda: rs.concatenate([rows(3), rows(3)], axis=0),
        r"name an axis from (\d+) to (\d+)",
        lambda *ends: [rs.concatenate([rs.input("a", (3,)), rs.input("b", (3,))], axis=int(a)) for a in ends],
    ),
    "lengths that do not fill": Cure(
        lambda: rs.reshape(rows(12), (5, -1)),
        "give lengths after the batch axis, which stays; their product is the number of entries",
        lambda: rs.reshape(rows(12), (4, 3)),
    ),
    "the batch moved": Cure(
        lambda: rs.transpose(rows(3, 2), (1, 0, 2)),
        r"begin with 0, as in (\(.*\))",
        lambda text: rs.transpose(rows(3, 2), eval(text)),
    ),
    "one node to join": Cure(
        lambda: rs.concatenate(rows(3)),
        r"(concatenate\(\[a, b\], axis\))",
        lambda text: eval(
            text,
            {"concatenate": rs.concatenate, "a": rs.input("a", (3,)), "b": rs.input("b", (2,)), "axis": 1},
        ),
    ),
    "groups": Cure(
        lambda: rs.conv(rows(8, 6), 8, 3, groups=4),
        "choose groups that divide both",
        lambda: rs.conv(rows(8, 6), 8, 3, groups=2),
    ),
    "groups of a transposed convolution": Cure(
        lambda: rs.conv_transpose(rows(8, 6), 8, 3, groups=4),
        "choose groups that divide both",
        lambda: rs.conv_transpose(rows(8, 6), 8, 3, groups=2),
    ),
    "a proxy of a source": Cure(
        lambda: rs.proxy(rows(3), lambda g, y, x: (g,)),
        "give the node of a layer",
        lambda: rs.proxy(rs.step(rows(3)), lambda g, y, x: (g,)),
    ),
    "nothing to average": Cure(
        lambda: rs.affine(rs.global_average_pool(rows(3)), 2),
        "leave it out, there is nothing to average",
        lambda: rs.affine(rows(3), 2),
    ),
    "an input that is none": Cure(
        lambda: rs.Network(rs.relu(rows(3)), rs.relu(rows(3))),
        r"start from rs.input\(name, shape\)",
        lambda: rs.Network(x := rs.input("x", (3,)), rs.relu(x)),
    ),
    "an input that is not listed": Cure(only_one, r"(Network\(.*\))", with_both),
    "a node of no name": Cure(lambda: line().graph["lime"], r"one of (\w+)(?:, .*)?", lambda name: line().graph[name]),
    "two nodes of a name": Cure(
        lambda: names("a", "a"),
        "give one of them another name, or reuse the first node to share it",
        lambda: names("a", "b"),
    ),
    "an input without a name": Cure(lambda: rs.input("", (3,)), r"(rs\.input\(.*\))", lambda t: eval(t, {"rs": rs})),
    "a length of nothing": Cure(
        lambda: rs.input("x", (3, 0)),
        "give positive whole numbers, one per axis, without the batch axis",
        lambda: rs.input("x", (3, 1)),
    ),
    "whole numbers as parameters": Cure(lambda: line().init(dtype="int32"), "(.*)", precision),
    "other parameters": Cure(
        lambda: line()({"line.weights": np.ones((3, 2))}, np.ones((1, 3))),
        r"(net\.init\(.*\))",
        lambda text: (net := line())(eval(text, {"net": net}), np.ones((1, 3))),
    ),
    "parameters of another shape": Cure(
        lambda: (net := line())({n: np.ones(7) for n in net.init(0)}, np.ones((1, 3))),
        r"the parameters of this network, such as (.*)",
        lambda text: (net := line())(eval(text, {"net": net}), np.ones((1, 3))),
    ),
    "one row without the batch": Cure(
        lambda: (net := line())(net.init(0), np.ones(3)),
        r"add the batch axis: (.*)",
        lambda text: (net := line())(net.init(0), eval(text, {"x": np.ones(3)})),
    ),
    "whole numbers beyond 32 bits": Cure(
        lambda: large(False), r"(jax\.config\.update\(.*\)) at the start of the program", set_as
    ),
    "numbers in place of texts": Cure(
        lambda: numbered(np.ones(2)), r"(np\.array\(.*\))", lambda text: numbered(eval(text, {"np": np}))
    ),
    "texts without the batch": Cure(
        lambda: numbered(np.array(["a", "b", "a"]), 3),
        "reshape the data",
        lambda: numbered(np.array(["a", "b", "a"]).reshape(1, 3), 3),
    ),
    "numbers that an input would change": Cure(
        lambda: rs.Network(x := rs.input("x", (), "int32"), x + 1)({}, np.array([1.5, 2.0])),
        r"whole numbers from (-\d+) to (\d+), as array.astype\('int32'\) keeps them",
        lambda low, high: rs.Network(x := rs.input("x", (), "int32"), x - x)(
            {}, np.array([int(low), int(high)], np.float64).astype("int32")
        ),
    ),
    "two batches": Cure(lambda: two_inputs(2, 3), "give both the same length", lambda: two_inputs(3, 3)),
    "a slice of nothing": Cure(
        lambda: rs.slice(rows(5), 1, 4, 2),
        "choose start < stop inside the axis",
        lambda: rs.slice(rows(5), 1, 2, 4),
    ),
    "a network of nothing": Cure(
        lambda: rs.Network(rows(3), []),
        "at least one output",
        lambda: rs.Network(x := rows(3), [rs.relu(x)]),
    ),
    "a network of arrays": Cure(
        lambda: rs.Network(rows(3), np.ones(3)),
        r"nodes, as (rs\.input) and layers make them",
        lambda text: rs.Network(x := eval(text, {"rs": rs})("x", (3,)), rs.relu(x)),
    ),
    "a constant of words": Cure(
        lambda: rs.constant({"a": 1}), "an array of numbers", lambda: rs.constant(np.array([1.0, 2.0]))
    ),
    "words for numbers": Cure(
        lambda: (net := line())(net.init(0), np.array([["1", "2", "3"]])),
        "an array of numbers",
        lambda: (net := line())(net.init(0), np.array([["1", "2", "3"]]).astype(float)),
    ),
    "one input of two": Cure(
        lambda: two_inputs(2),
        r"give (\w+), (\w+), in this order",
        lambda *names: two_inputs(*(3 for _ in names)),
    ),
    "parameters that are not finite": Cure(
        lambda: finite({name: np.full(p.shape, np.nan) for name, p in line().init(0).items()}),
        "parameters of a finished training",
        lambda: finite(line().init(0)),
    ),
    "one derivative of two": Cure(
        lambda: two_outputs(np.ones((1, 3))),
        "one for each output",
        lambda: two_outputs(np.ones((1, 3)), np.ones((1, 3))),
    ),
    "derivatives of another shape": Cure(
        lambda: derivative(np.ones((2, 1))),
        "give one derivative for each entry of the output",
        lambda: derivative(np.ones((2, 2))),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_cure_works(name):
    cured(CASES[name])


def test_every_error_of_these_files_with_a_cure_has_a_case():
    modules = [graph, nodes, order, values, network, axes, custom, parametric, windows, wiring]
    not_mechanical = [
        "feeds itself",  # of foreign files: which edge is too many is for a person to say
        "JAX is set to 32 bits",  # a setting of the whole program; these tests run with it
        "it holds no recipe",  # it was written without, and is not at hand
    ]
    assert raises_without_a_case(modules, CASES.values(), not_mechanical) == []
