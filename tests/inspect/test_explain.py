"""The numbers of an explanation multiply out, and its local derivatives are JAX's."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs


def small_network():
    """A skip, a parameter read twice, a constant, an input that is an output's only reader."""
    x = rs.input("x", (2,))
    w = rs.parameter("w", (2, 2), lambda g, s: g.normal(size=s))
    h = rs.tanh(x @ w, name="h")
    return rs.Network(x, (rs.sum(h @ w + 2 * h, -1, keepdims=True), h))


def walk_of(net, *inputs, d_output, seed=0):
    params = net.init(seed, dtype="float64")
    return params, net.explain(params, *inputs, d_output)


@pytest.fixture
def x():
    return np.array([[0.5, -1.25]])


@pytest.fixture
def d_output():
    return np.array([[2.0]]), np.array([[0.5, -3.0]])


def test_products_and_sums_multiply_out(x, d_output):
    _, walk = walk_of(small_network(), x, d_output=d_output)
    assert walk.spelled
    assert sum(len(step.pulls) for step in walk.steps) >= 8
    for step in walk.steps:
        parts = [] if step.given is None else [step.given]
        for pull in step.pulls:
            assert pull.jacobian is not None
            axes = pull.cotangent.ndim
            np.testing.assert_allclose(np.tensordot(pull.cotangent, pull.jacobian, axes), pull.product, atol=1e-12)
            parts.append(pull.product)
        if parts:
            np.testing.assert_allclose(sum(parts), step.cotangent, atol=1e-12)


def test_the_end_is_the_derivative_that_jax_finds(x, d_output):
    params, walk = walk_of(small_network(), x, d_output=d_output)

    def scalar(w, x):
        h = jnp.tanh(x @ w)
        return jnp.sum(d_output[0] * jnp.sum(h @ w + 2 * h, -1, keepdims=True)) + jnp.sum(d_output[1] * h)

    by_w, by_x = jax.grad(scalar, (0, 1))(params["w"], jnp.asarray(x))
    found = {step.name: step.cotangent for step in walk.steps}
    np.testing.assert_allclose(found["w"], by_w, rtol=1e-12)
    np.testing.assert_allclose(found["x"], by_x, rtol=1e-12)


def test_local_derivatives_are_jacobians(x):
    net = rs.Network(i := rs.input("x", (2,)), rs.softmax(i, name="y"))
    _, walk = walk_of(net, x, d_output=np.ones((1, 2)))
    np.testing.assert_allclose(walk.steps[0].pulls[0].jacobian, jax.jacobian(jax.nn.softmax)(x), atol=1e-12)


def test_the_text_multiplies_out(x, d_output):
    text = str(walk_of(small_network(), x, d_output=d_output)[1])
    sums = [line for line in text.splitlines() if "×" in line and " = " in line and "[" in line]
    assert len(sums) > 20
    for line in sums:
        terms = re.findall(r"\((\S+) × (\S+)\)", line)
        total = float(line.rsplit(" = ", 1)[1])
        assert sum(float(a) * float(b) for a, b in terms) == pytest.approx(total, abs=1e-4)


def test_the_text_goes_forward_and_then_back():
    x = rs.input("x", (1,))
    net = rs.Network(x, rs.square(x, name="y"))
    assert str(net.explain({}, np.array([[3.0]]), np.array([[1.0]]))).splitlines() == [
        "Forward: each node after the nodes it reads.",
        "  x = [[3]]  (input)",
        "  y = square(x) = [[9]]",
        "",
        "Backward: each node after the nodes that read it. L is the number that is differentiated, d(v) its",
        "derivative by v. In (a × b), a is the derivative of L by one entry of the node, b the local derivative of",
        "that entry by the one on the left. Terms that are zero are left out.",
        "",
        "  y = square(x)",
        "    d(y) = [[1]] given",
        "    to x:",
        "      d(x[0,0]) = (1 × 6) = 6",
        "",
        "Found: the derivative of L by every input and parameter.",
        "  d(x) = [[6]] from y",
    ]


def test_parts_from_several_readers_are_summed_in_words():
    x = rs.input("x", (1,))
    y = rs.Network(x, rs.square(x, name="a") + rs.relu(x, name="b"))
    assert "d(x) = [[1]] from b + [[6]] from a = [[7]]" in str(y.explain({}, np.array([[3.0]]), np.array([[1.0]])))


def test_a_proxy_is_told_and_indices_have_no_derivative():
    i = rs.input("i", (2,), dtype="int32")
    net = rs.Network(i, rs.step(rs.embedding(i, 3, 1, name="e"), name="s"))
    _, walk = walk_of(net, np.array([[0, 2]]), d_output=np.ones((1, 2, 1)))
    text = str(walk)
    assert "s = step(e) (proxy gradient)" in text
    assert next(s for s in walk.steps if s.name == "i").cotangent is None
    assert "d(i" not in text


def test_what_nothing_reads_back_is_said():
    x = rs.input("x", (1,))
    net = rs.Network((x, rs.input("unused", (1,))), rs.square(x))
    text = str(net.explain({}, np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1))))
    assert "d(unused) = [[0]]  (nothing comes back)" in text


def test_large_arrays_show_norms():
    x = rs.input("x", (100,))
    net = rs.Network(x, rs.affine(x, 50, name="y"))
    params = net.init(0, dtype="float64")
    data = np.ones((1, 100))
    text = str(net.explain(params, data, np.ones((1, 50))))
    norm = np.linalg.norm(np.ones((1, 50)) @ np.asarray(params["y.weight"]).T)
    assert f"<(1, 100), norm {norm:.6g}>" in text
    assert "5,000 local derivatives are not spelled out" in text


def test_large_graphs_show_norms_and_say_so():
    x = h = rs.input("x", (2,))
    for _ in range(1000):
        h = rs.tanh(h)
    text = str(rs.Network(x, h).explain({}, np.ones((1, 2)), np.ones((1, 2))))
    assert text.startswith("This graph has 1,000 operations; up to 40 are spelled out.")
    assert "more rows" in text


def test_names_steer_no_terminal():
    x = rs.input("x\x1b[2J", (1,))
    assert "\x1b" not in str(rs.Network(x, rs.square(x)).explain({}, np.ones((1, 1)), np.ones((1, 1))))
