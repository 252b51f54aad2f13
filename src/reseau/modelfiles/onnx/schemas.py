"""What ONNX says of the types that each operator reads and gives, in each opset."""

from functools import lru_cache
from typing import Any

from onnx import defs, helper

from reseau.errors import UnsupportedError

__all__ = ["Kinds", "first_cast", "opset_of", "output_kinds"]

Kinds = tuple[int | None, ...]
"""The numbers by which ONNX knows the types of some values; nothing where a value is absent or its type unknown."""


@lru_cache(4096)
def schema_of(kind: str, opset: int) -> Any:
    """The definition of an operator of ONNX's own domain that holds in an opset."""
    return defs.get_schema(kind, opset)


@lru_cache(4096)
def opset_of(kind: str, opset: int, kinds: Kinds) -> int:
    """The lowest opset from `opset` on whose form of an operator reads these types.

    Raises:
        UnsupportedError: No form of it does.
    """
    tried = opset
    while tried <= defs.onnx_opset_version():
        try:
            schema = schema_of(kind, tried)
        except defs.SchemaError:
            tried += 1
            continue
        if reads(schema, kinds):
            return tried
        tried += 1
    names = ", ".join(helper.tensor_dtype_to_string(k).removeprefix("TensorProto.") for k in kinds if k)
    raise UnsupportedError(
        f"ONNX has no form of {kind} that reads {names}\n  fix: convert to real numbers first, or save to .safetensors"
    )


def formal(schema: Any, i: int) -> Any:
    """The formal input that the actual input `i` is."""
    return schema.inputs[min(i, len(schema.inputs) - 1)]


@lru_cache(16384)
def allowed(name: str, since: int, i: int) -> frozenset[str]:
    """The types that a form of an operator reads as input `i`."""
    return frozenset(formal(schema_of(name, since), i).types)


def reads(schema: Any, kinds: Kinds) -> bool:
    """Whether a form of an operator reads these types."""
    if len(kinds) > schema.max_input:
        return False
    return all(k is None or text(k) in allowed(schema.name, schema.since_version, i) for i, k in enumerate(kinds))


def text(kind: int) -> str:
    """A type as ONNX's definitions write it."""
    names = {"FLOAT": "float", "DOUBLE": "double", "BOOL": "bool", "STRING": "string"}
    said = helper.tensor_dtype_to_string(kind).removeprefix("TensorProto.")
    return f"tensor({names.get(said, said.lower())})"


@lru_cache(4096)
def output_kinds(kind: str, opset: int, kinds: Kinds, to: int | None = None) -> Kinds:
    """The types of an operator's outputs for the types that it reads; `to` is its setting that names one."""
    schema = schema_of(kind, opset)
    bound = {formal(schema, i).type_str: k for i, k in enumerate(kinds) if k is not None}
    found: list[int | None] = []
    for output in schema.outputs:
        if output.type_str in bound:
            found.append(bound[output.type_str])
        elif to is not None:
            found.append(to)
        elif len(output.types) == 1:
            (only,) = output.types
            found.append(numbers().get(only))
        else:
            found.append(None)
    return tuple(found)


@lru_cache(64)
def first_cast(kind: int) -> int:
    """The lowest opset, of those that are written, whose Cast gives a type."""
    opset = 9
    while text(kind) not in schema_of("Cast", opset).outputs[0].types and opset < defs.onnx_opset_version():
        opset += 1
    return opset


@lru_cache(1)
def numbers() -> dict[str, int]:
    """The number of each type, by how definitions write it."""
    return {text(k): k for k in helper.get_all_tensor_dtypes()}
