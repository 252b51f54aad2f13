"""Small ONNX graphs for tests, run by onnxruntime and by this library."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import reseau as rs

KINDS = {"str": TensorProto.STRING, "float": TensorProto.FLOAT}


def declared(name: str, kind: str, shape: list[int | str] | None) -> onnx.ValueInfoProto:
    number = KINDS.get(kind) or helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    return helper.make_tensor_value_info(name, number, shape)


def model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[str, list[int | str]]],
    outputs: dict[str, tuple[str, list[int | str] | None]],
    stored: dict[str, np.ndarray] | None = None,
    opset: int = 18,
    **domains: int,
) -> onnx.ModelProto:
    """A model of these nodes; `ai_onnx_ml=3` asks for a version of that domain."""
    graph = helper.make_graph(
        nodes,
        "g",
        [declared(n, *v) for n, v in inputs.items()],
        [declared(n, *v) for n, v in outputs.items()],
        [numpy_helper.from_array(v, n) for n, v in (stored or {}).items()],
    )
    sets = [helper.make_opsetid("", opset)]
    sets += [helper.make_opsetid(d.replace("_", "."), v) for d, v in domains.items()]
    return helper.make_model(graph, opset_imports=sets, ir_version=9)


def theirs(source: onnx.ModelProto | Path, given: dict[str, np.ndarray]) -> list[Any]:
    """The outputs by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    raw = source.SerializeToString() if isinstance(source, onnx.ModelProto) else str(source)
    return onnxruntime.InferenceSession(raw, options, ["CPUExecutionProvider"]).run(None, given)


def agree(ours: Any, right: list[Any], tolerance: float = 1e-5) -> None:
    """Equal up to rounding; whole numbers and texts exactly."""
    found = ours if isinstance(ours, tuple) else (ours,)
    assert len(found) == len(right)
    for a, b in zip(map(np.asarray, found), map(np.asarray, right), strict=True):
        assert a.shape == b.shape
        if b.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(a, b)


def check_both_ways(folder: Path, m: onnx.ModelProto, *feeds: dict[str, np.ndarray]) -> tuple[rs.Network, Any]:
    """Read, run, written back and run again, each time as onnxruntime runs the file; the network and its parameters."""
    path, back = folder / "m.onnx", folder / "back.onnx"
    path.write_bytes(m.SerializeToString())
    net, params = rs.load(path)
    for given in feeds:
        agree(net(params, *(given[str(n.name)] for n in net.graph.inputs)), theirs(m, given))
    net.save(back, params)
    for given in feeds:
        agree(tuple(theirs(back, given)), theirs(m, given))
    assert [o.name for o in onnx.load(back).graph.output] == [o.name for o in m.graph.output]
    return net, params
