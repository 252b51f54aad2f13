"""A file that is not what it says is refused with the file and the node named; nothing crashes, nothing is believed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import reseau as rs
from reseau.errors import DataError, ModelFileError


def tiny() -> onnx.ModelProto:
    """y = relu(x W + b), in our words and without them."""
    weights = [
        numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(3, 2), "W"),
        numpy_helper.from_array(np.ones(2, np.float32), "b"),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "W"], ["h"], "product"),
        helper.make_node("Add", ["h", "b"], ["s"], "sum"),
        helper.make_node("Relu", ["s"], ["y"], "positive"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, "tiny", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def refused(path: Path, model: onnx.ModelProto | bytes, *words: str) -> None:
    raw = model if isinstance(model, bytes) else model.SerializeToString()
    path.write_bytes(raw)
    with pytest.raises(ModelFileError) as caught:
        rs.load(path)
    said = str(caught.value)
    assert path.name in said
    for word in words:
        assert word in said


def test_the_whole_file_is_read(tmp_path) -> None:
    (tmp_path / "m.onnx").write_bytes(tiny().SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    np.testing.assert_array_equal(net(params, np.eye(3)), np.arange(6).reshape(3, 2) + 1)


def test_a_truncated_file(tmp_path) -> None:
    raw = tiny().SerializeToString()
    for length in (0, 1, 7, len(raw) // 2, len(raw) - 40):
        refused(tmp_path / "m.onnx", raw[:length])


def test_a_file_of_another_kind(tmp_path) -> None:
    refused(tmp_path / "m.onnx", b"\x89PNG\r\n\x1a\n" + bytes(100))


def test_a_missing_file(tmp_path) -> None:
    with pytest.raises(ModelFileError, match=r"none\.onnx.*No such file"):
        rs.load(tmp_path / "none.onnx")


def test_a_cycle_is_spelled_out(tmp_path) -> None:
    model = tiny()
    model.graph.node[0].input[0] = "s"
    refused(tmp_path / "m.onnx", model, "product", "sum", "feeds itself")


def test_a_missing_initializer(tmp_path) -> None:
    model = tiny()
    del model.graph.initializer[0]
    refused(tmp_path / "m.onnx", model, "'product'", "'W'")


def test_duplicate_names(tmp_path) -> None:
    model = tiny()
    model.graph.node[1].output[0] = "h"
    model.graph.node[2].input[0] = "h"
    refused(tmp_path / "m.onnx", model, "'h'")
    model = tiny()
    model.graph.initializer.append(model.graph.initializer[0])
    refused(tmp_path / "m.onnx", model, "'W'")


def test_an_unknown_operator_and_an_unknown_domain(tmp_path) -> None:
    model = tiny()
    model.graph.node[2].op_type = "Reluu"
    refused(tmp_path / "m.onnx", model, "'positive'", "Reluu")
    model = tiny()
    model.graph.node[2].domain = "com.example"
    refused(tmp_path / "m.onnx", model, "'positive'", "com.example")


@pytest.mark.parametrize("version", [0, 29, 2**40])
def test_an_unknown_opset(tmp_path, version: int) -> None:
    model = tiny()
    model.opset_import[0].version = version
    refused(tmp_path / "m.onnx", model, str(version))


def test_a_shape_that_lies(tmp_path) -> None:
    model = tiny()
    model.graph.initializer[0].dims[:] = [4, 2]
    refused(tmp_path / "m.onnx", model, "'W'", "(4, 2)")
    model = tiny()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
    refused(tmp_path / "m.onnx", model, "'product'", "MatMul")


def test_a_huge_tensor_is_not_allocated(tmp_path) -> None:
    import tracemalloc

    model = tiny()
    model.graph.initializer[0].dims[:] = [2**31, 2**31]
    tracemalloc.start()
    refused(tmp_path / "m.onnx", model, "'W'")
    model = tiny()
    shape = numpy_helper.from_array(np.array([2**40, 2**20]), "shape")
    model.graph.initializer.append(shape)
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["shape"], ["ones"], "huge"))
    model.graph.node[2].input[1] = "ones"
    refused(tmp_path / "m.onnx", model, "'huge'")
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


@pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "folder/../../secret", ""])
def test_weights_outside_the_folder(tmp_path, place: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(24))
    (tmp_path / "inside" / "folder").mkdir(parents=True)
    refused(tmp_path / "inside" / "m.onnx", outside(place), "'W'")


def test_a_link_that_leaves_the_folder(tmp_path) -> None:
    (tmp_path / "secret").write_bytes(bytes(24))
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "weights").symlink_to(tmp_path / "secret")
    refused(tmp_path / "inside" / "m.onnx", outside("weights"), "'W'", "outside the folder")


def test_weights_beside_the_model_are_read_and_measured(tmp_path) -> None:
    (tmp_path / "weights").write_bytes(np.arange(6, dtype=np.float32).tobytes())
    (tmp_path / "m.onnx").write_bytes(outside("weights").SerializeToString())
    _, params = rs.load(tmp_path / "m.onnx")
    np.testing.assert_array_equal(params["W"], np.arange(6).reshape(3, 2))
    (tmp_path / "weights").write_bytes(bytes(20))
    refused(tmp_path / "m.onnx", outside("weights"), "'W'", "24 bytes")


def outside(place: str) -> onnx.ModelProto:
    model = tiny()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    return model


def test_an_operand_that_does_not_fit_names_the_node(tmp_path) -> None:
    model = tiny()
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.ones(5, np.float32), "b"))
    refused(tmp_path / "m.onnx", model, "'sum'", "(Add)")


def test_a_shape_that_is_an_input_is_read_at_every_call_and_for_training_its_value_is_asked_for(tmp_path) -> None:
    model = tiny()
    model.graph.input.append(helper.make_tensor_value_info("shape", TensorProto.INT64, [2]))
    model.graph.node.append(helper.make_node("Reshape", ["y", "shape"], ["z"], "reshape"))
    model.graph.output[0].name = "z"
    onnx.save(model, tmp_path / "m.onnx")
    net, params = rs.load(tmp_path / "m.onnx")
    assert net(params, np.eye(3), np.array([-1, 2])).shape == (3, 2)
    assert net(params, np.eye(3), np.array([1, 6])).shape == (1, 6)
    with pytest.raises(DataError, match=r"needs the numbers of 'shape'(.|\n)*fix: (.|\n)*fixed="):
        rs.Objective(net, rs.losses.SquaredError())
    net, params = rs.onnx.read(tmp_path / "m.onnx", fixed={"shape": [-1, 2]})
    assert net(params, np.eye(3)).shape == (3, 2)


def ours() -> bytes:
    x = rs.input("x", (4, 4, 2))
    net = rs.Network(x, rs.affine(rs.flatten(rs.max_pool(rs.relu(rs.conv(x, 2, 3)), 2)), 2))
    from reseau.modelfiles.onnx.weights import with_weights
    from reseau.modelfiles.onnx.writing import to_model

    written = to_model(net.graph, {k: np.asarray(v) for k, v in net.init().items()})
    return b"".join(with_weights(written.model, written.weights))


@pytest.mark.parametrize(("make", "count"), [(lambda: tiny().SerializeToString(), 1400), (ours, 600)])
def test_mutated_files_are_read_or_refused(make: Callable[[], bytes], count: int, tmp_path) -> None:
    """2,000 files with bytes changed, cut out, doubled or exchanged: success or `ModelFileError`, nothing else."""
    raw = make()
    generator = np.random.default_rng(0)
    path = tmp_path / "m.onnx"
    outcomes = {"read": 0, "refused": 0}
    for _ in range(count):
        path.write_bytes(mutated(raw, generator))
        try:
            rs.load(path)
            outcomes["read"] += 1
        except ModelFileError as error:
            outcomes["refused"] += str(path) in str(error)
    assert sum(outcomes.values()) == count
    assert min(outcomes.values()) > count // 20


def mutated(raw: bytes, generator: np.random.Generator) -> bytes:
    data = bytearray(raw)
    for _ in range(int(generator.integers(1, 4))):
        start = int(generator.integers(len(data)))
        stop = min(start + int(generator.integers(1, 9)), len(data))
        kind = generator.integers(4)
        if kind == 0:
            data[start] = int(generator.integers(256))
        elif kind == 1:
            data[start] ^= 1 << int(generator.integers(8))
        elif kind == 2:
            del data[start:stop]
        else:
            data[start:start] = data[start:stop]
        if not data:
            break
    return bytes(data)
