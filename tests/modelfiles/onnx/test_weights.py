"""Large weights are read and written where they stand in the file, and are what the reader of ONNX finds."""

from contextlib import suppress

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

import reseau as rs
from reseau.errors import ModelFileError
from reseau.modelfiles.onnx.tensors import open_model
from reseau.modelfiles.onnx.weights import with_weights, without_weights


def written(folder, dtype="float32"):
    x = rs.input("x", (40,))
    h = rs.affine(rs.relu(rs.affine(x, 33, name="a")), 41, name="of an odd length")
    net = rs.Network(x, rs.affine(rs.reshape(h, (41,)), 3, name="small"))
    net.save(folder / "net.onnx", net.init(3, dtype))
    return folder / "net.onnx"


def test_weights_are_those_of_the_message(tmp_path):
    for dtype in ("float32", "float64", "float16"):
        path = written(tmp_path, dtype)
        model, arrays = open_model(path)
        wanted = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
        assert len(arrays.weights) == (0 if dtype == "float16" else 2)
        found = {t.name: arrays.read(t, t.name) for t in model.graph.initializer}
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            np.testing.assert_array_equal(found[name], value)
            assert found[name].dtype == value.dtype
        again, params = rs.load(path)
        x = np.random.default_rng(0).normal(size=(2, 40)).astype(dtype)
        np.testing.assert_array_equal(again(params, x), again({k: np.array(v) for k, v in params.items()}, x))


def test_a_message_is_the_same_without_them_or_left_as_it_is(tmp_path):
    whole = written(tmp_path).read_bytes()
    rng = np.random.default_rng(0)
    for turn in range(300):
        raw = bytearray(whole)
        if turn:
            places = np.concatenate([rng.integers(0, 200, 2), rng.integers(0, len(raw), 2)])
            for place in places:
                raw[place] = rng.integers(256)
        if turn % 3 == 2:
            del raw[rng.integers(len(raw)) :]
        short, weights = without_weights(bytes(raw))
        theirs, ours = onnx.ModelProto(), onnx.ModelProto()
        try:
            theirs.ParseFromString(bytes(raw))
        except DecodeError:
            continue
        ours.ParseFromString(short)
        for a, b in zip(theirs.graph.initializer, ours.graph.initializer, strict=True):
            b.raw_data = bytes(weights.get(b.raw_data, b.raw_data))
            if not b.raw_data and not a.HasField("raw_data"):
                b.ClearField("raw_data")
            assert a == b
        assert theirs == ours


def test_a_message_written_part_by_part_is_that_of_protobuf() -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "in a row": rng.normal(size=(30, 50)).astype(np.float32),
        "turned": rng.normal(size=(40, 30, 2)).T,
        "of the other order": rng.normal(size=2000).astype(">f4"),
        "half": rng.normal(size=(1, 3000)).astype(np.float16),
        "inside": rng.normal(size=3).astype(np.float32),
        "empty": np.zeros((0, 4), np.float32),
    }
    whole = onnx.ModelProto(ir_version=8, producer_name="p", doc_string="words")
    whole.opset_import.add(domain="", version=18)
    whole.graph.name = "g"
    whole.graph.node.add(op_type="Relu", input=["in a row"], output=["y"])
    whole.graph.output.append(onnx.helper.make_tensor_value_info("y", 1, [30, 50]))
    for name, array in arrays.items():
        whole.graph.initializer.append(
            numpy_helper.from_array(np.ascontiguousarray(array, array.dtype.newbyteorder("<")), name)
        )
    short = onnx.ModelProto()
    short.CopyFrom(whole)
    for tensor in short.graph.initializer[:4]:
        tensor.ClearField("raw_data")
    apart = {name: arrays[name] for name in list(arrays)[:4]}
    read = onnx.ModelProto.FromString(b"".join(with_weights(short, apart)))
    assert read == whole
    for tensor in read.graph.initializer:
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), arrays[tensor.name])
    assert onnx.ModelProto.FromString(b"".join(with_weights(whole, {}))) == whole


def test_damaged_files_are_one_error(tmp_path):
    whole, path = written(tmp_path).read_bytes(), tmp_path / "damaged.onnx"
    for end in (0, 1, 20, 500, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with suppress(ModelFileError):
            rs.load(path)
            raise AssertionError(end)
