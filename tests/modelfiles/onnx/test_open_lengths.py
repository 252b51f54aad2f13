"""Lengths that a file only names: right at every size, equal where they are named alike, never a stand-in number."""

import jax
import numpy as np
import onnx
import pytest

import reseau as rs
from reseau.errors import DataError, ModelFileError
from reseau.ops import lengths
from tools.onnx_files import FLOAT, INT64, agree, elsewhere, here, made, node, value

pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):  # as programs start; what has 64 bits in the file is computed in 64 bits all the same
        yield


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def counted() -> list[onnx.NodeProto]:
    """`n`, the length of the first axis of `x`, as a vector."""
    return [node("Shape", ["x"], ["shape"]), node("Slice", ["shape", "zero", "one"], ["n"])]


def gates(count: int) -> dict[str, np.ndarray]:
    """Weights of two units."""
    return {"w": draw(1, 2 * count, 3), "r": draw(1, 2 * count, 2)}


KNOWN = {"zero": np.array([0]), "one": np.array([1])}


def apart_again(*shapes: list[int], turned: bool = False) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    """`x` (s77, s28, 4), or with its first two axes swapped, in one shape after another."""
    nodes = [node("Transpose", ["x"], ["x0"], perm=[1, 0, 2])] if turned else [node("Identity", ["x"], ["x0"])]
    nodes += [node("Reshape", [f"x{i}", f"s{i}"], [f"x{i + 1}"]) for i in range(len(shapes))]
    nodes.append(node("Tanh", [f"x{len(shapes)}"], ["y"]))
    return nodes, {f"s{i}": np.array(s) for i, s in enumerate(shapes)}


@pytest.mark.parametrize(
    ("shapes", "turned", "batch"),
    [
        (([-1, 4], [-1, 6, 4]), False, True),
        (([0, -1], [0, 6, 4]), False, True),
        (([-1, 2, 2], [-1, 3, 8]), False, True),
        (([-1, 4], [6, -1, 4]), False, False),
        (([-1, 4], [6, -1, 4]), True, False),
        (([2, -1, 4],), False, False),
    ],
)
def test_rows_that_are_joined_with_other_axes_and_taken_apart_are_rows(shapes, turned, batch, tmp_path) -> None:
    nodes, stored = apart_again(*shapes, turned=turned)
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["s77", 6, 4])], ["y"], **stored)
    for rows in (2, 4):
        net = agree(path, {"x": draw(rows, 6, 4)}, tmp_path / "back.onnx")
    assert (net.graph.inputs[0].shape[0] == "batch") == batch


def test_heads_of_places_that_stand_before_rows_keep_the_rows_apart(tmp_path) -> None:
    """As PyTorch's attention: places first, rows and heads in one axis, and back."""
    shape = [node("Shape", ["x"], ["shape"]), node("Split", ["shape"], ["b", "t", "c"], axis=0, num_outputs=3)]
    nodes = [
        *shape,
        node("Transpose", ["x"], ["places"], perm=[1, 0, 2]),
        node("Reshape", ["places", "wide"], ["flat"]),
        node("MatMul", ["flat", "w"], ["h"]),
        node("Mul", ["b", "two"], ["heads"]),
        node("Concat", ["t", "heads", "two"], ["by_heads"], axis=0),
        node("Reshape", ["h", "by_heads"], ["q"]),
        node("Softmax", ["q"], ["p"], axis=0),
        node("Concat", ["t", "b", "c"], ["back"], axis=0),
        node("Reshape", ["p", "back"], ["r"]),
        node("Transpose", ["r"], ["y"], perm=[1, 0, 2]),
    ]
    stored = {"w": draw(4, 4), "wide": np.array([-1, 4]), "two": np.array([2])}
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["s77", "s28", 4])], ["y"], opset=18, **stored)
    for rows, places in ((2, 3), (1, 1), (3, 5)):
        net = agree(path, {"x": draw(rows, places, 4)}, tmp_path / "back.onnx")
    assert net.graph.inputs[0].shape == ("batch", "s28", 4)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    ("nodes", "shape", "arrays"),
    [
        ([node("Relu", ["x"], ["y"])], ("b", "s"), {}),
        ([node("Relu", ["x"], ["y"])], (-1, -1), {}),
        ([node("Unsqueeze", ["x", "one"], ["y"])], ("b", "s"), KNOWN),
        ([node("Flatten", ["x"], ["y"], axis=2)], ("b", "s", 4), {}),
        ([node("Reshape", ["x", "to"], ["y"])], ("b", "s", 4), {"to": np.array([0, 0, 2, 2])}),
        ([node("Reshape", ["x", "to"], ["y"])], ("b", "s", 4), {"to": np.array([-1, 2])}),
        ([node("Concat", ["x", "x", "x"], ["y"], axis=1)], ("b", "s", 2), {}),
        ([node("Slice", ["x", "one", "far", "one"], ["y"])], ("b", "s"), {**KNOWN, "far": np.array([2**62])}),
        ([node("Pad", ["x", "pads"], ["y"])], ("b", "s"), {"pads": np.array([0, 2, 0, 1])}),
        ([node("MaxPool", ["x"], ["y"], kernel_shape=[3], strides=[2])], ("b", 2, "s"), {}),
        ([node("MaxPool", ["x"], ["y"], kernel_shape=[3], strides=[2], ceil_mode=1)], ("b", 2, "s"), {}),
        (
            [node("MaxPool", ["x"], ["y"], kernel_shape=[2], strides=[2], pads=[1, 1], dilations=[2], ceil_mode=1)],
            ("b", 2, "s"),
            {},
        ),
        *(
            (
                [
                    node(
                        "AveragePool",
                        ["x"],
                        ["y"],
                        kernel_shape=[3],
                        strides=[2],
                        pads=[1, 1],
                        ceil_mode=1,
                        count_include_pad=inside,
                    ),
                ],
                ("b", 2, "s"),
                {},
            )
            for inside in (0, 1)
        ),
        ([node("Conv", ["x", "w"], ["y"], strides=[2], pads=[1, 0])], ("b", 2, "s"), {"w": draw(3, 2, 3)}),
        ([node("ConvTranspose", ["x", "w"], ["y"], strides=[2])], ("b", 2, "s"), {"w": draw(2, 3, 3)}),
        (
            [node("LSTM", ["x", "w", "r"], ["y", "h", "c"], hidden_size=2)],
            ("s", "b", 3),
            {"w": draw(1, 8, 3), "r": draw(1, 8, 2)},
        ),
        ([node("GRU", ["x", "w", "r"], ["y"], hidden_size=2)], ("s", "b", 3), gates(3)),
        ([node("Hardmax", ["x"], ["y"], axis=1)], ("b", "s"), {}),
        ([node("Shape", ["x"], ["y"])], ("b", 3), {}),
        ([node("Size", ["x"], ["y"])], ("b", "s"), {}),
        ([node("EyeLike", ["x"], ["y"])], ("b", "s"), {}),
        (
            [
                *counted(),
                node("Concat", ["n", "rest"], ["e"], axis=0),
                node("Expand", ["c", "e"], ["t"]),
                node("Concat", ["t", "x"], ["y"], axis=1),
            ],
            ("b", "s", 4),
            {**KNOWN, "rest": np.array([1, 4]), "c": draw(1, 1, 4)},
        ),
        (
            [*counted(), node("Cast", ["n"], ["f"], to=FLOAT), node("Div", ["x", "f"], ["y"])],
            ("b", "s"),
            KNOWN,
        ),
        (
            [
                node("Shape", ["x"], ["shape"]),
                node("Gather", ["shape", "i"], ["n"]),
                node("Range", ["a", "n", "d"], ["r"]),
                node("Cast", ["r"], ["f"], to=FLOAT),
                node("Add", ["x", "f"], ["y"]),
            ],
            ("b", "s"),
            {"i": np.array(1), "a": np.array(0), "d": np.array(1)},
        ),
        (
            [
                *counted(),
                node("Mul", ["n", "two"], ["m"]),
                node("Concat", ["m", "rest"], ["e"], axis=0),
                node("Reshape", ["x", "e"], ["y"]),
            ],
            ("b", "s", 4),
            {**KNOWN, "two": np.array([2]), "rest": np.array([-1])},
        ),
    ],
)
def test_a_graph_is_right_at_every_size_and_is_written_back(nodes, shape, arrays, rows, tmp_path) -> None:
    outputs = [name for name in nodes[-1].output]
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, list(shape))], outputs, **arrays)
    sizes = {"b": rows, "s": 2 * rows + 3, -1: rows + 1}
    agree(path, {"x": draw(*(sizes.get(n, n) for n in shape))}, tmp_path / "back.onnx")


def test_words_that_are_alike_are_equal_and_others_are_not(tmp_path) -> None:
    nodes = [node("Gather", ["e", "zero"], ["i"]), node("Gather", ["x", "i"], ["m"]), node("Mul", ["m", "w"], ["y"])]
    inputs = [value("x", FLOAT, ["nodes", 3]), value("e", INT64, [2, "edges"]), value("w", FLOAT, ["edges", 1])]
    path = made(tmp_path / "a.onnx", nodes, inputs, ["y"], zero=np.array(0))
    feeds = {"x": draw(4, 3), "e": np.array([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]]), "w": draw(5, 1)}
    net = agree(path, feeds, tmp_path / "back.onnx")
    assert [n.shape for n in net.graph.inputs] == [("nodes", 3), (2, "edges"), ("edges", 1)]
    assert "edges" in str(net.summary())
    assert "edges" in net.draw()
    with pytest.raises(DataError, match=r"'edges'.*has the length 6"):
        net({}, feeds["x"], feeds["e"], draw(6, 1))
    assert here(path, feeds, lengths={"edges": 5})[0].shape == (5, 3)


@pytest.mark.parametrize(
    ("nodes", "shape", "declared", "arrays"),
    [
        ([node("Expand", ["x", "to"], ["y"])], [1, 4], [2, 4], {"to": np.array([2, 4])}),
        ([*counted(), node("Cast", ["n"], ["f"], to=FLOAT), node("Div", ["x", "f"], ["y"])], [1, 3], [1, 3], KNOWN),
        ([node("ReduceMean", ["x"], ["m"], axes=[0]), node("Sub", ["x", "m"], ["y"])], [1, 3], [1, 3], {}),
        ([node("Softmax", ["x"], ["y"], axis=0)], [1, 3], [1, 3], {}),
        ([node("EyeLike", ["x"], ["y"])], [1, 1], [1, 1], {}),
        ([node("Squeeze", ["x"], ["y"])], [1, 3], [3], {}),
    ],
)
def test_what_joins_rows_is_taken_as_it_is_written(nodes, shape, declared, arrays, tmp_path) -> None:
    inputs, outputs = [value("x", FLOAT, shape)], [value("y", FLOAT, declared)]
    path = made(tmp_path / "a.onnx", nodes, inputs, outputs, **arrays)
    net = agree(path, {"x": draw(*shape)}, tmp_path / "back.onnx")
    assert net.graph.inputs[0].shape == tuple(shape)
    with pytest.raises(DataError):
        rs.fit(
            rs.Objective(net, rs.losses.SquaredError()), (draw(4, *shape[1:]), draw(4, *declared[1:])), progress=False
        )


@pytest.mark.parametrize(
    ("nodes", "shape", "arrays"),
    [
        ([node("MatMul", ["x", "w"], ["y"])], (4,), {"w": draw(4, 2)}),
        ([node("Reshape", ["x", "to"], ["y"])], (2, 4), {"to": np.array([1, -1, 2])}),
        ([node("Softmax", ["x"], ["y"], axis=1)], (4,), {}),
    ],
)
def test_a_file_for_one_row_serves_each_row_of_a_batch(nodes, shape, arrays, tmp_path) -> None:
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, [1, *shape])], ["y"], **arrays)
    x = draw(3, *shape)
    expected = np.concatenate([elsewhere(path, {"x": row[None]})[0] for row in x])
    np.testing.assert_allclose(here(path, {"x": x})[0], expected, rtol=1e-5, atol=1e-6)
    assert rs.onnx.read(path, batch=False)[0].graph.inputs[0].shape == (1, *shape)


def test_a_first_1_is_as_it_is_written_where_the_first_axis_is_named_but_not_called_the_batch(tmp_path) -> None:
    nodes = [node("Reshape", ["x", "to"], ["y"])]
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["a", "b"])], ["y"], to=np.array([1, -1]))
    for shape in ((1, 1), (2, 5), (0, 3)):
        agree(path, {"x": draw(*shape)}, tmp_path / "back.onnx")


def test_lengths_are_given_by_the_names_of_the_file(tmp_path) -> None:
    path = made(tmp_path / "a.onnx", [node("Relu", ["x"], ["y"])], [value("x", FLOAT, ["b", "seq len"])], ["y"])
    net, _ = rs.load(path, lengths={"seq len": 5}, batch=True)
    assert net.graph.inputs[0].shape == ("batch", 5)
    with pytest.raises(ModelFileError, match="no axis of its inputs is called 't'"):
        rs.load(path, lengths={"t": 5})


def test_arithmetic_of_lengths_is_that_of_the_numbers() -> None:
    rng = np.random.default_rng(0)
    rules = (lengths.plus, lengths.minus, lengths.times, lengths.divide, lengths.smaller, lengths.larger)
    exact = (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a // b, min, max)
    for _ in range(300):
        words = {"s": int(rng.integers(1, 20)), "t": int(rng.integers(1, 20))}
        pairs = [(w, n) for w, n in words.items()] + [(int(n), int(n)) for n in rng.integers(1, 6, 2)]
        for _ in range(4):
            (a, x), (b, y) = (pairs[i] for i in rng.integers(len(pairs), size=2))
            k = int(rng.integers(6))
            if k == 3:
                b = y = int(rng.integers(1, 5))
            pairs.append((rules[k](a, b), exact[k](x, y)))
        for said, number in pairs:
            assert lengths.value(said, words) == number
            assert lengths.plus(said, 0) == said


@pytest.mark.parametrize(
    ("made_of", "text"),
    [
        (lengths.plus(lengths.times(2, "s"), 1), "2*s+1"),
        (lengths.plus(lengths.divide(lengths.minus("s", 3), 2), 1), "(s-3)//2+1"),
        (lengths.divide(lengths.times(6, "s"), 2), "3*s"),
        (lengths.larger(lengths.plus("s", 1), 0), "s+1"),
        (lengths.larger(lengths.minus("s", 1), 0), "max(s-1, 0)"),
        (lengths.minus("s", "s"), 0),
    ],
)
def test_a_length_has_one_form(made_of, text) -> None:
    assert made_of == text


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    "one",
    [
        node("MaxPool", ["x"], ["y"], kernel_shape=[2], strides=[2]),
        node("MaxPool", ["x"], ["y"], kernel_shape=[3], strides=[2], pads=[0, 1]),
        node("AveragePool", ["x"], ["y"], kernel_shape=[3], strides=[3]),
        node("AveragePool", ["x"], ["y"], kernel_shape=[2], strides=[2], count_include_pad=1),
    ],
    ids=lambda n: f"{n.op_type}{len(n.attribute)}",
)
def test_an_axis_shorter_than_a_window_has_one_window(one, declared, length, tmp_path) -> None:
    path = made(tmp_path / "a.onnx", [one], [value("x", FLOAT, ["b", 2, length if declared else "s"])], ["y"])
    agree(path, {"x": draw(3, 2, length)}, tmp_path / "back.onnx")


@pytest.mark.parametrize("sizes", [(4, 4), (1, 4), (4, 1), (1, 1)])
@pytest.mark.parametrize(
    "nodes",
    [
        [node("Add", ["x", "z"], ["y"])],
        [node("Add", ["x", "z"], ["a"]), node("Shape", ["a"], ["n"]), node("Expand", ["c", "n"], ["y"])],
        [node("Mul", ["x", "z"], ["a"]), node("Flatten", ["a"], ["y"], axis=0)],
        [
            node("Add", ["x", "z"], ["a"]),
            node("Unsqueeze", ["a", "one"], ["b"]),
            node("Concat", ["b", "b"], ["y"], axis=1),
        ],
    ],
)
def test_axes_that_are_named_otherwise_are_broadcast_where_one_has_the_length_1(nodes, sizes, tmp_path) -> None:
    inputs = [value("x", FLOAT, ["s", 3]), value("z", FLOAT, ["t", 3])]
    stored = {"c": np.float32([[2]]), "one": np.array([1])}
    path = made(tmp_path / "a.onnx", nodes, inputs, ["y"], **stored)
    agree(path, {"x": draw(sizes[0], 3), "z": draw(sizes[1], 3)}, tmp_path / "back.onnx")


@pytest.mark.parametrize("length", [1, 2, 5, 9])
@pytest.mark.parametrize(
    ("start", "stop", "step"),
    [(-1, -(2**62), -1), (-1, -4, -1), (2**62, 0, -2), (3, 1, -1), (0, -(2**62), 1), (-3, 2**62, 2), (2, -1, 1)],
)
def test_any_slice_of_an_open_axis(start, stop, step, length, tmp_path) -> None:
    bounds = {k: np.array([v]) for k, v in (("i", start), ("j", stop), ("a", 1), ("k", step))}
    path = made(
        tmp_path / "a.onnx",
        [node("Slice", ["x", "i", "j", "a", "k"], ["c"]), node("Flatten", ["c"], ["y"])],
        [value("x", FLOAT, ["b", "s", 2])],
        ["y", "c"],
        **bounds,
    )
    agree(path, {"x": draw(2, length, 2)})


def test_axes_of_length_1_that_are_dropped_unnamed_are_those_of_the_data(tmp_path) -> None:
    path = made(tmp_path / "a.onnx", [node("Squeeze", ["x"], ["y"])], [value("x", FLOAT, ["b", "s", 1])], ["y"])
    for shape in ((2, 3, 1), (2, 1, 1), (1, 3, 1)):
        agree(path, {"x": draw(*shape)})
    declared = value("y", FLOAT, ["b", 3])  # the file says that rows stay
    path = made(tmp_path / "b.onnx", [node("Squeeze", ["x"], ["y"])], [value("x", FLOAT, ["b", 3, 1])], [declared])
    assert here(path, {"x": draw(1, 3, 1)})[0].shape == (1, 3)


def test_a_loop_over_words_joins_what_it_gives(tmp_path) -> None:
    body = onnx.helper.make_graph(
        [node("Add", ["h", "h"], ["g"]), node("Identity", ["on"], ["go"]), node("Identity", ["g"], ["k"])],
        "body",
        [value("i", INT64, []), value("on", onnx.TensorProto.BOOL, []), value("h", FLOAT, ["s", "t"])],
        [value("go", onnx.TensorProto.BOOL, []), value("g", FLOAT, ["s", "t"]), value("k", FLOAT, ["s", "t"])],
    )
    nodes = [node("Loop", ["three", "", "x"], ["last", "y"], body=body)]
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["s", "t"])], ["y"], three=np.array(3))
    agree(path, {"x": draw(2, 4)}, tmp_path / "back.onnx")


def test_a_bound_that_falls_below_0_is_refused(tmp_path) -> None:
    nodes = [
        node("Shape", ["x"], ["n"]),
        node("Sub", ["n", "four"], ["m"]),
        node("Slice", ["x", "zero", "m"], ["y"]),
    ]
    stored = {"four": np.array([4]), "zero": np.array([0])}
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["s"])], ["y"], **stored)
    agree(path, {"x": draw(6)}, tmp_path / "back.onnx")
    with pytest.raises(
        rs.errors.ShapeError, match=r"cut at s-4, here -1\n.*'x' \(s,\), here \(3,\)\n(.*\n)*  fix: give longer axes"
    ):
        here(path, {"x": draw(3)})


@pytest.mark.parametrize(
    ("nodes", "shapes"),
    [
        pytest.param(
            [
                node("Unsqueeze", ["x", "zero"], ["u"]),
                node("Transpose", ["u"], ["v"], perm=[0, 2, 1]),
                node("Add", ["z", "v"], ["y"]),
            ],
            {"x": ("s", "t"), "z": ("t", "s")},
            id="axes of two words under one more axis, in another order",
        ),
        pytest.param(
            [
                node("Slice", ["x", "zero", "one"], ["a"]),
                node("Sin", ["a"], ["b"]),
                node("ReduceSum", ["b"], ["r"]),
                node("Cos", ["x"], ["c"]),
                node("Slice", ["c", "zero", "far", "zero", "two"], ["d"]),
                node("Mul", ["d", "r"], ["y"]),
            ],
            {"x": ("s",)},
            id="a cut of a named axis has another length",
        ),
        pytest.param(
            [node("Slice", ["w", "zero", "zero"], ["a"]), node("Unsqueeze", ["a", "zero"], ["y"])],
            {"x": ("s",)},
            id="no entries in another shape",
        ),
        pytest.param(
            [node("Slice", ["x", "one", "one", "zero"], ["a"]), node("Unsqueeze", ["a", "zero"], ["y"])],
            {"x": ("t", "s")},
            id="no entries but a named axis in another shape",
        ),
        pytest.param(
            [
                node("Transpose", ["w3"], ["v"], perm=[0, 2, 1]),
                node("MatMul", ["x", "v"], ["y"]),
                node("Reshape", ["w3", "as it was"], ["z"]),
            ],
            {"x": ("s", 2, 4)},
            id="a weight that is read in another order and is an output too",
        ),
    ],
)
def test_such_lengths_are_written_back(tmp_path, nodes: list[onnx.NodeProto], shapes: dict) -> None:
    stored = KNOWN | {
        "far": np.array([9]),
        "two": np.array([2]),
        "w": draw(4),
        "w3": draw(1, 2, 4),
        "as it was": np.array([1, 2, 4]),
    }
    inputs = [value(name, FLOAT, shape) for name, shape in shapes.items()]
    outputs = ["y", "z"][: 2 if nodes[-1].output[0] == "z" else 1]
    path = made(tmp_path / "a.onnx", nodes, inputs, outputs, **stored)
    sizes = {"s": 4, "t": 3}
    given = {name: draw(*(sizes.get(n, n) for n in shape)) for name, shape in shapes.items()}
    agree(path, given, tmp_path / "back.onnx")


def test_lengths_of_an_array_and_of_its_transpose_are_not_mistaken_when_written(tmp_path) -> None:
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[1, 2, 0]),
        node("Shape", ["t"], ["st"]),
        node("Shape", ["x"], ["sx"]),
        node("Slice", ["st", "zero", "one"], ["m"]),
        node("Slice", ["sx", "two", "three"], ["s"]),
        node("Concat", ["m", "minus"], ["by_m"], axis=0),
        node("Concat", ["s", "minus", "four"], ["by_s"], axis=0),
        node("Reshape", ["t", "by_m"], ["y"]),
        node("Reshape", ["x", "by_s"], ["z"]),
    ]
    known = {"zero": 0, "one": 1, "two": 2, "three": 3, "minus": -1, "four": 4}
    arrays = {name: np.array([n]) for name, n in known.items()}
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, [4, "m", "s"])], ["y", "z"], **arrays)
    for m, s in ((2, 3), (5, 4)):
        agree(path, {"x": draw(4, m, s)}, tmp_path / "back.onnx")


def test_a_length_of_a_reshape_that_becomes_0_is_refused(tmp_path) -> None:
    """ONNX would take the 0 for "as it was", which is not what the arithmetic means."""
    nodes = [*counted(), node("Sub", ["n", "one"], ["m"]), node("Concat", ["any", "m"], ["to"], axis=0)]
    nodes.append(node("Reshape", ["x", "to"], ["y"]))
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["s", 6])], ["y"], **KNOWN, any=np.array([-1]))
    agree(path, {"x": draw(4, 6)})
    with pytest.raises(rs.errors.ShapeError, match=r"\(6\*s\)//\(s-1\) divides by 0(.*\n)*  fix: give longer axes"):
        here(path, {"x": draw(1, 6)})


def test_an_axis_too_short_for_a_window_is_named_with_the_entries_that_are_enough(tmp_path) -> None:
    nodes = [node("Concat", ["x", "x"], ["twice"], axis=2), node("Conv", ["twice", "w"], ["y"], pads=[1, 1])]
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["b", 1, "s"])], ["y"], w=draw(2, 1, 8))
    said = r"'twice': a window of 8 entries does not fit into 6\n  input 0: .* \(batch, 2\*s, 1\), here \(2, 4, 1\)\n"
    with pytest.raises(rs.errors.ShapeError, match=said + r".*\n  fix: a longer axis, of 6 entries or more"):
        here(path, {"x": draw(2, 1, 2)})
    agree(path, {"x": draw(2, 1, 3)})


def test_a_length_that_becomes_0_beside_a_1_is_0(tmp_path) -> None:
    nodes = [*counted(), node("Div", ["n", "two"], ["half"]), node("Expand", ["x", "half"], ["y"])]
    path = made(tmp_path / "a.onnx", nodes, [value("x", FLOAT, ["s"])], ["y"], **KNOWN, two=np.array([2]))
    for length in (1, 2, 3):
        agree(path, {"x": draw(length)}, tmp_path / "back.onnx")


def test_a_length_counts_from_the_end(tmp_path) -> None:
    nodes = [node("Shape", ["z"], ["n"]), node("Neg", ["n"], ["m"]), node("Slice", ["x", "m", "far"], ["y"])]
    inputs = [value("x", FLOAT, ["s"]), value("z", FLOAT, ["t"])]
    path = made(tmp_path / "a.onnx", nodes, inputs, ["y"], far=np.array([2**62]))
    for length, cut in ((4, 3), (3, 3), (2, 3)):
        agree(path, {"x": draw(length), "z": draw(cut)}, tmp_path / "back.onnx")


def test_an_array_without_entries_keeps_its_axes(tmp_path) -> None:
    nodes = [node("Concat", ["x", "none"], ["y"], axis=0)]
    path = made(tmp_path / "m.onnx", nodes, [value("x", INT64, ["s", 1])], ["y"], none=np.zeros((0, 1), np.int64))
    agree(path, {"x": np.array([[3], [5]])}, tmp_path / "back.onnx")


@pytest.mark.parametrize("names", [("unk__1", "unk__2"), (None, None)])
def test_first_axes_without_a_name_need_not_be_rows_of_the_same_batch(
    names: tuple[str | None, str | None], tmp_path
) -> None:
    """As TensorFlow's converter leaves them: rows of one input that another one picks, as many as it will."""
    inputs = [value("x", FLOAT, [names[0], 4]), value("i", INT64, [names[1]])]
    path = made(tmp_path / "a.onnx", [node("Gather", ["x", "i"], ["y"])], inputs, ["y"])
    for rows, picked in ((3, 5), (2, 2), (4, 1)):
        x = np.arange(rows * 4, dtype=np.float32).reshape(rows, 4)
        agree(path, {"x": x, "i": np.arange(picked) % rows}, tmp_path / "back.onnx")


def test_first_axes_without_a_name_are_the_batch_where_rows_stay_apart(tmp_path) -> None:
    inputs = [value("x", FLOAT, ["unk__1", 4]), value("z", FLOAT, ["unk__2", 4])]
    path = made(tmp_path / "a.onnx", [node("Add", ["x", "z"], ["y"])], inputs, [value("y", FLOAT, ["unk__3", 4])])
    net, _ = rs.load(path)
    assert [n.shape for n in net.graph.nodes] == [("batch", 4)] * 3


def test_the_same_layer_on_every_place_is_read_as_it_is(tmp_path) -> None:
    """As TensorFlow's converter says it: places first, each cut out. No transpose is left, the bias stays a vector."""
    nodes = [node("Transpose", ["x"], ["places"], perm=[1, 0, 2])]
    for i in range(3):
        nodes += [
            node("Slice", ["places", f"n{i}", f"n{i + 1}", "zero"], [f"cut{i}"]),
            node("Squeeze", [f"cut{i}", "zero"], [f"row{i}"]),
            node("MatMul", [f"row{i}", "w"], [f"made{i}"]),
            node("Add", [f"made{i}", "b"], [f"y{i}"]),
        ]
    stored = {f"n{i}": np.array([i]) for i in range(4)} | {"zero": np.array([0]), "w": draw(4, 2), "b": draw(2)}
    inputs = [value("x", FLOAT, ["batch", 3, 4])]
    path = made(tmp_path / "a.onnx", nodes, inputs, ["y0", "y1", "y2"], **stored)
    net = agree(path, {"x": draw(5, 3, 4)}, tmp_path / "back.onnx")
    kinds = [n.kind for n in net.graph.nodes]
    assert (kinds.count("transpose"), kinds.count("reshape"), kinds.count("slice")) == (0, 3, 3)
    assert net.graph.parameters["b"].shape == (2,)
