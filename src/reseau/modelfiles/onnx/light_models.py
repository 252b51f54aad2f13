"""A model without its large weights, for what asks only for their types and shapes: some copies less of a file."""

from math import prod

import onnx
from onnx import TensorProto, helper

__all__ = ["LARGE", "light"]

LARGE = 1 << 10  # numbers of an array
REALS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)


def light(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its arrays of real numbers that are large, or stand in other files, as inputs."""
    graph = model.graph
    large = [t for t in graph.initializer if t.data_type in REALS and (t.external_data or prod(t.dims) > LARGE)]
    made = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions)
    made.graph.name = graph.name
    made.graph.node.extend(graph.node)
    made.graph.input.extend(graph.input)
    made.graph.input.extend(helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in large)
    made.graph.output.extend(graph.output)
    made.graph.value_info.extend(graph.value_info)
    named = {t.name for t in large}
    made.graph.initializer.extend(t for t in graph.initializer if t.name not in named)
    return made
