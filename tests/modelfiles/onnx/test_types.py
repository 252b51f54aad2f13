"""Every number has the type that the file declares: none is cut to fewer bits, and none makes another one shorter."""

import jax
import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto

import reseau as rs
from tools.onnx_files import FLOAT, INT64, agree, here, made, node, value
from tools.onnx_graphs import agree as close
from tools.onnx_graphs import check_both_ways, model, theirs
from tools.onnx_grown import session

pytest.importorskip("onnxruntime")

DOUBLE, HALF = TensorProto.DOUBLE, TensorProto.FLOAT16


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):  # as programs start
        yield


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_half_weights_beside_float_inputs_do_not_make_them_halves(tmp_path) -> None:
    nodes = [node("Cast", ["w"], ["v"], to=FLOAT), node("Mul", ["x", "v"], ["y"])]
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["b", 2])], ["y"], w=np.float16([1, 2]))
    agree(path, {"x": np.float32([[70000, 1.00001]])}, tmp_path / "back.onnx")


def test_a_constant_cast_to_double_does_not_make_float_inputs_doubles(tmp_path) -> None:
    nodes = [node("Cast", ["w"], ["v"], to=DOUBLE), node("Mul", ["x", "two"], ["y"])]
    stored = {"w": np.float32([1, 2]), "two": np.float32([2])}
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["b", 2])], ["v", "y"], **stored)
    agree(path, {"x": draw(3, 2)}, tmp_path / "back.onnx")


@pytest.mark.parametrize(
    ("nodes", "x", "stored"),
    [
        ([node("Mod", ["x", "c"], ["y"])], np.array([5_000_000_123]), {"c": np.array(1000)}),
        ([node("Sub", ["x", "c"], ["y"])], np.array([1e9 + 1]), {"c": np.array([1e9])}),
        ([node("Cast", ["x"], ["y"], to=INT64)], np.array([5e9 + 1]), {}),
        ([node("MatMul", ["x", "c"], ["y"])], np.array([[2**40 + 1, 2]]), {"c": np.array([[3], [1]])}),
        ([node("ReduceSum", ["x"], ["y"], keepdims=0)], np.array([2**40, 1]), {}),
        ([node("CumSum", ["x", "c"], ["y"])], np.array([1.0, 1e-12]), {"c": np.array(0)}),
        ([node("Gemm", ["x", "c"], ["y"])], np.array([[1.0, 1e-12]]), {"c": np.ones((2, 1))}),
    ],
)
def test_64_bits_are_kept(nodes, x, stored, tmp_path) -> None:
    kind = onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
    path = made(tmp_path / "a.onnx", nodes, [value("x", kind, ["b", *x.shape[1:]])], ["y"], **stored)
    agree(path, {"x": x}, tmp_path / "back.onnx")


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Relu", ["x"], ["z"]), node("Identity", ["large"], ["y"])],
        [node("ArgMax", ["x"], ["i"], axis=1, keepdims=0), node("Gather", ["large", "i"], ["y"])],
        [node("Shape", ["x"], ["s"]), node("Mul", ["s", "large"], ["y"])],
        [node("Shape", ["large"], ["y"]), node("Relu", ["x"], ["z"])],
    ],
)
def test_whole_outputs_of_float_inputs_have_64_bits_too(nodes, tmp_path) -> None:
    outputs = [n.output[0] for n in nodes if n.output[0] in "yz"]
    stored = {"large": np.array([2**40, 7])}
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["b", 2])], outputs, **stored)
    agree(path, {"x": draw(3, 2)}, tmp_path / "back.onnx")


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64", "bool", "float16"])
def test_values_of_every_type_pass_and_are_joined(dtype: str, tmp_path) -> None:
    m = model(
        [
            node("Transpose", ["x"], ["t"]),
            node("Concat", ["t", "c"], ["y"], axis=0),
            node("Cast", ["y"], ["z"], to=FLOAT),
        ],
        {"x": (dtype, [2, "n"])},
        {"y": (dtype, ["m", 2]), "z": ("float", ["m", 2])},
        {"c": np.ones((1, 2), dtype)},
    )
    most = 1 if dtype == "bool" else 200 if dtype == "float16" else np.iinfo(dtype).max
    check_both_ways(tmp_path, m, {"x": np.array([[0, most, 1], [1, 0, most]], dtype)})


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "float64"])
def test_arithmetic_keeps_to_its_type(dtype: str, tmp_path) -> None:
    m = model(
        [node("Max", ["x", "c"], ["a"]), node("Clip", ["a", "c", "top"], ["b"]), node("Where", ["k", "b", "x"], ["y"])],
        {"x": (dtype, ["n", 3])},
        {"y": (dtype, ["n", 3])},
        {"c": np.array(2, dtype), "top": np.array(99, dtype), "k": np.array([True, False, True])},
    )
    check_both_ways(tmp_path, m, {"x": np.array([[1, 100, 120], [3, 4, 5]], dtype)})


def test_brain_floats_are_computed_as_such(tmp_path) -> None:
    weight = draw(4, 3).astype(ml_dtypes.bfloat16)
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Cast", ["h"], ["y"], to=FLOAT)]
    inputs = [value("x", TensorProto.BFLOAT16, ["b", 4])]
    stored = [onnx.helper.make_tensor("w", TensorProto.BFLOAT16, [4, 3], weight.ravel())]
    graph = onnx.helper.make_graph(nodes, "g", inputs, [value("y", FLOAT, ["b", 3])], stored)
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "a.onnx")
    x = draw(5, 4).astype(ml_dtypes.bfloat16)
    (found,) = here(tmp_path / "a.onnx", {"x": x})
    exact = x.astype(np.float64) @ weight.astype(np.float64)
    assert np.abs(found - exact).max() <= 2**-7 * np.abs(exact).max()  # 8 bits, rounded once
    net, params = rs.load(tmp_path / "a.onnx")
    net.save(tmp_path / "back.onnx", params)
    again, read = rs.load(tmp_path / "back.onnx")
    np.testing.assert_array_equal(again(read, x), found)
    assert onnx.load(tmp_path / "back.onnx").graph.input[0].type.tensor_type.elem_type == TensorProto.BFLOAT16


def test_double_scalars_of_a_written_activation_are_doubles(tmp_path) -> None:
    m = model(
        [node("Clip", ["x", "low"], ["a"]), node("LayerNormalization", ["a", "g", "c"], ["y"])],
        {"x": ("float64", ["n", 3])},
        {"y": ("float64", ["n", 3])},
        {"g": np.ones(3), "c": np.arange(3.0), "low": np.array(-0.5)},
    )
    check_both_ways(tmp_path, m, {"x": draw(4, 3).astype(np.float64)})


def test_a_weight_that_statistics_share_is_both(tmp_path) -> None:
    m = model(
        [node("BatchNormalization", ["x", "v", "v", "v", "v"], ["a"]), node("Add", ["a", "v"], ["y"])],
        {"x": ("float", ["n", 3])},
        {"y": ("float", ["n", 3])},
        {"v": np.float32([1, 2, 3])},
    )
    net, _ = check_both_ways(tmp_path, m, {"x": draw(4, 3)})
    assert list(net.graph.parameters) == ["v"]
    assert list(net.graph.states) == ["v.state"]


@pytest.mark.parametrize("kind", ["Identity", "Cast", "DequantizeLinear", "Constant"])
def test_weights_behind_what_unpacks_them_are_trained(kind: str, tmp_path) -> None:
    levels = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
    weight = levels.astype(np.float32) * np.float32(0.25)
    unpacked = {
        "Identity": (node("Identity", ["s"], ["w"]), {"s": weight}),
        "Cast": (node("Cast", ["s"], ["w"], to=FLOAT), {"s": weight.astype(np.float16)}),
        "DequantizeLinear": (node("DequantizeLinear", ["s", "scale"], ["w"]), {"s": levels, "scale": np.float32(0.25)}),
        "Constant": (node("Constant", [], ["w"], value=onnx.numpy_helper.from_array(weight)), {}),
    }
    first, stored = unpacked[kind]
    nodes = [first, node("MatMul", ["x", "w"], ["y"])]
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["b", 4])], ["y"], **stored)
    net, params = rs.load(path)
    net.save(tmp_path / "back.onnx", params)
    x = draw(2, 4)
    # onnxruntime would quantize x for a product with levels, unless it leaves the graph as it is
    for found in (here(path, {"x": x}), session(onnx.load(tmp_path / "back.onnx")).run(None, {"x": x})):
        np.testing.assert_allclose(found[0], x @ weight, rtol=1e-5, atol=1e-6)
    (name,) = net.graph.parameters
    result = rs.fit(
        rs.Objective(net, rs.losses.SquaredError()),
        (draw(8, 4), np.zeros((8, 3), np.float32)),
        epochs=1,
        params=params,
        progress=False,
    )
    assert not np.array_equal(result.params[name], params[name])


def test_lengths_that_become_real_numbers_are_no_weights(tmp_path) -> None:
    nodes = [
        node("Shape", ["x"], ["n"]),
        node("Slice", ["n", "one", "two"], ["k"]),
        node("Cast", ["k"], ["d"], to=FLOAT),
        node("Div", ["x", "d"], ["y"]),
    ]
    stored = {"one": np.array([1]), "two": np.array([2])}
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["b", 4])], ["y"], **stored)
    net = agree(path, {"x": draw(2, 4)}, tmp_path / "back.onnx")
    assert not net.graph.parameters


@pytest.mark.parametrize("stored", [np.array([1.0, 2.0]), np.array([1, 2])])
def test_an_output_of_64_bits_that_is_stored(stored: np.ndarray, tmp_path) -> None:
    if stored.dtype.kind == "f":
        first = node("Constant", [], ["y"], value=onnx.numpy_helper.from_array(stored))
    else:
        first = node("Cast", ["w"], ["y"], to=DOUBLE)
    nodes = [first, node("Relu", ["x"], ["z"])]
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, [3])], ["y", "z"], w=stored)
    agree(path, {"x": draw(3)}, tmp_path / "back.onnx")


@pytest.mark.parametrize("kind", ["INT4", "UINT4", "INT2", "UINT2"])
def test_inputs_of_few_bits_are_given_as_such_or_as_whole_numbers(kind: str, tmp_path) -> None:
    nodes = [node("Cast", ["x"], ["y"], to=FLOAT)]
    path = made(tmp_path / "a.onnx", nodes, [value("x", getattr(TensorProto, kind), [2])], ["y"], opset=25)
    net, params = rs.load(path)
    for given in (np.array([1, 0], getattr(ml_dtypes, kind.lower())), np.array([1, 0])):
        np.testing.assert_array_equal(net(params, given), [1, 0])
    with pytest.raises(rs.errors.DataError, match=rf"reads {kind.lower()}, and 20 at \(1,\)"):
        net(params, np.array([1, 20]))


@pytest.mark.parametrize(
    "kind", ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "InstanceNormalization"]
)
def test_halves_whose_squares_are_too_large_are_normalized(kind: str, tmp_path) -> None:
    scale, shift = (np.linspace(a, 1.5, 4).astype(np.float16) for a in (0.5, -1))
    channels = kind == "InstanceNormalization"
    names = ["x", "g", "c"] if channels else ["x", "x", "g"] + ["c"] * (kind == "SkipLayerNormalization")
    domain = "" if channels else "com.microsoft"
    m = model(
        [onnx.helper.make_node(kind, names, ["y"], domain=domain, epsilon=1e-5 if channels else 1e-12)],
        {"x": ("float16", ["batch", 4, 6] if channels else ["batch", 2, 4])},
        {"y": ("float16", None)},
        {"g": scale, "c": shift},
        com_microsoft=1,
    )
    x = np.random.default_rng(0).normal(size=(2, 4, 6) if channels else (2, 2, 4)) * 2000
    x[0] = 0
    given = {"x": x.astype(np.float16)}
    path, back = tmp_path / "a.onnx", tmp_path / "back.onnx"
    onnx.save(m, path)
    net, params = rs.load(path)
    net.save(back, params)
    right = theirs(m, given)
    assert np.isfinite(right[0]).all()
    close(net(params, given["x"]), right, tolerance=2e-3)
    close(tuple(theirs(back, given)), right, tolerance=2e-3)


def test_a_file_of_halves_between_floats_is_written_back(tmp_path) -> None:
    """Its outputs differ from onnxruntime's by the rounding of halves, though they are floats."""
    nodes = [
        node("Cast", ["x"], ["h"], to=HALF),
        node("MatMul", ["h", "w"], ["m"]),
        node("Add", ["m", "c"], ["far"]),
        node("Sub", ["far", "c"], ["d"]),
        node("Cast", ["d"], ["y"], to=FLOAT),
    ]
    stored = {"w": draw(3, 2).astype(np.float16), "c": np.float16([100, 100])}
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["b", 3])], ["y"], **stored)
    net, params = rs.load(path)
    net.save(tmp_path / "back.onnx", params)


def test_words_about_a_file_are_carried_over(tmp_path) -> None:
    path = made(tmp_path / "a.onnx", [node("Relu", ["x"], ["y"])], [value("x", FLOAT, ["b", 2])], ["y"])
    first = onnx.load(path)
    first.doc_string, first.graph.doc_string = "what it is", "how it is made"
    onnx.helper.set_model_props(first, {"author": "someone", "labels": "a,b"})
    onnx.save(first, path)
    net, params = rs.load(path)
    net.save(tmp_path / "back.onnx", params)
    back = onnx.load(tmp_path / "back.onnx")
    assert (back.doc_string, back.graph.doc_string) == ("what it is", "how it is made")
    assert {p.key: p.value for p in back.metadata_props}.items() >= {"author": "someone", "labels": "a,b"}.items()


def test_texts_pass(tmp_path) -> None:
    m = model(
        [node("Concat", ["x", "c"], ["y"], axis=0), node("Equal", ["x", "c"], ["same"])],
        {"x": ("str", [2])},
        {"y": ("str", [4]), "same": ("bool", [2])},
        {"c": np.array(["a", "b"], object)},
        opset=19,
    )
    check_both_ways(tmp_path, m, {"x": np.array(["a", "é"], object)})
