"""The cures in the errors of infinitely many neurons work."""

import numpy as np
import pytest

import reseau as rs
from reseau.theory import mean_field, mean_field_figure, tangent_kernel
from tools.cures import Cure, cured, files_of, raises_without_a_case

X, Y = [-1.0, 0.0, 1.0], [1.0, 0.0, 1.0]


def flow(width=4, **settings):
    return mean_field(X, Y, 0.01, width, **{"steps": 5} | settings)


def figure(*widths):
    return mean_field_figure(X, Y, 0.01, widths, (1.0,), steps=5)


def line(*outputs):
    x = rs.input("x", (2,))
    hidden = rs.affine(x, 1, name="line")
    return rs.Network(x, [f(hidden) for f in outputs] if len(outputs) > 1 else outputs[0](hidden))


def kernel(net, weight=1.0, rows=((1.0, 2.0),)):
    params = {"line.weight": np.full((2, 1), weight), "line.bias": np.zeros(1)}
    return tangent_kernel(net, params, np.array(rows).reshape(-1, 2))


def first_output(net):
    return rs.Network(net.graph.inputs, net.graph.outputs[0])


CASES = {
    "an odd width": Cure(
        lambda: flow(width=3), "an even width, at least 1 step, and positive finite numbers", flow
    ),
    "a rate that is too large": Cure(
        lambda: flow(rate=1e200),
        r"a smaller rate than (.*)",
        lambda rate: flow(rate=float(rate) * 1e-200),
    ),
    "a figure of no width": Cure(figure, "one of each or more", lambda: figure(4)),
    "two outputs": Cure(
        lambda: kernel(line(rs.relu, rs.tanh)),
        r"rs\.Network\(net\.graph\.inputs, net\.graph\.outputs\[0\]\), the part that has one output of numbers",
        lambda: kernel(first_output(line(rs.relu, rs.tanh))),
    ),
    "a derivative that is not finite": Cure(
        lambda: kernel(line(rs.log), weight=0.0),
        "parameters of a finished training",
        lambda: kernel(line(rs.log), weight=1.0),
    ),
    "no row": Cure(lambda: kernel(line(rs.relu), rows=()), "rows of finite numbers", lambda: kernel(line(rs.relu))),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_cure_works(name):
    cured(CASES[name])


def test_every_error_with_a_cure_has_a_case():
    assert raises_without_a_case(files_of("reseau.theory.infinite"), CASES.values()) == []
