"""Layers that are compositions: values of JAX, onnxruntime or the paper's formula; saved, drawn and exported whole."""

from collections.abc import Callable
from itertools import chain, pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from onnx import TensorProto, helper

import reseau as rs
from reseau.errors import GraphError, ShapeError
from reseau.graph import Node

onnxruntime = pytest.importorskip("onnxruntime")


def value(build: Callable[[Node], Node], X: np.ndarray, **parameters: np.ndarray) -> np.ndarray:
    """What the layer gives for these rows, with these values for the parameters whose names end so."""
    x = rs.input("x", X.shape[1:])
    net = rs.Network(x, build(x))
    params = dict(net.init(seed=0))
    for end, array in parameters.items():
        (name,) = [n for n in params if n.endswith(end.replace("_", " "))]
        assert params[name].shape == array.shape
        params[name] = jnp.asarray(array, jnp.float32)
    return np.asarray(net(params, X))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (rs.silu, jax.nn.silu),
        (rs.mish, jax.nn.mish),
        (rs.elu, jax.nn.elu),
        (lambda x: rs.elu(x, 0.3), lambda x: jax.nn.elu(x, 0.3)),
        (rs.selu, jax.nn.selu),
        (rs.hard_swish, jax.nn.hard_swish),
    ],
)
def test_activations_and_their_derivatives_are_those_of_jax(ours, theirs) -> None:
    X = np.concatenate([np.linspace(-8, 8, 99, dtype=np.float32), np.float32([-90, 90, -1e-4, 1e-4])])[:, None]
    np.testing.assert_allclose(value(ours, X), theirs(X), rtol=1e-5, atol=2e-6)
    x = rs.input("x", (1,))
    net = rs.Network(x, ours(x))
    given = np.ones_like(X)
    found = net.backward(net.forward({}, X), given)["x"]
    np.testing.assert_allclose(found, jax.vjp(theirs, jnp.asarray(X))[1](jnp.asarray(given))[0], rtol=1e-4, atol=1e-5)


def test_a_learned_slope_goes_from_the_identity_to_the_activation(rng) -> None:
    X = rng.standard_normal((20, 3)).astype(np.float32)
    slope = np.float32([0, 1, 0.25])

    def layer(x: Node) -> Node:
        return rs.parametric_activation(rs.selu, x, name="h")

    np.testing.assert_allclose(value(layer, X, slope=slope), X + slope * (jax.nn.selu(X) - X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(value(layer, X), jax.nn.selu(X), rtol=1e-5, atol=1e-6)


def test_smooth_clipping_is_the_formula_and_never_passes_its_bound() -> None:
    X = np.float32([[-np.inf, -1e38, -3, 0, 0.1, 3, 115, 1e38, np.inf]])
    found = value(lambda x: rs.smooth_clip(x, 3.0), X)[0]
    finite = X[0, 2:7].astype(float)
    np.testing.assert_allclose(found[2:7], finite / np.sqrt(1 + (finite / 3) ** 2), rtol=1e-6)
    np.testing.assert_allclose(found[[0, 1, 7, 8]], [-3, -3, 3, 3], rtol=1e-6)


def test_a_scale_is_a_diagonal_matrix(rng) -> None:
    X, factor = rng.standard_normal((5, 3)).astype(np.float32), np.float32([2, 0, -1])
    np.testing.assert_allclose(value(rs.scale, X, factor=factor), X @ np.diag(factor), rtol=1e-6)


def test_ntk_affine_divides_by_the_root_of_the_features_and_keeps_the_variance(rng) -> None:
    X, w, b = rng.standard_normal((5, 16)), rng.standard_normal((16, 3)), rng.standard_normal(3)
    found = value(lambda x: rs.ntk_affine(x, 3, name="h"), X, weight=w, bias=b)
    np.testing.assert_allclose(found, X @ w / 4 + b, rtol=1e-4, atol=1e-5)
    wide = value(lambda x: rs.ntk_affine(x, 2000, name="h"), rng.standard_normal((4, 400)))
    assert 0.8 < wide.std() < 1.2


def test_periodic_embedding_is_the_formula(rng) -> None:
    X = rng.standard_normal((7, 2))
    f, p, w, b = (rng.standard_normal(s) for s in ((2, 5), (2, 5), (2, 5, 3), (2, 3)))
    given = {"frequency": f, "phase": p, "weight": w, "bias": b}
    found = value(lambda x: rs.periodic_embedding(x, 5, 4, name="e"), X, **given)
    learned = [np.cos(2 * np.pi * X[:, [j]] * f[j] + p[j]) @ w[j] + b[j] for j in range(2)]
    wanted = np.concatenate([np.concatenate([X[:, [j]], learned[j]], 1) for j in range(2)], 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_piecewise_linear_encoding_is_the_formula() -> None:
    edges = [[0.0, 1.0, 3.0], [-1.0, 1.0], [0.0, 1.0, 2.0, 4.0]]
    X = np.array([[-5, -9, 1.5], [0.5, 0, 3.0], [2, 1, -1], [9, 9, 9]], float)

    def by_hand(x: float, ends: list[float]) -> list[float]:
        found = []
        for t, (low, high) in enumerate(pairwise(ends)):
            if x < low and t > 0:
                found.append(0.0)
            elif x >= high and t < len(ends) - 2:
                found.append(1.0)
            else:
                found.append((x - low) / (high - low))
        return found

    wanted = [[*chain(*(by_hand(v, e) for v, e in zip(row, edges, strict=True)))] for row in X]
    np.testing.assert_allclose(value(lambda x: rs.piecewise_linear_encoding(x, edges), X), wanted, rtol=1e-6)


def test_members_share_a_weight_and_differ_by_their_adapters(rng) -> None:
    X, w = rng.standard_normal((6, 3)), rng.standard_normal((3, 4))
    s, r, a, b = (rng.standard_normal(size) for size in ((2, 3), (2, 3), (2, 4), (2, 4)))

    def layer(x: Node) -> Node:
        return rs.members_affine(rs.members(x, 2, name="m"), 4, name="h")

    given = {"m.scale": s, "h.before": r, "h.weight": w, "h.after": a, "h.bias": b}
    found = value(layer, X, **given)
    for i in range(2):
        np.testing.assert_allclose(found[:, i], (X * s[i] * r[i]) @ w * a[i] + b[i], rtol=1e-4, atol=1e-5)
    x = rs.input("x", (3,))
    assert set(np.unique(rs.Network(x, rs.members(x, 64, name="m")).init()["m.scale"])) == {-1, 1}


def test_separate_members_share_nothing(rng) -> None:
    X, w, b = rng.standard_normal((6, 2, 3)), rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 4))
    found = value(lambda x: rs.separate_affine(x, 4, name="h"), X, weight=w, bias=b)
    for i in range(2):
        np.testing.assert_allclose(found[:, i], X[:, i] @ w[i] + b[i], rtol=1e-4, atol=1e-5)


def by_onnx(kind: str, X: np.ndarray, weights: list[np.ndarray], **settings: int | str) -> np.ndarray:
    """The output of one ONNX node for float32 inputs."""
    given = {f"i{k}": np.asarray(v, np.float32) for k, v in enumerate([X, *weights])}
    node = helper.make_node(kind, list(given), ["y"], **settings)
    inputs = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in given.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    model = helper.make_model(
        helper.make_graph([node], "g", inputs, [output]), opset_imports=[helper.make_opsetid("", 21)]
    )
    model.ir_version = 10
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, given)[0])


@pytest.mark.parametrize("shape", [(5, 4, 6), (3, 6), (2, 2, 2, 6)])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_norm_is_that_of_onnxruntime(shape: tuple[int, ...], groups: int, rng) -> None:
    if len(shape) == 2:
        shape = (shape[0], 1, shape[1])
    X, scale, shift = rng.standard_normal(shape), rng.standard_normal(6), rng.standard_normal(6)
    found = value(lambda x: rs.group_norm(x, groups, name="n"), X, scale=scale, shift=shift)
    wanted = by_onnx("GroupNormalization", np.moveaxis(X, -1, 1), [scale, shift], num_groups=groups)
    np.testing.assert_allclose(found, np.moveaxis(wanted, 1, -1), rtol=1e-3, atol=1e-4)


def test_rms_norm_is_the_formula(rng) -> None:
    X, scale = rng.standard_normal((4, 3, 8)), rng.standard_normal(8)
    wanted = X / np.sqrt((X**2).mean(-1, keepdims=True) + 1e-5) * scale
    np.testing.assert_allclose(value(lambda x: rs.rms_norm(x, name="n"), X, scale=scale), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_that_of_jax(causal: bool, rng) -> None:
    X = rng.standard_normal((2, 5, 8)).astype(np.float32)
    x = rs.input("x", (5, 8))
    net = rs.Network(x, rs.attention(x, 2, causal=causal, name="a"))
    params = {k: jnp.asarray(rng.standard_normal(v.shape), jnp.float32) for k, v in net.init().items()}
    q, k, v = (
        (X @ params[f"a {r}.weight"] + params[f"a {r}.bias"]).reshape(2, 5, 2, 4) for r in ("query", "key", "value")
    )
    mixed = jax.nn.dot_product_attention(q, k, v, is_causal=causal).reshape(2, 5, 8)
    wanted = mixed @ params["a.weight"] + params["a.bias"]
    np.testing.assert_allclose(net(params, X), wanted, rtol=1e-3, atol=1e-4)


def test_attention_reads_another_sequence(rng) -> None:
    x, memory = rs.input("x", (3, 4)), rs.input("memory", (6, 10))
    net = rs.Network((x, memory), rs.attention(x, 2, memory=memory))
    assert net(net.init(), np.ones((2, 3, 4)), rng.standard_normal((2, 6, 10))).shape == (2, 3, 4)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", ["GRU", "GRU, reset after", "LSTM"])
def test_gated_cells_are_those_of_onnxruntime(kind: str, reverse: bool, rng) -> None:
    X, gates, units = rng.standard_normal((2, 5, 3)), 4 if kind == "LSTM" else 3, 4
    w, r = rng.standard_normal((gates * units, 3)), rng.standard_normal((gates * units, units))
    b, c = rng.standard_normal((2, gates * units))
    after = "after" in kind

    def layer(x: Node) -> Node:
        if kind == "LSTM":
            return rs.lstm(x, units, reverse=reverse, name="h")
        return rs.gru(x, units, reverse=reverse, reset_after=after, name="h")

    given = {"h.weight": w, "h.state_weight": r, "h.bias": b, "h.state_bias": c}
    settings = {"hidden_size": units, "direction": "reverse" if reverse else "forward"}
    settings |= {"linear_before_reset": 1} if after else {}
    weights = [w[None], r[None], np.concatenate([b, c])[None]]
    wanted = by_onnx(kind.split(",")[0], np.moveaxis(X, 1, 0), weights, **settings)
    np.testing.assert_allclose(value(layer, X, **given), np.moveaxis(wanted[:, 0], 0, 1), rtol=1e-4, atol=1e-5)


def activations(x: Node) -> Node:
    h = rs.parametric_activation(rs.mish, rs.ntk_affine(x, 4, name="hidden"), name="act")
    return rs.hard_swish(rs.elu(rs.silu(rs.selu(h))), name="y")


def embedded(x: Node) -> Node:
    h = rs.periodic_embedding(rs.smooth_clip(x), name="periodic")
    pieces = rs.piecewise_linear_encoding(x, [[-1, 0, 1]] * 6)
    return rs.affine(rs.scale(rs.concatenate([h, pieces], 1), name="front"), 2)


def of_members(x: Node) -> Node:
    h = rs.relu(rs.members_affine(rs.members(x, 3, name="members"), 5, name="hidden"))
    return rs.mean(rs.separate_affine(h, 2, name="scores"), 1, name="predicted")


def normalized(x: Node) -> Node:
    h = rs.group_norm(rs.reshape(x, (3, 2)), 2, name="groups")
    return rs.attention(rs.rms_norm(h, name="root"), 2, causal=True, name="mixed")


def recurrent(x: Node) -> Node:
    h = rs.gru(rs.reshape(x, (3, 2)), 4, name="gated")
    return rs.flatten(rs.lstm(h, 3, reverse=True, name="memory"))


@pytest.mark.parametrize("build", [activations, embedded, of_members, normalized, recurrent])
def test_saved_drawn_and_exported_whole(build: Callable[[Node], Node], tmp_path, rng) -> None:
    x = rs.input("x", (6,))
    net = rs.Network(x, build(x))
    params, X = net.init(seed=3), rng.standard_normal((4, 6)).astype(np.float32)
    wanted = np.asarray(net(params, X))
    for name in ("net.safetensors", "net.onnx"):
        net.save(tmp_path / name, params)
        again, read = rs.load(tmp_path / name)
        np.testing.assert_array_equal(again(read, X), wanted)
        assert read.keys() == params.keys()
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": X})
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert "<svg" in net.draw()
    assert str(sum(v.size for v in params.values())) in str(net.summary()).replace(",", "").replace(" ", "")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: rs.smooth_clip(rs.input("x", (2,)), 0.0), "its bound is 0.0"),
        (lambda: rs.periodic_embedding(rs.input("x", (2,)), features=1), "no room for more than itself"),
        (lambda: rs.periodic_embedding(rs.input("x", (2, 2))), "fix: put flatten()"),
        (lambda: rs.piecewise_linear_encoding(rs.input("x", (2,)), [[0, 1]]), "one list for each column"),
        (lambda: rs.piecewise_linear_encoding(rs.input("x", (1,)), [[0, 0, 1]]), "increasing finite numbers"),
        (lambda: rs.members_affine(rs.input("x", (2,)), 3), "fix: put members(x, 8)"),
        (lambda: rs.members(rs.input("x", (2, 2)), 3), "fix: put flatten()"),
        (lambda: rs.group_norm(rs.input("x", (4, 6)), 4), "fix: groups that divide them"),
        (lambda: rs.attention(rs.input("x", (4, 6)), 4), "fix: heads that divide them"),
        (lambda: rs.attention(rs.input("x", (6,)), 2), "fix: put reshape(x, (time, features))"),
        (lambda: rs.lstm(rs.input("x", (6,)), 2), "fix: put reshape(x, (time, features))"),
        (lambda: rs.gru(rs.input("x", (6, 2)), 0), "fix: give units as a positive whole number"),
    ],
)
def test_what_does_not_fit_is_refused_with_one_cure(build: Callable[[], Node], words: str) -> None:
    with pytest.raises((ShapeError, GraphError)) as refused:
        build()
    assert words in str(refused.value)
    assert str(refused.value).count("\n  fix: ") == 1
