"""Ensembles of decision trees, all in one table.

The leaves are what training moves; where a row falls has no derivative.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from onnx import numpy_helper

from reseau import ops
from reseau.errors import UnsupportedError
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.column_inputs import DOMAIN
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, number_of, own
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules.encoders import named
from reseau.modelfiles.onnx.rules.scores import labeled, one_of_two, regressed, transformed
from reseau.ops.base import Op

__all__ = ["READ", "WRITE"]

MODES = {
    "BRANCH_LEQ": "<=",
    "BRANCH_LT": "<",
    "BRANCH_GTE": ">=",
    "BRANCH_GT": ">",
    "BRANCH_EQ": "==",
    "BRANCH_NEQ": "!=",
}
"""The comparison of each mode, in the order in which the newer operator numbers them."""


@dataclass(frozen=True)
class Forest:
    """All trees in one table; a leaf leads to itself.

    Attributes:
        roots: The first node of each tree.
        feature: The column that each node compares.
        split: What it is compared with.
        comparison: How, as its sign.
        yes: The node that follows where the comparison holds.
        no: The node that follows where it does not.
        missing: Whether no number counts as holding.
        values: What each node gives for each target: zeros but at leaves.
        said: Whether it gives anything, of which alone the least and the largest are taken.
        depth: The most comparisons on the way to a leaf.
    """

    roots: np.ndarray
    feature: np.ndarray
    split: np.ndarray
    comparison: np.ndarray
    yes: np.ndarray
    no: np.ndarray
    missing: np.ndarray
    values: np.ndarray
    said: np.ndarray
    depth: int


def depth_of(roots: np.ndarray, yes: np.ndarray, no: np.ndarray) -> int:
    """The most steps from a root to a leaf."""
    depth, reached = 0, np.unique(roots)
    while (moving := reached[yes[reached] != reached]).size:
        depth += 1
        if depth > len(yes):
            raise ValueError("one of its trees leads back to itself")
        reached = np.unique(np.concatenate([yes[moving], no[moving]]))
    return depth


def grown(call: Call, forest: Forest, aggregate: str, base: Sequence[float]) -> Node:
    """The sums (or means, least, largest) over the trees, (batch, targets)."""
    x = call[0] if len(call[0].shape) > 1 else apply_op(ops.ReshapeTo((1, *call[0].shape)), call[0])
    if not call.real():
        x = apply_op(ops.Cast("float32"), x)
    leaves = fallen(call, x, forest)
    name = f"{call.within}{next(filter(None, call.outputs))}.leaves"
    values = call.importer.initializer(name, forest.values.astype(call.importer.dtype(x)))
    given = apply_op(ops.Take(0), values, leaves)
    kinds: dict[str, Op] = {"SUM": ops.Sum((1,)), "AVERAGE": ops.Mean((1,)), "MIN": ops.Min((1,)), "MAX": ops.Max((1,))}
    leaf = forest.yes == np.arange(len(forest.yes))
    partial = aggregate in ("MIN", "MAX") and not forest.said[leaf].all()
    if partial:
        said = apply_op(ops.Take(0), call.constant(forest.said, np.bool_), leaves)
        none = call.constant(np.inf if aggregate == "MIN" else -np.inf, call.importer.dtype(x))
        given = apply_op(ops.Where(), said, given, none)
    y = apply_op(kinds[aggregate], given)
    if partial:
        y = apply_op(ops.Where(), apply_op(ops.Equal(), y, none), call.constant(0, call.importer.dtype(x)), y)
    return y + call.constant(np.asarray(base), call.importer.dtype(x)) if any(base) else y


def fallen(call: Call, x: Node, forest: Forest) -> Node:
    """The leaf of every row in every tree, (batch, trees)."""
    inner = forest.yes != np.arange(len(forest.yes))
    signs = np.unique(forest.comparison[inner]).tolist() or ["<="]
    kind = np.searchsorted(signs, forest.comparison) * inner
    tables = [call.constant(t, np.int32) for t in (forest.roots, forest.feature, kind, forest.yes, forest.no)]
    roots, feature, kinds, yes, no = tables
    split, blank = call.constant(forest.split, call.importer.dtype(x)), call.constant(forest.missing, np.bool_)
    op = ops.TreeLeaf(forest.depth, tuple(signs))
    return apply_op(op, x, roots, feature, split, kinds, yes, no, blank)


def write_leaf(op: ops.TreeLeaf, node: Node, w: Emitter) -> Value:
    """An ensemble in which each tree has a target of its own, to which a leaf gives its place."""
    if not all(map(w.is_stored, node.parents[1:])):
        raise UnsupportedError(
            f"node {w.label(node)!r} reads trees that are computed, and ONNX has only fixed ones\n"
            "  fix: give the tables of the trees as constants or parameters"
        )
    roots, *tables = map(w.array, node.parents[1:])
    tree, here = trees_of(roots, *tables[3:5]), np.arange(len(tables[0]))
    order = np.lexsort((~np.isin(here, roots), tree))  # onnxruntime asks for whole trees, each from its root
    feature, split, kind, yes, no, blank, tree, here = (t[order] for t in (*tables, tree, here))
    leaf = (yes == here) & (no == here)
    x, dtype = w.plain(node.parents[0]), w.dtype(node.parents[0])
    if dtype not in (np.float32, np.float64):
        x = w.emit("Cast", x, name=f"{w.label(node)}/x", to=number_of("float32"))
    mode_of = {sign: mode for mode, sign in MODES.items()}
    modes = np.where(leaf, "LEAF", np.array([mode_of[sign] for sign in op.comparisons])[kind]).tolist()
    numbers = {"nodes_values": split, "target_weights": here[leaf]}
    if dtype == np.float64:
        w.domains[DOMAIN] = max(w.domains.get(DOMAIN, 0), 3)
        said = {f"{k}_as_tensor": numpy_helper.from_array(v.astype(float), k) for k, v in numbers.items()}
    else:
        said = {k: v.astype(float).tolist() for k, v in numbers.items()}
    places = w.emit(
        "TreeEnsembleRegressor",
        x,
        name=f"{w.label(node)}/places",
        domain=DOMAIN,
        n_targets=len(roots),
        nodes_treeids=tree.tolist(),
        nodes_nodeids=here.tolist(),
        nodes_featureids=feature.tolist(),
        nodes_modes=modes,
        nodes_truenodeids=np.where(leaf, 0, yes).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, no).tolist(),
        nodes_missing_value_tracks_true=blank.astype(int).tolist(),
        target_treeids=tree[leaf].tolist(),
        target_nodeids=here[leaf].tolist(),
        target_ids=tree[leaf].tolist(),
        **said,
    )
    return own(w, node, "Cast", places, to=number_of("int32"))


def trees_of(roots: np.ndarray, yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    """The tree of each node, the first for what no tree reaches."""
    tree, reached = np.zeros(len(yes), int), roots
    tree[roots] = np.arange(len(roots))
    while (moving := reached[yes[reached] != reached]).size:
        tree[yes[moving]] = tree[no[moving]] = tree[moving]
        reached = np.unique(np.concatenate([yes[moving], no[moving]]))
    return tree


def either(call: Call, name: str, dtype: type = np.float32) -> np.ndarray:
    """A setting that is a list, or an array of another type."""
    given = call.attribute(f"{name}_as_tensor")
    return np.asarray(call.attribute(name, ()) if given is None else given, None if given is not None else dtype)


def listed_forest(call: Call, prefix: str, column: str, targets: int) -> Forest:
    """The trees of the older operators, whose nodes are lists of the same length."""
    trees, ids = (np.asarray(call.attributes[f"nodes_{k}"]) for k in ("treeids", "nodeids"))
    where = {key: i for i, key in enumerate(zip(trees.tolist(), ids.tolist(), strict=True))}
    n, here = len(ids), np.arange(len(ids))
    modes = call.attributes["nodes_modes"]
    leaf = np.array([m == "LEAF" for m in modes])
    yes, no = (
        np.array(
            [i if leaf[i] else where[trees[i], k] for i, k in enumerate(call.attributes[f"nodes_{branch}nodeids"])]
        )
        for branch in ("true", "false")
    )
    values, said = np.zeros((n, targets), np.float64), np.zeros((n, targets), bool)
    leaves = zip(
        *(call.attributes[f"{prefix}_{k}"] for k in ("treeids", "nodeids", column)),
        either(call, f"{prefix}_weights").tolist(),
        strict=True,
    )
    for tree, node, target, weight in leaves:
        values[where[tree, node], target] += weight
        said[where[tree, node], target] = True
    aimed = np.zeros(n, bool)
    aimed[yes[~leaf]] = aimed[no[~leaf]] = True
    roots = here[~aimed]
    return Forest(
        roots=roots,
        feature=np.where(leaf, 0, call.attributes["nodes_featureids"]),
        split=np.where(leaf, 0, either(call, "nodes_values")),
        comparison=np.array(["<=" if m == "LEAF" else MODES[m] for m in modes]),
        yes=yes,
        no=no,
        missing=np.asarray(call.attribute("nodes_missing_value_tracks_true") or [0] * n, bool) & ~leaf,
        values=values,
        said=said,
        depth=depth_of(roots, yes, no),
    )


def tree_regressor(call: Call) -> Node:
    targets = call.attribute("n_targets", 1)
    forest = listed_forest(call, "target", "ids", targets)
    reached = set(call.attributes["target_ids"])  # a target without a leaf is 0, whatever its base
    base = [b if i in reached else 0.0 for i, b in enumerate(either(call, "base_values").tolist())]
    y = grown(call, forest, call.attribute("aggregate_function", "SUM"), base)
    return regressed(call, singles(call, y), call.attribute("post_transform", "NONE"))


def singles(call: Call, y: Node) -> Node:
    """What trees give in 32 bits, of rows in 64 too."""
    return y if call.importer.dtype(y) == np.float32 else apply_op(ops.Cast("float32"), y)


def tree_classifier(call: Call) -> tuple[Node, Node]:
    labels = labeled(call, "classlabels_int64s")
    classes = call.attributes["class_ids"]
    base = either(call, "base_values").tolist()
    if len(labels) == 2 and len(set(classes)) == 1:  # one score for both classes
        forest = listed_forest(call, "class", "ids", max(classes) + 1)
        values = forest.values[:, max(classes) :]
        forest = replace(forest, values=values)
        place = max(classes)
        score = singles(call, grown(call, forest, "SUM", base[place : place + 1]))
        alone = place == 1 or len(base) == 2
        return one_of_two(call, score, labels, bool((values >= 0).all()), place if alone else None)
    forest = listed_forest(call, "class", "ids", len(labels))
    scores = singles(call, grown(call, forest, "SUM", base))
    # of two classes onnxruntime gives the labels 0 and 1, by the second score alone: not what trees were taught
    best = apply_op(ops.ArgMax(1), scores)
    return named(call, labels, best), transformed(call, scores)


def tree_ensemble(call: Call) -> Node:
    """The newer operator: inner nodes and leaves are numbered apart, and a node may ask for one of several numbers."""
    said = {k: np.asarray(call.attribute(k, ())).ravel() for k in TABLES}
    inner = len(said["nodes_featureids"])
    targets = call.attributes["n_targets"]
    yes, no = (
        np.where(said[f"nodes_{b}leafs"].astype(bool), inner + said[f"nodes_{b}nodeids"], said[f"nodes_{b}nodeids"])
        for b in ("true", "false")
    )
    leaves = len(said["leaf_weights"])
    members = member_sets(said["membership_values"])
    feature, split = (said[k].tolist() for k in ("nodes_featureids", "nodes_splits"))
    sign = [(*MODES.values(), MEMBER)[mode] for mode in said["nodes_modes"].tolist()] + ["<="] * leaves
    missing = (said["nodes_missing_value_tracks_true"].astype(bool).tolist() or [False] * inner) + [False] * leaves
    yes, no = yes.tolist() + list(range(inner, inner + leaves)), no.tolist() + list(range(inner, inner + leaves))
    feature, split = (t + [0] * leaves for t in (feature, split))
    for i in range(inner):
        if sign[i] != MEMBER:
            continue
        first, *others = next(members)
        sign[i], split[i], last, otherwise = "==", first, i, no[i]
        for value in others:  # one more comparison for each further number
            no[last] = last = len(yes)
            for table, entry in ((feature, feature[i]), (split, value), (sign, "=="), (yes, yes[i]), (no, otherwise)):
                table.append(entry)
            missing.append(missing[i])
    values, given = np.zeros((len(yes), targets)), np.zeros((len(yes), targets), bool)
    values[np.arange(inner, inner + leaves), said["leaf_targetids"]] = said["leaf_weights"]
    given[np.arange(inner, inner + leaves), said["leaf_targetids"]] = True
    roots = said["tree_roots"]
    forest = Forest(
        roots=roots,
        feature=np.array(feature),
        split=np.array(split),
        comparison=np.array(sign),
        yes=np.array(yes),
        no=np.array(no),
        missing=np.array(missing, bool),
        values=values,
        said=given,
        depth=depth_of(roots, np.array(yes), np.array(no)),
    )
    aggregate = ("AVERAGE", "SUM", "MIN", "MAX")[call.attribute("aggregate_function", 1)]
    kinds = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
    return regressed(call, grown(call, forest, aggregate, ()), kinds[call.attribute("post_transform", 0)])


MEMBER = "in"
TABLES = (
    *("nodes_featureids", "nodes_splits", "nodes_modes", "nodes_truenodeids", "nodes_falsenodeids", "nodes_trueleafs"),
    *("nodes_falseleafs", "nodes_missing_value_tracks_true", "membership_values", "leaf_targetids", "leaf_weights"),
    "tree_roots",
)


def member_sets(values: np.ndarray) -> Iterator[list[float]]:
    """The sets of numbers, which are separated by what is no number."""
    found: list[float] = []
    for value in values.tolist():
        if np.isnan(value):
            yield found
            found = []
        else:
            found.append(value)
    if found:
        yield found


READ: Mapping[str, Rule] = {
    "ai.onnx.ml/TreeEnsemble": tree_ensemble,
    "ai.onnx.ml/TreeEnsembleClassifier": tree_classifier,
    "ai.onnx.ml/TreeEnsembleRegressor": tree_regressor,
}

WRITE: Mapping[type[Op], WriteRule] = {ops.TreeLeaf: write_leaf}
