"""Files read as chains: the outputs are those of onnxruntime, and what is no chain of one row is refused."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from reseau.errors import UnsupportedError
from reseau.verification.onnx_chain import read_chain

WEIGHT = np.arange(6, dtype=np.float32).reshape(3, 2) - 2


def file_of(folder, nodes, shape, kind=TensorProto.FLOAT, **arrays):
    made = [helper.make_node(op, reads, gives, **how) for op, reads, gives, how in nodes]
    ends = [helper.make_tensor_value_info(*end) for end in (("x", kind, shape), ("y", kind, None))]
    stored = [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]
    graph = helper.make_graph(made, "g", ends[:1], ends[1:], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / "m.onnx")
    return folder / "m.onnx"


def product(reads="x", gives="y"):
    return ("MatMul", [reads, "w"], [gives], {})


@pytest.mark.parametrize(
    ("nodes", "shape", "arrays"),
    [
        ([product()], [1, 3], {}),
        ([product()], [3], {}),
        ([("Sub", ["x", "b"], ["a"], {}), product("a")], ["N", 3], {"b": np.float32([1, 2, 3])}),
        (
            [("Add", ["x", "b"], ["a"], {}), ("Relu", ["a"], ["r"], {}), product("r")],
            [1, 1, 3],
            {"b": np.float32([[2]])},
        ),
        ([("Gemm", ["x", "w", "b"], ["y"], {})], [1, 3], {"b": np.float32([[5]])}),
        ([("Flatten", ["x"], ["a"], {"axis": 0}), product("a")], [3, 1], {}),
        ([("Reshape", ["x", "s"], ["a"], {}), product("a")], [1, 3, 1], {"s": np.array([0, -1])}),
        ([("Squeeze", ["x", "s"], ["a"], {}), product("a")], [1, 1, 3], {"s": np.array([0])}),
        ([("Unsqueeze", ["x", "s"], ["a"], {}), product("a")], [1, 3], {"s": np.array([0])}),
    ],
)
def test_a_row_that_is_followed_gives_what_onnxruntime_gives(nodes, shape, arrays, tmp_path):
    path = file_of(tmp_path, nodes, shape, w=WEIGHT, **arrays)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.float32([1, -2, 3])
    given = x.reshape([n if isinstance(n, int) else 1 for n in shape])
    wanted = session.run(None, {"x": given})[0].reshape(-1)
    np.testing.assert_allclose(read_chain(path)(x[None].astype(float))[0], wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("nodes", "shape", "arrays", "said"),
    [
        # a column beside a row is a table of sums
        ([("Add", ["x", "b"], ["a"], {}), product("a")], [1, 3], {"b": np.float32([[1], [2], [3]])}, "is a Add"),
        ([product("x", "a"), ("Sub", ["a", "b"], ["y"], {})], [1, 3], {"b": np.float32([[1], [2]])}, "is a Sub"),
        ([("Add", ["x", "b"], ["y"], {})], [1, 3], {"b": np.ones((4, 3), np.float32)}, "is a Add"),
        ([product()], [2, 3], {}, "MatMul of (2, 3)"),
        ([product()], [1, 4, 3], {}, "MatMul of (1, 4, 3)"),
        ([("Reshape", ["x", "s"], ["a"], {}), product("a")], [1, 6], {"s": np.array([2, 3])}, "MatMul of (2, 3)"),
        ([("Dropout", ["x", "p", "t"], ["a"], {}), product("a")], [1, 3], {"p": np.float32(0.5), "t": True}, "Dropout"),
        ([("Flatten", ["x"], ["y"], {})], [1, 20_000], {}, "20000 numbers"),
    ],
)
def test_what_is_no_chain_of_one_row_is_refused(nodes, shape, arrays, said, tmp_path):
    path = file_of(tmp_path, nodes, shape, w=WEIGHT, **arrays)
    with pytest.raises(UnsupportedError) as told:
        read_chain(path)
    assert said in str(told.value)
    assert "fix:" in str(told.value)


def test_other_numbers_than_float32_are_left_to_the_library(tmp_path):
    path = file_of(tmp_path, [product()], [1, 3], TensorProto.DOUBLE, w=WEIGHT.astype(float))
    with pytest.raises(UnsupportedError, match="not of float32"):
        read_chain(path)
