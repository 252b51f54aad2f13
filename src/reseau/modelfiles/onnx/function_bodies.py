"""Operators without a rule of their own, read through the definition that ONNX or the model gives of them."""

from typing import Any

import numpy as np
import onnx
from onnx import defs, helper

from reseau.modelfiles.onnx.importer import Call, Importer, Listed, Needs, Value
from reseau.ops.lengths import words_of

__all__ = ["expand"]

DEPTH = 32  # functions within functions


def expand(importer: Importer, call: Call, proto: onnx.NodeProto, within: str) -> list[Value | None]:
    """The values of a node's outputs, computed by the nodes of its definition."""
    if within.count("/") > DEPTH:
        raise ValueError("its definition does not end")
    function = definition(importer, call, proto)
    scope: dict[str, Value | None] = {}
    for formal, node in zip(function.input, call.inputs, strict=False):
        if node is not None:
            scope[formal] = node
    absent = {formal for formal in function.input if formal not in scope}
    settings = {a.name: a for a in (*defaults(call, proto), *function.attribute_proto, *proto.attribute)}
    nodes = [with_settings(n, settings, absent) for n in function.node]
    opsets = {o.domain: o.version for o in function.opset_import}
    importer.walk(nodes, scope, opsets, f"{within}{proto.name or proto.output[0]}/")
    return [scope.get(name) for name in function.output]


def definition(importer: Importer, call: Call, proto: onnx.NodeProto) -> onnx.FunctionProto:
    """What stands for the operator: a function of the model, or of ONNX."""
    own = importer.functions.get((proto.domain, proto.op_type, proto.overload))
    if own is not None:
        return own
    function = onnx.FunctionProto()
    try:
        schema: Any = defs.get_schema(proto.op_type, call.opset, proto.domain)
    except defs.SchemaError as error:
        raise unknown(call, proto) from error
    versions = usable(schema.function_opset_versions, call.opset)
    contextual = usable(schema.context_dependent_function_opset_versions, call.opset)
    if contextual:
        types = [declared(importer, node) for node in call.inputs]
        made = schema.get_context_dependent_function_with_opset_version(
            contextual[-1], proto.SerializeToString(), types
        )
        function.ParseFromString(made)
        if not function.node:  # its definition depends on lengths, or on settings that are not given
            words = words_of(*(n for x in call.given() for n in x.shape))
            raise Needs(words=words) if words else unknown(call, proto)
    elif versions:
        function.ParseFromString(schema.get_function_with_opset_version(versions[-1]))
    else:
        raise unknown(call, proto)
    return function


def unknown(call: Call, proto: onnx.NodeProto) -> ValueError:
    """The error of an operator that has no rule and no definition."""
    cure = "export the model with the operators of ai.onnx, or with this one as a function in the file"
    if proto.domain == "com.microsoft.nchwc":  # arrays in blocks as wide as the registers of one machine
        cure = "let onnxruntime write the model for any machine: graph_optimization_level = ORT_ENABLE_EXTENDED"
    return ValueError(
        f"the operator {proto.op_type} of {proto.domain or 'ai.onnx'}, opset {call.opset}, is not read here\n"
        f"  fix: {cure}"
    )


def usable(versions: list[int], opset: int) -> list[int]:
    """The versions of a definition up to this opset; else the first, which came after the operator."""
    return sorted(v for v in versions if v <= opset) or sorted(versions)[:1]


def defaults(call: Call, proto: onnx.NodeProto) -> list[onnx.AttributeProto]:
    """The settings that the operator has where none are given."""
    if not defs.has(proto.op_type, proto.domain):
        return []
    try:
        schema: Any = defs.get_schema(proto.op_type, call.opset, proto.domain)
    except defs.SchemaError:
        return []
    return [a.default_value for a in schema.attributes.values() if a.default_value.name]


def declared(importer: Importer, value: Value | None) -> bytes:
    """The type and shape of a value, as ONNX writes them."""
    return type_of(importer, value).SerializeToString()


def type_of(importer: Importer, node: Value | None) -> onnx.TypeProto:
    """The type of an array, or of a sequence of what its first entry is."""
    if isinstance(node, Listed):
        return helper.make_sequence_type_proto(type_of(importer, next(iter(node.entries), None)))
    if node is None:
        return onnx.TypeProto()
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(importer.dtype(node)))
    lengths = [n if isinstance(n, int) else None for n in node.shape]
    return helper.make_tensor_type_proto(kind, lengths)


def with_settings(proto: onnx.NodeProto, settings: dict[str, onnx.AttributeProto], absent: set[str]) -> onnx.NodeProto:
    """A node of a function, and those inside it, with the caller's settings and without inputs that are not given."""
    made = onnx.NodeProto()
    made.CopyFrom(proto)
    made.ClearField("attribute")
    for attribute in proto.attribute:
        if not attribute.ref_attr_name:
            made.attribute.add().CopyFrom(attribute)
        elif attribute.ref_attr_name in settings:
            copy = made.attribute.add()
            copy.CopyFrom(settings[attribute.ref_attr_name])
            copy.name = attribute.name
    for i, name in enumerate(made.input):
        if name in absent:
            made.input[i] = ""
    for attribute in made.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                inner.CopyFrom(with_settings(inner, settings, absent))
    return made
