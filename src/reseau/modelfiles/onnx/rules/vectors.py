"""Support vector machines of ai.onnx.ml."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules.encoders import named
from reseau.modelfiles.onnx.rules.scores import labeled, transformed

__all__ = ["READ"]


def kernel(call: Call, x: Node, vectors: np.ndarray) -> Node:
    """How near each row is to each support vector, (batch, vectors)."""
    gamma, offset, degree = (call.attribute("kernel_params") or [0.0, 0.0, 0.0])[:3]
    like = call.importer.dtype(x)
    kind = call.attribute("kernel_type", "LINEAR")
    stored = call.importer.initializer(f"{call.within}{call.outputs[-1]}.vectors", vectors.astype(like))
    if kind == "RBF":
        lengths = (int(n) for n in vectors.shape)
        rows = apply_op(ops.ReshapeTo((x.shape[0], 1, x.shape[1])), x)
        apart = rows - apply_op(ops.ReshapeTo((1, *lengths)), stored)
        distance = apply_op(ops.Sum((2,)), apply_op(ops.Square(), apart))
        return apply_op(ops.Exp(), call.constant(-gamma, like) * distance)
    product = apply_op(ops.Matmul(), x, apply_op(ops.Transpose((1, 0)), stored))
    if kind == "LINEAR":
        return product
    inner = call.constant(gamma, like) * product + call.constant(offset, like)
    return (
        apply_op(ops.Tanh(), inner) if kind == "SIGMOID" else apply_op(ops.Power(), inner, call.constant(degree, like))
    )


def real_rows(call: Call) -> Node:
    """The input as rows of real numbers."""
    x = call[0] if call.real() else apply_op(ops.Cast("float32"), call[0])
    return x if len(x.shape) > 1 else apply_op(ops.ReshapeTo((1, *x.shape)), x)


def regressor(call: Call) -> Node:
    x = real_rows(call)
    like = call.importer.dtype(x)
    weights = np.asarray(call.attributes["coefficients"])
    rho = call.constant(np.asarray(call.attributes["rho"])[:1], like)
    if count := call.attribute("n_supports", 0):
        near = kernel(call, x, np.asarray(call.attributes["support_vectors"]).reshape(count, -1))
    else:
        near = x
    column = call.importer.initializer(f"{call.within}{call.outputs[0]}.weight", weights.reshape(-1, 1).astype(like))
    y = apply_op(ops.Matmul(), near, column) + rho
    if call.attribute("one_class", 0):
        inside = apply_op(ops.Less(), call.constant(0, like), y)
        return apply_op(ops.Where(), inside, call.constant(1, like), call.constant(-1, like))
    return transformed(call, y)


def classifier(call: Call) -> tuple[Node, Node]:
    labels = labeled(call, "classlabels_ints")
    x = real_rows(call)
    like = call.importer.dtype(x)
    counts = call.attribute("vectors_per_class") or []
    rho = np.asarray(call.attributes["rho"])
    if not sum(counts):  # one weight for each feature
        weight = np.asarray(call.attributes["coefficients"]).reshape(len(labels), -1).T
        scores = apply_op(ops.Matmul(), x, call.importer.initializer(f"{call.outputs[1]}.weight", weight.astype(like)))
        scores = scores + call.constant(rho[:1], like)
        return named(call, labels, apply_op(ops.ArgMax(1), scores)), transformed(call, scores)
    near = kernel(call, x, np.asarray(call.attributes["support_vectors"]).reshape(sum(counts), -1))
    duels = apply_op(ops.Matmul(), near, call.constant(duel_weights(call, counts), like)) + call.constant(rho, like)
    pairs = list(combinations(range(len(counts)), 2))
    won = apply_op(ops.Cast(str(like)), apply_op(ops.Less(), call.constant(0, like), duels))
    for_first, for_second = (np.zeros((len(pairs), len(counts))) for _ in range(2))
    for k, (i, j) in enumerate(pairs):
        for_first[k, i] = for_second[k, j] = 1
    votes = apply_op(ops.Matmul(), won, call.constant(for_first, like)) + apply_op(
        ops.Matmul(), call.constant(1, like) - won, call.constant(for_second, like)
    )
    label = named(call, labels, apply_op(ops.ArgMax(1), votes))
    if call.attribute("prob_a"):
        return label, transformed(call, probabilities(call, duels, pairs, len(counts)))
    if len(counts) == 2:
        return label, both_scores(call, duels)
    return label, transformed(call, duels)


def both_scores(call: Call, duel: Node) -> Node:
    """The scores of two classes as onnxruntime gives them: that of the duel stands second, though the first wins it."""
    if call.attribute("post_transform", "NONE").startswith("SOFTMAX"):
        return apply_op(ops.Concatenate(1), call.constant(1, call.importer.dtype(duel)) - duel, duel)
    return transformed(call, apply_op(ops.Concatenate(1), -duel, duel))


def duel_weights(call: Call, counts: list[int]) -> np.ndarray:
    """The weight of each support vector in the duel of each pair of classes."""
    weights = np.asarray(call.attributes["coefficients"]).reshape(len(counts) - 1, -1)
    ends = np.cumsum([0, *counts])
    columns = []
    for i, j in combinations(range(len(counts)), 2):
        column = np.zeros(ends[-1])
        column[ends[i] : ends[i + 1]] = weights[j - 1, ends[i] : ends[i + 1]]
        column[ends[j] : ends[j + 1]] = weights[i, ends[j] : ends[j + 1]]
        columns.append(column)
    return np.stack(columns, 1)


def probabilities(call: Call, duels: Node, pairs: list[tuple[int, int]], classes: int) -> Node:
    """The chance of each class from those of the pairs.

    Source: Wu, Lin and Weng, *Probability Estimates for Multi-class Classification by Pairwise Coupling*, 2004,
    algorithm 2, as in LIBSVM.
    """
    like = call.importer.dtype(duels)
    a, b = (call.constant(np.asarray(call.attributes[k]), like) for k in ("prob_a", "prob_b"))
    first = apply_op(ops.Sigmoid(), -(duels * a + b))
    least = 1e-7
    first = apply_op(ops.Clip(least, 1 - least), first)
    return call.constant(coupled(call.importer.array(first), pairs, classes), like)


def coupled(first: np.ndarray, pairs: list[tuple[int, int]], classes: int) -> np.ndarray:
    """The fixed point p of the chances of pairs r: sweeps over the classes until the residual is 0.005 / classes."""
    r = np.zeros((len(first), classes, classes))
    for k, (i, j) in enumerate(pairs):
        r[:, i, j], r[:, j, i] = first[:, k], 1 - first[:, k]
    q = -np.swapaxes(r, 1, 2) * r
    q[:, range(classes), range(classes)] = (r**2).sum(1)
    found = []
    for one in q:
        p = np.full(classes, 1 / classes)
        for _ in range(max(100, classes)):
            residual = one @ p
            if np.abs(residual - p @ residual).max() < 0.005 / classes:
                break
            for t in range(classes):
                residual = one @ p
                p[t] += (p @ residual - residual[t]) / one[t, t]
                p /= p.sum()
        found.append(p)
    return np.array(found).reshape(len(first), classes)


READ: Mapping[str, Rule] = {"ai.onnx.ml/SVMClassifier": classifier, "ai.onnx.ml/SVMRegressor": regressor}
