"""No bound is ever crossed: random small graphs, every node of which is evaluated in rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest

import reseau as rs
from reseau.ops import Affine

SCALES = (1.0, 1.0, 1.0, 2.0**-40, 2.0**60, 3e-310, 1e-160, 1e120)  # some numbers underflow, some are below 2^-1022


def numbers(rng, *shape):
    """Weights of one scale, some of them zero."""
    return rng.normal(size=shape) * rng.choice(SCALES) * (rng.random(shape) < 0.8)


def random_graph(rng):
    """A graph of a few operations that rational arithmetic can follow, and its parameters."""
    x = rs.input("x", (int(rng.integers(1, 4)),))
    nodes, params = [x], {}
    for i in range(rng.integers(2, 7)):
        a, b = nodes[rng.integers(max(0, len(nodes) - 2), len(nodes))], nodes[rng.integers(len(nodes))]
        nodes.append(random_node(rng, a, b, f"n{i}", params))
    return rs.Network(x, nodes[-1]), params


def random_node(rng, a, b, name, params):
    """A node that reads `a`, and perhaps `b`; its parameters are put beside the others."""
    width, kind = int(a.shape[1]), rng.integers(10)
    if kind < 4:
        out = int(rng.integers(1, 4))
        params |= {f"{name}.weight": numbers(rng, width, out), f"{name}.bias": numbers(rng, out)}
        return rs.affine(a, out, name=name)
    if kind == 4 and a.shape == b.shape:
        return rng.choice([lambda: a + b, lambda: a - b, lambda: rs.maximum(a, b), lambda: rs.minimum(a, b)])()
    if kind == 5:
        return a * numbers(rng, width)
    if kind == 6:
        return rs.clip(a, float(rng.normal() - 1), float(rng.normal() + 4))
    if kind == 7:
        return rng.choice([lambda: rs.max(a, axis=1, keepdims=True), lambda: rs.sum(a, axis=1, keepdims=True)])()
    if kind == 8:
        return rng.choice([lambda: rs.abs(a), lambda: rs.square(a), lambda: rs.step(a), lambda: -a])()
    return rng.choice([lambda: rs.relu(a), lambda: rs.leaky_relu(a, float(rng.random()))])()


def exact(net, params, point):
    """The value of every node in rational arithmetic, one row."""
    found = {}
    for node in net.graph.nodes:
        name = net.graph.names[node]
        if node.op is None:
            source = point if node is net.graph.inputs[0] else params.get(name)
            array = node.source.value if source is None else source
            found[node] = np.array([Fraction(float(v)) for v in np.ravel(array)], object).reshape(np.shape(array))
            continue
        found[node] = rational(node.op, *(found[p] for p in node.parents))
    return found


def rational(op, a, *rest):
    """One operation, exact."""
    if isinstance(op, Affine):
        return a @ rest[0] + rest[1]
    return {
        "relu": lambda: np.maximum(a, 0),
        "leaky_relu": lambda: np.where(a > 0, a, Fraction(op.slope) * a),
        "abs": lambda: abs(a),
        "square": lambda: a * a,
        "step": lambda: np.where(a > 0, Fraction(1), Fraction(0)),
        "negative": lambda: -a,
        "clip": lambda: np.minimum(np.maximum(a, Fraction(op.low)), Fraction(op.high)),
        "max": lambda: a.max(keepdims=True),
        "sum": lambda: a.sum(keepdims=True),
        "add": lambda: a + rest[0],
        "subtract": lambda: a - rest[0],
        "multiply": lambda: a * rest[0],
        "maximum": lambda: np.maximum(a, rest[0]),
        "minimum": lambda: np.minimum(a, rest[0]),
    }[op.name]()


def crossed(seed):
    """The nodes of one random graph whose value leaves its bounds at a corner or inside of a box."""
    rng = np.random.default_rng(seed)
    net, params = random_graph(rng)
    size = int(net.graph.inputs[0].shape[1])
    low = numbers(rng, size)
    high = low + np.abs(numbers(rng, size)) * rng.choice([0.0, 1e-9, 1.0])
    used = {name: params[name] for name in net.graph.stored}
    bounds = net.bounds(used, low, high)
    points = [np.where(rng.random(size) < 0.5, low, high) for _ in range(3)]
    points.append(np.clip(low + (high - low) * rng.random(size), low, high))
    found = []
    for point in points:
        for node, value in exact(net, used, point).items():
            least, most = (np.ravel(end) for end in bounds[net.graph.names[node]])
            for v, a, b in zip(np.ravel(value), least, most, strict=True):
                if (a > -np.inf and v < Fraction(float(a))) or (b < np.inf and v > Fraction(float(b))):
                    found.append((seed, net.graph.names[node], float(v), a, b))
    return found


def test_no_bound_of_a_node_is_crossed_by_rational_arithmetic():
    assert [c for seed in range(150) for c in crossed(seed)] == []


@pytest.mark.slow
def test_no_bound_of_ten_thousand_graphs_is_crossed():
    assert [c for seed in range(150, 10_150) for c in crossed(seed)] == []


def test_a_number_below_those_that_programs_keep_is_not_taken_for_zero():
    x = rs.input("x", (1,))
    net = rs.Network(x, rs.relu(x, name="y"))
    low, high = net.bounds({}, [1e-310], [2e-310])["y"]
    assert low.item() <= 1e-310
    assert high.item() >= 2e-310
    net = rs.Network(x, rs.apply_op(rs.ops.Floor(), x, name="y"))
    assert net.bounds({}, [-1e-310], [0.0])["y"][0].item() == -1
