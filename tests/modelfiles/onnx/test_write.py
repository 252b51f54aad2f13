"""What we write is what we compute: in onnxruntime, in ONNX's own evaluator, and read back by us."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import reseau as rs
from reseau.errors import DataError, ModelFileError, UnsupportedError
from reseau.graph import apply_op
from reseau.modelfiles.onnx.writing import to_model
from reseau.ops.base import BATCH

onnxruntime = pytest.importorskip("onnxruntime")


def convolutional() -> rs.Network:
    x = rs.input("image", (12, 10, 3))
    h = rs.max_pool(rs.relu(rs.conv(x, 8, (3, 3), name="conv1")), (2, 2))
    h = rs.relu(rs.batch_norm(rs.conv(h, 6, 3, stride=2, groups=2), name="norm"))
    h = rs.relu(rs.affine(rs.dropout(rs.flatten(h), 0.3), 16, name="hidden"))
    return rs.Network(x, rs.affine(h, 10, name="logits"))


def transformer_like() -> rs.Network:
    x = rs.input("x", (4,))
    h = rs.gelu(rs.layer_norm(rs.affine(x, 8, name="hidden")), approximate=True) + rs.gelu(rs.affine(x, 8, bias=False))
    return rs.Network(x, rs.log_softmax(rs.affine(h, 3, name="logits")))


def two_outputs() -> rs.Network:
    x = rs.input("image", (8, 6, 3))
    h = rs.conv_transpose(rs.conv(x, 4, 3, name="code"), 3, 3, stride=2, name="up")
    return rs.Network(x, (h, rs.global_average_pool(h)))


def reshaped() -> rs.Network:
    x = rs.input("image", (4, 6, 3))
    h = rs.average_pool(rs.conv(x, 4, 3), 2)
    flat = rs.flatten(h)
    return rs.Network(x, (rs.reshape(flat, (3, 8)), rs.affine(flat, 2), rs.transpose(h, (0, 3, 2, 1))))


def joined() -> rs.Network:
    x = rs.input("image", (4, 6, 3))
    h = rs.concatenate([rs.conv(x, 4, 3) + rs.parameter(None, (4,), rs.initializers.ones), rs.tanh(x)], -1)
    return rs.Network(x, rs.layers.slice(rs.softmax(h), 3, 1, 7, 2))


def turned_twice() -> rs.Network:
    x = rs.input("x", (3, 3, 3))
    h = rs.tanh(x)
    a, b = rs.transpose(h, (0, 2, 1, 3)), rs.transpose(h, (0, 2, 3, 1))
    return rs.Network(x, (apply_op(rs.ops.Matmul(), a, b), rs.reshape(a, (27,)), rs.reshape(b, (27,))))


def tokens() -> rs.Network:
    x = rs.input("tokens", (5,), "int32")
    h = rs.embedding(x, 10, 4)
    return rs.Network(x, (rs.mean(h, axis=1), rs.layers.log_sum_exp(h, axis=1), rs.layers.max(h, axis=2)))


def flipped() -> rs.Network:
    x = rs.input("sound", (9, 2))
    h = rs.clip(rs.conv(x, 3, 4, dilation=2, flip=True), -0.5, 0.5)
    return rs.Network(x, rs.sqrt(rs.abs(rs.maximum(rs.square(h) * 2 - 0.1, rs.minimum(h, 0.1)) / 3)))


def shared() -> rs.Network:
    x = rs.input("image", (4, 4, 2))
    first = rs.conv(x, 2, 3, name="first")
    weight = first.parents[1]
    return rs.Network(x, rs.conv(first, 2, 3, weight=weight, name="second"))


NETWORKS = [convolutional, transformer_like, two_outputs, reshaped, joined, turned_twice, tokens, flipped, shared]


def batch_for(net: rs.Network, rows: int = 3) -> np.ndarray:
    generator = np.random.default_rng(0)
    node = net.graph.inputs[0]
    shape = (rows, *node.shape[1:])
    if node.source.dtype != "float":
        return generator.integers(0, 10, shape, np.int32)
    return generator.standard_normal(shape).astype(np.float32)


def outputs(value: object) -> list[np.ndarray]:
    return [np.asarray(v) for v in (value if isinstance(value, tuple) else (value,))]


@pytest.mark.parametrize("build", NETWORKS)
@pytest.mark.parametrize("channels", ["last", "first"])
def test_others_compute_the_same(build: Callable[[], rs.Network], channels: str, tmp_path) -> None:
    net = build()
    params = net.init(seed=1)
    rs.onnx.write(tmp_path / "net.onnx", net, params, channels=channels)
    x = batch_for(net)
    given = np.moveaxis(x, -1, 1) if channels == "first" and x.ndim > 2 else x
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: np.ascontiguousarray(given)}
    reference = ReferenceEvaluator(onnx.load(tmp_path / "net.onnx"))
    for theirs in (session.run(None, feeds), reference.run(None, feeds)):
        for a, b in zip(theirs, outputs(net(params, x)), strict=True):
            moved = a if a.shape == b.shape else np.moveaxis(a, 1, -1)
            np.testing.assert_allclose(moved, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("build", NETWORKS)
def test_a_file_reads_back_as_the_network_it_was(build: Callable[[], rs.Network], tmp_path) -> None:
    net = build()
    params = net.init(seed=2)
    net.save(tmp_path / "net.onnx", params)
    again, read = rs.load(tmp_path / "net.onnx")
    assert list(again.graph.by_name) == list(net.graph.by_name)
    assert list(again.graph.parameters) == list(net.graph.parameters)
    assert list(again.graph.states) == list(net.graph.states)
    assert read.keys() == params.keys()
    for name, value in params.items():
        np.testing.assert_array_equal(read[name], value)
    x = batch_for(net)
    for a, b in zip(outputs(again(read, x)), outputs(net(params, x)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_transpose_but_the_one_at_the_input() -> None:
    net = convolutional()
    params = {k: np.asarray(v) for k, v in net.init().items()}
    kinds = [n.op_type for n in to_model(net.graph, params).model.graph.node]
    assert kinds[0] == "Transpose"
    assert "Transpose" not in kinds[1:]
    assert kinds[-4:] == ["Dropout", "Gemm", "Relu", "Gemm"]
    first = [n.op_type for n in to_model(net.graph, params, channels="first").model.graph.node]
    assert "Transpose" not in first


@pytest.mark.parametrize(
    ("activation", "opset"),
    [(rs.relu, 7), (lambda x: rs.maximum(x, 0.0), 8), (rs.sign, 9), (rs.gelu, 9), (rs.round, 11), (rs.softmax, 7)],
)
def test_the_lowest_opset_is_written(activation, opset: int) -> None:
    x = rs.input("x", (3,))
    model = to_model(rs.Network(x, activation(x)).graph, {}).model
    assert model.opset_import[0].version == opset
    assert model.ir_version == max(4, onnx.helper.find_min_ir_version_for(model.opset_import))


def test_viewers_are_told_shapes_and_the_batch_by_name() -> None:
    net = convolutional()
    model = to_model(net.graph, {k: np.asarray(v) for k, v in net.init().items()}).model
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == BATCH
    told = {v.name for v in model.graph.value_info}
    assert {"conv1", "hidden"} <= told


def test_words_stand_in_the_metadata(tmp_path) -> None:
    net = transformer_like()
    file = tmp_path / "net.onnx"
    from reseau.modelfiles import formats as modelfile

    modelfile.write(file, net.graph, {k: np.asarray(v) for k, v in net.init().items()}, {"epochs": "3"})
    assert {p.key: p.value for p in onnx.load(file).metadata_props}["epochs"] == "3"
    assert modelfile.read_metadata(file) == {"epochs": "3"}


def test_a_function_of_the_user_is_refused_by_name(tmp_path) -> None:
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.apply(jnp.sin, x, name="wave"))
    with pytest.raises(UnsupportedError, match="'wave'"):
        net.save(tmp_path / "net.onnx", {})
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_network_are_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="unknown 'a'"):
        rs.onnx.write(tmp_path / "net.onnx", transformer_like(), {"a": np.zeros(3)})


def test_a_model_that_computes_something_else_is_not_put_in_place(tmp_path, monkeypatch) -> None:
    from reseau.modelfiles.onnx import self_check

    monkeypatch.setattr(self_check, "run_here", lambda graph, params, given: [np.full((2, 3), 7.0, np.float32)])
    net = transformer_like()
    with pytest.raises(ModelFileError, match=r"net\.onnx.*onnxruntime gives another value of 'logits"):
        rs.Network(net.graph.inputs, net.graph["logits"]).save(
            tmp_path / "net.onnx", {k: v for k, v in net.init().items()}
        )
    assert list(tmp_path.iterdir()) == []


def test_large_weights_go_beside_the_model(tmp_path, monkeypatch) -> None:
    from reseau.modelfiles.onnx import writing

    monkeypatch.setattr(writing, "LARGEST_INSIDE", 1000)
    net = convolutional()
    params = net.init(seed=3)
    net.save(tmp_path / "net.onnx", params)
    assert len(list(tmp_path.glob("net.onnx.*.data"))) == 1
    assert not any(t.raw_data for t in onnx.load(tmp_path / "net.onnx", load_external_data=False).graph.initializer)
    again, read = rs.load(tmp_path / "net.onnx")
    x = batch_for(net)
    np.testing.assert_array_equal(again(read, x), net(params, x))

    def refuse(*_: object) -> None:
        raise ModelFileError("it computes something else")

    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    monkeypatch.setattr(writing, "check", refuse)
    with pytest.raises(ModelFileError, match="something else"):
        net.save(tmp_path / "net.onnx", params)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_float64_stays_float64(tmp_path) -> None:
    import jax

    with jax.enable_x64(True):
        net = transformer_like()
        params = net.init(seed=0, dtype="float64")
        net.save(tmp_path / "net.onnx", params)
        _, read = rs.load(tmp_path / "net.onnx")
        assert {str(v.dtype) for v in read.values()} == {"float64"}


def test_changed_weights_are_read_and_a_changed_graph_is_read_as_it_stands(tmp_path) -> None:
    net = transformer_like()
    params = net.init(seed=0)
    net.save(tmp_path / "net.onnx", params)
    model = onnx.load(tmp_path / "net.onnx")
    bias = next(t for t in model.graph.initializer if t.name == "logits.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(np.array([1, 2, 3], np.float32), "logits.bias"))
    onnx.save(model, tmp_path / "net.onnx")
    _, read = rs.load(tmp_path / "net.onnx")
    np.testing.assert_array_equal(read["logits.bias"], [1, 2, 3])
