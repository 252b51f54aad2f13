"""Arrays of which a file stores the entries that are not 0, read as the whole arrays that they are."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import reseau as rs
from tools.onnx_graphs import agree, check_both_ways, declared, model, theirs

node = helper.make_node


def sparse(name: str, array: np.ndarray, flat: bool) -> onnx.SparseTensorProto:
    """The entries that are not 0, and where they stand: by one number each, or by one for each axis."""
    places = np.flatnonzero(array) if flat else np.argwhere(array)
    values = numpy_helper.from_array(array[array != 0], name)
    return helper.make_sparse_tensor(values, numpy_helper.from_array(places.astype(np.int64)), array.shape)


@pytest.mark.parametrize("flat", [True, False])
def test_sparse_initializers_and_constants_are_weights(tmp_path: Path, flat: bool) -> None:
    w = np.float32([[0, 1.5, 0], [2, 0, -1]])
    b = np.float32([0, 3, 0])
    m = model(
        [
            node("Constant", [], ["b"], sparse_value=sparse("b", b, flat)),
            *(node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["y"])),
        ],
        {"x": ("float", ["batch", 2])},
        {"y": ("float", ["batch", 3])},
    )
    m.graph.sparse_initializer.append(sparse("w", w, flat))
    x = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    net, params = check_both_ways(tmp_path, m, {"x": x})
    np.testing.assert_array_equal(params["w"], w)
    found = rs.fit(
        rs.Objective(net, loss=rs.losses.SquaredError()),
        (x, np.zeros((4, 3), np.float32)),
        epochs=1,
        params=params,
        progress=False,
    )
    assert not np.array_equal(found.params["b"], b)


def test_a_branch_holds_a_sparse_array(tmp_path: Path) -> None:
    w = np.float32([[0, 1.5], [2, 0]])
    branches = {
        f"{side}_branch": helper.make_graph(
            [node("MatMul", ["x", "w"], [side])],
            side,
            [],
            [declared(side, "float", ["batch", 2])],
            sparse_initializer=[sparse("w", w * k, True)],
        )
        for side, k in (("then", 1), ("else", 3))
    }
    m = model(
        [
            *(node("ReduceSum", ["x"], ["s"], keepdims=0), node("Greater", ["s", "zero"], ["c"])),
            node("If", ["c"], ["y"], **branches),
        ],
        {"x": ("float", ["batch", 2])},
        {"y": ("float", ["batch", 2])},
        {"zero": np.float32(0)},
    )
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    net, params = rs.load(tmp_path / "m.onnx")
    dense = model(list(m.graph.node), {"x": ("float", ["batch", 2])}, {"y": ("float", ["batch", 2])})
    dense.graph.initializer.extend(m.graph.initializer)
    for attribute in dense.graph.node[2].attribute:
        attribute.g.ClearField("sparse_initializer")
        attribute.g.initializer.append(numpy_helper.from_array(w * (1 if attribute.name == "then_branch" else 3), "w"))
    for sign in (1, -1):
        x = sign * np.float32([[1, 2], [3, 4]])
        agree(net(params, x), theirs(dense, {"x": x}))


@pytest.mark.parametrize(
    ("places", "dims", "said"),
    [
        ([0, 9], (2, 3), "outside its shape"),
        ([1, 1], (2, 3), "two values in one place"),
        ([0, 1, 2], (2, 3), "the places of these"),
        ([0, 1], (2**20, 2**20), "more than a file of this size"),
    ],
)
def test_a_sparse_array_that_contradicts_itself_is_damage(
    tmp_path: Path, places: list[int], dims: tuple[int, ...], said: str
) -> None:
    m = model([node("Add", ["x", "w"], ["y"])], {"x": ("float", [2, 3])}, {"y": ("float", [2, 3])})
    values = numpy_helper.from_array(np.float32([1, 2]), "w")
    m.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, numpy_helper.from_array(np.int64(places)), dims)
    )
    (tmp_path / "m.onnx").write_bytes(m.SerializeToString())
    with pytest.raises(rs.errors.ModelFileError, match=rf"sparse initializer 'w'(.|\n)*{said}(.|\n)*fix: "):
        rs.load(tmp_path / "m.onnx")
