"""What classifiers of ai.onnx.ml make of scores: transformations, and the label of one or of two classes."""

from typing import Any

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call
from reseau.modelfiles.onnx.rules.encoders import named

__all__ = ["labeled", "one_of_two", "regressed", "transformed"]


def labeled(call: Call, whole: str) -> np.ndarray:
    """The labels of the classes: whole numbers, or texts."""
    texts = call.attribute("classlabels_strings")
    return np.asarray(texts, object) if texts else np.asarray(call.attributes[whole], np.int64)


def transformed(call: Call, scores: Node, kind: str | None = None) -> Node:
    """The scores after the transformation that the node asks for."""
    kind = call.attribute("post_transform", "NONE") if kind is None else kind
    like = call.importer.dtype(scores)
    if kind == "LOGISTIC":
        return apply_op(ops.Sigmoid(), scores)
    if kind == "SOFTMAX":
        return apply_op(ops.Softmax(-1), scores)
    if kind == "SOFTMAX_ZERO":  # a score of 0 stays 0
        none = apply_op(ops.Equal(), scores, call.constant(0, like))
        low = apply_op(ops.Where(), none, call.constant(-np.inf, like), scores)
        top = apply_op(ops.Max((-1,), True), scores)
        parts = apply_op(ops.Exp(), low - top)
        return parts / apply_op(ops.Sum((-1,), True), parts)
    if kind == "PROBIT":
        return probit(call, scores, like)
    if kind != "NONE":
        raise ValueError(f"it transforms scores by {kind!r}, which is not known")
    return scores


def regressed(call: Call, scores: Node, kind: str) -> Node:
    """The scores of a regressor, of which one alone is transformed by PROBIT only: onnxruntime leaves it as it is."""
    return scores if scores.shape[-1] == 1 and kind != "PROBIT" else transformed(call, scores, kind)


def probit(call: Call, p: Node, like: Any) -> Node:
    """The quantile of the normal law, by the approximation of Winitzki that onnxruntime computes."""
    one = call.constant(1, like)
    x = call.constant(2, like) * p - one
    log = apply_op(ops.Log(), (one - x) * (one + x))
    v = call.constant(2 / (np.pi * 0.147), like) + call.constant(0.5, like) * log
    root = apply_op(ops.Sqrt(), v * v - log / call.constant(0.147, like)) - v
    return call.constant(np.sqrt(2), like) * apply_op(ops.Sign(), x) * apply_op(ops.Sqrt(), root)


def one_of_two(call: Call, score: Node, labels: np.ndarray, shares: bool, place: int | None) -> tuple[Node, Node]:
    """The label and both scores where trees have one score (batch, 1) for two classes, as onnxruntime gives them.

    Args:
        call: The node.
        score: The score.
        labels: The two classes.
        shares: Whether no leaf is below 0: scores are parts of 1 then, and a half decides, else 0.
        place: The class whose score it is, while that of the other is 0; None where it stands for both.
    """
    like = call.importer.dtype(score)
    kind = call.attribute("post_transform", "NONE")
    flat = apply_op(ops.ReshapeTo((score.shape[0],)), score)
    above = apply_op(ops.Cast("int32"), apply_op(ops.Less(), call.constant(0.5 if shares else 0.0, like), flat))
    zero = apply_op(ops.Multiply(), score, call.constant(0, like))
    if place is not None:
        both = transformed(call, apply_op(ops.Concatenate(1), *((zero, score) if place else (score, zero))))
    elif kind == "PROBIT":
        both = apply_op(ops.Concatenate(1), transformed(call, score), zero)
    elif kind == "LOGISTIC":
        both = transformed(call, apply_op(ops.Concatenate(1), -score, score))
    else:
        other = call.constant(1, like) - score if shares else -score
        both = apply_op(ops.Concatenate(1), other, score)
    return named(call, labels, above), both
