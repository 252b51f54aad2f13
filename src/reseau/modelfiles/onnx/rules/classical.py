"""The operators of ai.onnx.ml that scikit-learn's linear models, scalers and networks are exported with."""

from collections.abc import Mapping

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Needs, Rule
from reseau.ops.lengths import size, words_of

__all__ = ["READ"]


def scaler(call: Call) -> Node:
    offset, scale = (np.asarray(call.attribute(k, d), np.float32) for k, d in (("offset", [0.0]), ("scale", [1.0])))
    return (call[0] - call.constant(offset)) * call.constant(scale)


def feature_extractor(call: Call) -> Node:
    flat = call.reshaped(call[1], (size(call[1].shape),))
    x = call[0] if len(call[0].shape) > 1 else call.reshaped(call[0], (1, *call[0].shape))
    return apply_op(ops.Take(len(x.shape) - 1), x, flat)


def linear(call: Call, rows: int) -> Node:
    """`x W + b` with the coefficients of a setting, which training moves."""
    features = call[0].shape[-1]
    if isinstance(features, str):
        raise Needs(words=words_of(features))
    name = call.within + next(filter(None, call.outputs))
    weight = np.asarray(call.attributes["coefficients"], np.float32).reshape(rows, features).T
    parents = [call[0], call.importer.initializer(f"{name}.weight", np.ascontiguousarray(weight))]
    if call.attribute("intercepts"):
        parents.append(call.importer.initializer(f"{name}.bias", np.asarray(call.attributes["intercepts"], np.float32)))
    return apply_op(ops.Affine(), *parents)


def transformed(call: Call, scores: Node) -> Node:
    """The scores after the transformation that the node asks for."""
    kinds = {"NONE": None, "LOGISTIC": ops.Sigmoid(), "SOFTMAX": ops.Softmax(-1)}
    op = kinds[call.attribute("post_transform", "NONE")]
    return scores if op is None else apply_op(op, scores)


def linear_regressor(call: Call) -> Node:
    return transformed(call, linear(call, call.attribute("targets", 1)))


def linear_classifier(call: Call) -> tuple[Node, Node]:
    labels = np.asarray(call.attributes["classlabels_ints"], np.int64)
    scores = linear(call, len(labels))
    best = apply_op(ops.ArgMax(1), scores)
    return apply_op(ops.Take(0), call.constant(labels), best), transformed(call, scores)


def normalizer(call: Call) -> Node:
    x, kind = call[0], call.attribute("norm", "MAX")
    if kind == "L2":
        size = apply_op(ops.Sqrt(), apply_op(ops.Sum((1,), True), apply_op(ops.Square(), x)))
    else:
        size = apply_op((ops.Sum if kind == "L1" else ops.Max)((1,), True), apply_op(ops.Abs(), x))
    none = apply_op(ops.Equal(), size, call.like(0))
    return x / apply_op(ops.Where(), none, call.like(1), size)


READ: Mapping[str, Rule] = {
    f"ai.onnx.ml/{name}": rule
    for name, rule in (
        ("ArrayFeatureExtractor", feature_extractor),
        ("LinearClassifier", linear_classifier),
        ("LinearRegressor", linear_regressor),
        ("Normalizer", normalizer),
        ("Scaler", scaler),
    )
}
