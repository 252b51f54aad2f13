"""The operators of ai.onnx.ml that scikit-learn's linear models, scalers and networks are exported with."""

from collections.abc import Mapping

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Needs, Rule
from reseau.modelfiles.onnx.rules.encoders import named
from reseau.modelfiles.onnx.rules.scores import labeled, regressed, transformed
from reseau.ops.lengths import size, words_of

__all__ = ["READ"]


def scaler(call: Call) -> Node:
    offset, scale = (np.asarray(call.attribute(k, d), np.float32) for k, d in (("offset", [0.0]), ("scale", [1.0])))
    return (single(call) - call.constant(offset)) * call.constant(scale)


def feature_extractor(call: Call) -> Node:
    flat = call.reshaped(call[1], (size(call[1].shape),))
    x = call[0] if len(call[0].shape) > 1 else call.reshaped(call[0], (1, *call[0].shape))
    return apply_op(ops.Take(len(x.shape) - 1), x, flat)


def linear(call: Call, x: Node, rows: int) -> Node:
    """`x W + b` with the coefficients of a setting, of which the first are read, and which training moves."""
    features = x.shape[-1]
    if isinstance(features, str):
        raise Needs(words=words_of(features))
    name = call.within + next(filter(None, call.outputs))
    given = np.asarray(call.attributes["coefficients"], np.float32)
    if given.size < rows * features:
        raise ValueError(f"it has {given.size} coefficients for {rows} scores of {features} features")
    weight = given[: rows * features].reshape(rows, features).T
    parents = [x, call.importer.initializer(f"{name}.weight", np.ascontiguousarray(weight))]
    if call.attribute("intercepts"):
        parents.append(call.importer.initializer(f"{name}.bias", np.asarray(call.attributes["intercepts"], np.float32)))
    return apply_op(ops.Affine(), *parents)


def single(call: Call) -> Node:
    """The input in 32 bits, in which these operators compute."""
    return call[0] if call.dtype() == np.float32 else apply_op(ops.Cast("float32"), call[0])


def linear_regressor(call: Call) -> Node:
    scores = linear(call, single(call), call.attribute("targets", 1))
    return regressed(call, scores, call.attribute("post_transform", "NONE"))


def linear_classifier(call: Call) -> tuple[Node, Node]:
    labels = labeled(call, "classlabels_ints")
    scores = linear(call, single(call), len(call.attribute("intercepts") or labels))
    if scores.shape[-1] == 1 and len(labels) == 2:
        return one_score(call, scores, labels)
    best = apply_op(ops.ArgMax(1), scores)
    return named(call, labels, best), transformed(call, scores)


def one_score(call: Call, score: Node, labels: np.ndarray) -> tuple[Node, Node]:
    """The label and both scores where there is one score for two classes, of which its sign chooses."""
    flat = apply_op(ops.ReshapeTo((score.shape[0],)), score)
    second = apply_op(ops.Cast("int32"), apply_op(ops.Less(), call.constant(0, np.float32), flat))
    if call.attribute("post_transform", "NONE") == "LOGISTIC":
        both = apply_op(ops.Sigmoid(), apply_op(ops.Concatenate(1), -score, score))
    else:
        both = apply_op(ops.Concatenate(1), call.constant(1, np.float32) - score, score)
    return named(call, labels, second), both


def normalizer(call: Call) -> Node:
    x, kind = single(call), call.attribute("norm", "MAX")
    if kind == "L2":
        size = apply_op(ops.Sqrt(), apply_op(ops.Sum((-1,), True), apply_op(ops.Square(), x)))
    elif kind == "L1":
        size = apply_op(ops.Sum((-1,), True), apply_op(ops.Abs(), x))
    else:
        size = apply_op(ops.Max((-1,), True), x)
    none = apply_op(ops.Equal(), size, call.constant(0, np.float32))
    return x / apply_op(ops.Where(), none, call.constant(1, np.float32), size)


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
