"""Small ONNX files, and what onnxruntime and this library compute of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import reseau as rs

__all__ = ["FLOAT", "INT64", "agree", "elsewhere", "here", "made", "node", "value"]

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
node = helper.make_node
value = helper.make_tensor_value_info


def made(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[Any],
    opset: int = 17,
    **arrays: Any,
) -> Path:
    """The file of a graph; an output may be a name alone."""
    given = [onnx.ValueInfoProto(name=o) if isinstance(o, str) else o for o in outputs]
    stored = [numpy_helper.from_array(np.asarray(v), name) for name, v in arrays.items()]
    graph = helper.make_graph(nodes, "graph", inputs, given, stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9), path)
    return path


def elsewhere(path: Path, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs by onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    known = {i.name for i in session.get_inputs()}
    return session.run(None, {name: v for name, v in feeds.items() if name in known})


def here(path: Path, feeds: Mapping[str, np.ndarray], **options: Any) -> list[np.ndarray]:
    """The outputs by this library."""
    net, params = rs.onnx.read(path, **options)
    found = net(params, *(feeds[str(n.name)] for n in net.graph.inputs))
    return [np.asarray(v) for v in (found if isinstance(found, tuple) else (found,))]


def agree(path: Path, feeds: Mapping[str, np.ndarray], back: Path | None = None) -> rs.Network:
    """Assert that both compute the same, types and shapes too, and of the file written back if there is one."""
    expected = elsewhere(path, feeds)
    net, params = rs.load(path)
    found = [here(path, feeds)]
    if back is not None:
        net.save(back, params)
        found.append(elsewhere(back, feeds))
        for side in ("input", "output"):
            names = [[v.name for v in getattr(onnx.load(p).graph, side)] for p in (path, back)]
            stored = {t.name for t in onnx.load(path).graph.initializer}
            assert names[1] == [n for n in names[0] if n not in stored]
    for outputs in found:
        for ours, theirs in zip(outputs, expected, strict=True):
            assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    return net
