"""Maps from the names of classes to scores: read as columns, written back as maps."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import reseau as rs

pytest.importorskip("onnxruntime")

from tools.onnx_graphs import declared, model, theirs

ML = "ai.onnx.ml"
node = helper.make_node


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def zipped(nodes: list[Any], inputs: dict[str, Any], outputs: dict[str, Any], names: list[Any]) -> onnx.ModelProto:
    """A graph that ends with maps of `scores`, called `y`."""
    text = isinstance(names[0], str)
    setting = {"classlabels_strings" if text else "classlabels_int64s": names}
    m = model([*nodes, node("ZipMap", ["scores"], ["y"], domain=ML, **setting)], inputs, outputs, ai_onnx_ml=2)
    key = TensorProto.STRING if text else TensorProto.INT64
    kind = helper.make_map_type_proto(key, declared("v", "float", []).type)
    m.graph.output.append(helper.make_value_info("y", helper.make_sequence_type_proto(kind)))
    return m


@pytest.mark.parametrize("names", [[4, 2], ["no", "yes"]])
@pytest.mark.parametrize("late", [False, True])
def test_maps_are_columns_here_and_maps_in_the_file(tmp_path: Path, names: list[Any], late: bool) -> None:
    """A part that is computed from values, too: as many rows as are not zero."""
    nodes = [node("Sigmoid", ["x"], ["scores"])]
    if late:
        nodes = [
            *(node("NonZero", ["n"], ["places"]), node("Squeeze", ["places"], ["rows"], axes=[0])),
            *(node("Gather", ["x", "rows"], ["some"]), node("Sigmoid", ["some"], ["scores"])),
        ]
    extra = {"n": ("float", ["batch"])} if late else {}
    m = zipped(nodes, {"x": ("float", ["batch", 2]), **extra}, {}, names)
    m.opset_import[0].version = 11
    onnx.save(m, tmp_path / "m.onnx")
    given = {"x": normal(3, 2), **({"n": np.array([1, 0, 2], np.float32)} if late else {})}
    (right,) = theirs(m, given)
    net, params = rs.load(tmp_path / "m.onnx")
    found = net(params, *given.values())
    assert found.shape == (len(right), 2)
    np.testing.assert_allclose(found, [[row[name] for name in names] for row in right], rtol=1e-6)
    net.save(tmp_path / "back.onnx", params)
    (back,) = theirs(onnx.load(tmp_path / "back.onnx"), given)
    assert [list(row) for row in back] == [list(row) for row in right]
    np.testing.assert_allclose([list(r.values()) for r in back], [list(r.values()) for r in right], rtol=1e-6)
    again, params = rs.load(tmp_path / "back.onnx")
    assert again.graph.outputs[0].op == rs.ops.Identity(tuple(names))


def test_columns_that_another_node_reads_are_an_array(tmp_path: Path) -> None:
    onnx.save(
        zipped([node("Sigmoid", ["x"], ["scores"])], {"x": ("float", ["batch", 2])}, {}, [4, 2]), tmp_path / "m.onnx"
    )
    net, params = rs.load(tmp_path / "m.onnx")
    longer = rs.Network(net.graph.inputs[0], rs.relu(net.graph.outputs[0]))
    longer.save(tmp_path / "back.onnx", params)
    x = normal(3, 2)
    (back,) = theirs(onnx.load(tmp_path / "back.onnx"), {"x": x})
    np.testing.assert_allclose(back, longer(params, x), rtol=1e-6)
