"""Categories of ai.onnx.ml: labels, texts and numbers for each other, columns of zeros and ones, blanks filled."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.column_inputs import DOMAIN
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, number_of, own, reads
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.ops.base import Op

__all__ = ["READ", "WRITE", "named"]


def label_encoder(call: Call) -> Node:
    if "classes_strings" in call.attributes:  # the first version: texts and their places
        texts = call.attributes["classes_strings"]
        if is_text(call):
            number = apply_op(ops.NumberOf(tuple(texts)), call[0])
            return replaced(call, number, len(texts), np.arange(len(texts)), call.attribute("default_int64", -1))
        return apply_op(ops.TextOf(tuple(texts), call.attribute("default_string", "_Unused")), call[0])
    keys, values = (table(call, side) for side in ("keys", "values"))
    return replaced(call, place_of(call, keys), len(keys), values, other(call, values))


def table(call: Call, side: str) -> np.ndarray:
    """The keys or the values, in their type."""
    for name, dtype in (("strings", object), ("int64s", np.int64), ("floats", np.float32)):
        if f"{side}_{name}" in call.attributes:
            return np.asarray(call.attributes[f"{side}_{name}"], dtype)
    return np.asarray(call.attributes[f"{side}_tensor"])


def other(call: Call, values: np.ndarray) -> Any:
    """What stands for a key that is not there."""
    if "default_tensor" in call.attributes:
        return np.asarray(call.attributes["default_tensor"]).ravel()[0]
    if values.dtype == object:
        return call.attribute("default_string", "_Unused")
    return call.attribute("default_int64", -1) if values.dtype.kind in "iu" else call.attribute("default_float", -0.0)


def is_text(call: Call, i: int = 0) -> bool:
    """Whether input `i` holds texts."""
    return call.dtype(i) == np.dtype(object)


def place_of(call: Call, keys: np.ndarray) -> Node:
    """The place of each entry among the keys, their count where it is none of them."""
    if keys.dtype == object:
        return apply_op(ops.NumberOf(tuple(map(str, keys))), call[0])
    x = call[0]
    column = call.reshaped(x, (*x.shape, 1))
    row = call.constant(keys, call.dtype())
    same = apply_op(ops.Equal(), column, row)
    if keys.dtype.kind == "f" and np.isnan(keys).any():  # here no number is equal to itself
        same = apply_op(
            ops.Or(), same, apply_op(ops.And(), apply_op(ops.IsNan(), column), call.constant(np.isnan(keys)))
        )
    found = apply_op(ops.Cast("int32"), same)
    none = call.constant(1, np.int32) - apply_op(ops.Max((-1,), True), found)
    return apply_op(ops.ArgMax(len(x.shape)), apply_op(ops.Concatenate(len(x.shape)), found, none))


def replaced(call: Call, place: Node, count: int, values: np.ndarray, default: Any) -> Node:
    """The value at each place; the default where there is none."""
    if values.dtype == object:
        return apply_op(ops.TextOf(tuple(map(str, values)), str(default)), place)
    row = call.constant(np.append(values, np.asarray(default, values.dtype)))
    return apply_op(ops.Take(0), row, place)


def named(call: Call, labels: np.ndarray, place: Node) -> Node:
    """The label at each place: a whole number or a text."""
    if labels.dtype == object:
        return apply_op(ops.TextOf(tuple(map(str, labels))), place)
    return apply_op(ops.Take(0), call.constant(labels), place)


def category_mapper(call: Call) -> Node:
    texts, numbers = call.attributes["cats_strings"], np.asarray(call.attributes["cats_int64s"], np.int64)
    if is_text(call):
        number = apply_op(ops.NumberOf(tuple(texts)), call[0])
        return replaced(call, number, len(texts), numbers, call.attribute("default_int64", -1))
    return replaced(
        call,
        place_of(call, numbers),
        len(texts),
        np.asarray(texts, object),
        call.attribute("default_string", "_Unused"),
    )


def one_hot_encoder(call: Call) -> Node:
    texts = call.attribute("cats_strings")
    keys = np.asarray(texts, object) if texts else np.asarray(call.attributes["cats_int64s"], np.int64)
    place = place_of(call, keys)
    column = call.reshaped(place, (*place.shape, 1))
    row = call.constant(np.arange(len(keys)), call.importer.dtype(place))
    return apply_op(ops.Cast("float32"), apply_op(ops.Equal(), column, row))


def imputer(call: Call) -> Node:
    whole = "imputed_value_int64s" in call.attributes
    fills = np.asarray(call.attributes["imputed_value_int64s" if whole else "imputed_value_floats"])
    gone = call.attribute("replaced_value_int64" if whole else "replaced_value_float", 0)
    blank = apply_op(ops.IsNan(), call[0]) if np.isnan(gone) else apply_op(ops.Equal(), call[0], call.like(gone))
    return apply_op(ops.Where(), blank, call.like(fills if len(fills) > 1 else fills[0]), call[0])


def binarizer(call: Call) -> Node:
    above = apply_op(ops.Less(), call.like(call.attribute("threshold", 0.0)), call[0])
    return apply_op(ops.Cast(str(call.dtype())), above)


def feature_vectorizer(call: Call) -> Node:
    """The inputs beside each other as columns, each cut or filled to its declared width."""
    widths = call.attribute("inputdimensions") or [call.numbers(i)[-1] for i in range(len(call.inputs))]
    columns = []
    for i, width in enumerate(widths):
        x = call[i] if len(call[i].shape) > 1 else apply_op(ops.ReshapeTo((*call[i].shape, 1)), call[i])
        n = int(x.shape[1])
        if width < n:
            x = apply_op(ops.Slice(1, 0, width), x)
        elif width > n:
            x = apply_op(ops.Pad(((0, 0), (0, width - n))), x)
        columns.append(apply_op(ops.Cast("float32"), x))
    return columns[0] if len(columns) == 1 else apply_op(ops.Concatenate(1), *columns)


def mapping(call: Call) -> dict[Any, Any]:
    """The map that is given for an input."""
    value = call.array(0)
    if value.dtype != np.dtype(object) or not isinstance(value.item(), dict):
        raise ValueError("its input is not a map")
    return dict(value.item())


def dict_vectorizer(call: Call) -> Node:
    """The values of a map at the keys of a vocabulary; nothing where a key is not there."""
    given = mapping(call)
    keys = call.attribute("string_vocabulary") or call.attributes["int64_vocabulary"]
    nothing: Any = "" if any(isinstance(v, str) for v in given.values()) else 0
    values = [[given.get(key, nothing) for key in keys]]
    if nothing == "":
        return call.constant(np.array(values, object))
    whole = all(isinstance(v, int | np.integer) for v in given.values())
    return call.constant(np.array(values, np.int64 if whole else np.float32))


def cast_map(call: Call) -> Node:
    """The values of a map in the order of their keys, or each at the place that its key says."""
    given = mapping(call)
    kind = {"TO_FLOAT": np.float32, "TO_INT64": np.int64, "TO_STRING": str}[call.attribute("cast_to", "TO_FLOAT")]
    if call.attribute("map_form", "DENSE") == "DENSE":
        values = [given[key] for key in sorted(given)]
    else:
        values = [given.get(place, "" if kind is str else 0) for place in range(call.attributes["max_map"])]
    if kind is str:
        return call.constant(np.array([[str(v) for v in values]], object))
    return call.constant(np.array([values], float).astype(kind))


def write_number_of(op: ops.NumberOf, node: Node, w: Emitter) -> Value:
    count = len(op.texts)
    settings = {"keys_strings": op.texts, "values_int64s": list(range(count)), "default_int64": count}
    w.require(8)
    place = w.emit("LabelEncoder", *reads(w, node), name=f"{w.label(node)}/place", domain=DOMAIN, **settings)
    return own(w, node, "Cast", place, to=number_of("int32"))


def write_text_of(op: ops.TextOf, node: Node, w: Emitter) -> Value:
    w.require(8)
    place = w.emit("Cast", *reads(w, node), name=f"{w.label(node)}/place", to=number_of("int64"))
    settings = {"keys_int64s": list(range(len(op.texts))), "values_strings": op.texts, "default_string": op.other}
    return own(w, node, "LabelEncoder", place, domain=DOMAIN, **settings)


READ: Mapping[str, Rule] = {
    f"ai.onnx.ml/{name}": rule
    for name, rule in (
        ("Binarizer", binarizer),
        ("CastMap", cast_map),
        ("CategoryMapper", category_mapper),
        ("DictVectorizer", dict_vectorizer),
        ("FeatureVectorizer", feature_vectorizer),
        ("Imputer", imputer),
        ("LabelEncoder", label_encoder),
        ("OneHotEncoder", one_hot_encoder),
    )
}

WRITE: Mapping[type[Op], WriteRule] = {ops.NumberOf: write_number_of, ops.TextOf: write_text_of}
