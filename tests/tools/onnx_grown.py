"""A small ONNX graph that grows node by node, with the value of everything in it at one choice of its lengths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

__all__ = ["SIZES", "Grown", "declared", "fits", "inputs_at", "session"]

SIZES: Sequence[Mapping[str, int]] = ({"b": 3, "s": 4, "t": 5}, {"b": 1, "s": 1, "t": 1}, {"b": 2, "s": 6, "t": 1})
"""Lengths of the named axes; the graph grows at the first."""


@dataclass
class Grown:
    """A graph as it grows, and the value of everything in it at the first lengths."""

    rng: np.random.Generator
    opset: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: dict[str, tuple[str, tuple[int | str, ...]]] = field(default_factory=dict)
    values: dict[str, np.ndarray] = field(default_factory=dict)

    def pick(self, *options: Any) -> Any:
        """One of some things."""
        return options[int(self.rng.integers(len(options)))]

    def value(self, kinds: str = "fiub", rank: tuple[int, int] = (0, 4)) -> str:
        """The name of a value of these types and ranks, the latest likelier; `LookupError` where there is none."""
        found = [n for n, v in self.values.items() if v.dtype.kind in kinds and rank[0] <= v.ndim <= rank[1]]
        if not found:
            raise LookupError(kinds)
        made = [n for n in found if n not in self.inputs]
        return str(self.pick(*(made[-3:] if made and self.rng.random() < 0.7 else found)))

    def stored(self, array: object, dtype: Any = np.int64) -> str:
        """The name of an array of the file."""
        name = f"c{len(self.arrays)}"
        self.arrays[name] = self.values[name] = np.asarray(array, dtype)
        return name

    def weight(self, shape: Sequence[int], dtype: Any) -> str:
        """An array as weights are: of any numbers, one repeated, an identity, or with holes; now and then computed.

        XLA makes other programs of a product where it sees that all entries are one number.
        """
        way = self.pick("any", "any", "repeated", "none", "identity", "holes")
        drawn = np.asarray(self.rng.normal(size=tuple(shape)) * 2)
        if way in ("repeated", "none"):
            drawn[...] = 0 if way == "none" else self.pick(0.02, 0.5, -3)
        elif way == "identity" and drawn.ndim > 1:
            drawn[...] = np.eye(*drawn.shape[-2:])
        elif way == "holes":
            drawn[..., ::2] = 0
        name = self.stored(drawn, dtype)
        return self.add("Identity", [name])[0] if self.rng.random() < 0.2 else name

    def shape_of(self, name: str) -> tuple[int, ...]:
        return self.values[name].shape

    def axis(self, name: str) -> int:
        """An axis, sometimes counted from the end."""
        rank = self.values[name].ndim
        return int(self.rng.integers(-rank, rank))

    def add(self, kind: str, inputs: Sequence[str], outputs: int = 1, **settings: Any) -> list[str]:
        """Add a node if onnxruntime computes it to finite entries, few of them; `ValueError` otherwise."""
        names = [f"v{len(self.values)}_{i}" for i in range(outputs)]
        settings = {k: v for k, v in settings.items() if v is not None}
        node = helper.make_node(kind, list(inputs), names, **settings)
        read = [x for x in dict.fromkeys(inputs) if x]
        given = {x: self.values[x] for x in read}
        graph = helper.make_graph([node], "one", [declared(n, v.dtype, v.shape) for n, v in given.items()],
                                  [onnx.ValueInfoProto(name=n) for n in names])  # fmt: skip
        try:
            found = session(model_of(graph, self.opset)).run(None, given)
        except Exception as error:  # whatever it refuses is no candidate
            raise ValueError(str(error)) from error
        if any(v.size > 4096 or v.ndim > 5 or not usual(v) for v in found):
            raise ValueError("too many entries, or too large ones")
        self.nodes.append(node)
        self.values |= dict(zip(names, found, strict=True))
        return names

    def model(self) -> onnx.ModelProto:
        """The graph with every value that nothing reads, and some others, as outputs."""
        read = {x for n in self.nodes for x in n.input}
        made = [y for n in self.nodes for y in n.output]
        outputs = [y for y in made if y not in read or self.rng.random() < 0.1]
        named = [declared(n, kind, shape) for n, (kind, shape) in self.inputs.items()]
        stored = [numpy_helper.from_array(v, n) for n, v in self.arrays.items()]
        given = [self.output(y) for y in outputs]
        return model_of(helper.make_graph(self.nodes, "g", named, given, stored), self.opset)

    def output(self, name: str) -> onnx.ValueInfoProto:
        """An output as files declare it: with its type, and mostly a name for each axis."""
        value = self.values[name]
        axes = [f"{name} {i}" for i in range(value.ndim)] if self.rng.random() < 0.8 else None
        return declared(name, value.dtype, axes)


def usual(v: np.ndarray) -> bool:
    """Whether an array holds numbers that rounding does not blow up."""
    if v.dtype.kind not in "fiu" or not v.size:
        return v.dtype.kind in "fiub"
    return bool(np.isfinite(v).all() and np.abs(v.astype(float)).max() < 1e4)


def declared(name: str, dtype: Any, shape: Sequence[int | str] | None) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, None if shape is None else list(shape))


def model_of(graph: onnx.GraphProto, opset: int) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10 if opset > 18 else 8)


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A session that says nothing and leaves the graph as it is."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def fits(model: onnx.ModelProto, given: Mapping[str, np.ndarray], outputs: Sequence[np.ndarray]) -> bool:
    """Whether a graph means these lengths: what happens otherwise is decided here otherwise than in onnxruntime.

    A window wider than its axis gives an array without entries there, and a length that a graph computes for a Reshape
    as 0 is the length as it was: both are refused here. An output has the axes that the file declares, even where a
    Squeeze meets a length of 1 at which one more could be dropped.
    """
    graph = model.graph
    stored = {t.name for t in graph.initializer}
    windows = [n.output[0] for n in graph.node if n.op_type in ("AveragePool", "Conv", "MaxPool")]
    lengths = [n.input[1] for n in graph.node if n.op_type == "Reshape" and n.input[1] not in stored]
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    said = {o.name: o.type.tensor_type for o in graph.output}
    for kind, value in zip(said.values(), outputs, strict=True):
        if kind.HasField("shape") and len(kind.shape.dim) != value.ndim:
            return False
    seen.graph.output.extend(onnx.ValueInfoProto(name=n) for n in {*windows, *lengths} - said.keys())
    found = dict(zip((o.name for o in seen.graph.output), session(seen).run(None, given), strict=True))
    return all(found[n].size for n in windows) and all(found[n].all() for n in lengths)


def inputs_at(grown: Grown, lengths: Mapping[str, int], seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays for the inputs at these lengths."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, (dtype, shape) in grown.inputs.items():
        size = [n if isinstance(n, int) else lengths[n] for n in shape]
        whole = rng.integers(0, 2 if dtype == "bool" else 3, size)
        found[name] = (rng.normal(size=size) if np.dtype(dtype).kind == "f" else whole).astype(dtype)
    return found
