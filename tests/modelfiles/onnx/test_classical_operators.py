"""Operators of ai.onnx.ml: trees, support vectors, encoders, as onnxruntime computes them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import reseau as rs
from reseau.modelfiles.onnx.reading import run
from tools.onnx_graphs import agree, check_both_ways, declared, model, theirs

RNG = np.random.default_rng(0)
node = helper.make_node
ML = "ai.onnx.ml"


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def fitted(estimator: Any, x: np.ndarray, y: np.ndarray, **options: Any) -> onnx.ModelProto:
    """A model of scikit-learn, converted by sklearn-onnx."""
    from skl2onnx import to_onnx

    estimator.fit(x, y)
    settings = {} if not options else {"options": {id(estimator): options}}
    return to_onnx(estimator, x[:1], target_opset={"": 18, ML: 3}, **settings)


@pytest.mark.parametrize("kind", ["tree", "forest", "boosting", "extra"])
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_trees_of_scikit_learn(tmp_path: Path, kind: str, classes: int) -> None:
    from sklearn import ensemble, tree

    names = {
        "tree": (tree, "DecisionTree", {"max_depth": 4}),
        "forest": (ensemble, "RandomForest", {"n_estimators": 5, "max_depth": 4}),
        "boosting": (ensemble, "GradientBoosting", {"n_estimators": 4, "max_depth": 3}),
        "extra": (ensemble, "ExtraTrees", {"n_estimators": 5, "max_depth": 3}),
    }
    module, name, settings = names[kind]
    made = getattr(module, name + ("Classifier" if classes else "Regressor"))(random_state=0, **settings)
    x = normal(80, 4)
    y = RNG.integers(0, classes, 80) if classes else np.sin(x).sum(1)
    m = fitted(made, x, y, **({"zipmap": False} if classes else {}))
    check_both_ways(tmp_path, m, {"X": normal(7, 4)}, {"X": normal(1, 4)})


def test_the_leaves_of_trees_are_trained(tmp_path: Path) -> None:
    from sklearn.tree import DecisionTreeRegressor

    x = normal(80, 4)
    m = fitted(DecisionTreeRegressor(max_depth=3, random_state=0), x, x[:, 0])
    onnx.save(m, tmp_path / "m.onnx")
    net, params = rs.load(tmp_path / "m.onnx")
    loss = rs.losses.SquaredError()
    found = rs.fit(rs.Objective(net, loss), (x, np.zeros((80, 1), np.float32)), epochs=1, params=params, progress=False)
    assert [n for n in params if not np.array_equal(found.params[n], params[n])] == ["variable.leaves"]


@pytest.mark.parametrize("mode", ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"])
@pytest.mark.parametrize("missing", [0, 1])
def test_every_comparison_of_a_tree_and_where_no_number_goes(tmp_path: Path, mode: str, missing: int) -> None:
    tree = node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain=ML, n_targets=1,
        nodes_treeids=[0] * 5, nodes_nodeids=[0, 1, 2, 3, 4], nodes_featureids=[0, 1, 0, 0, 0],
        nodes_modes=[f"BRANCH_{mode}", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"], nodes_values=[1.0, 0.5, 0, 0, 0],
        nodes_truenodeids=[1, 3, 0, 0, 0], nodes_falsenodeids=[2, 4, 0, 0, 0],
        nodes_missing_value_tracks_true=[missing, missing, 0, 0, 0],
        target_treeids=[0] * 3, target_nodeids=[2, 3, 4], target_ids=[0] * 3, target_weights=[1.0, 2.0, 4.0],
    )  # fmt: skip
    m = model([tree], {"x": ("float", ["batch", 2])}, {"y": ("float", ["batch", 1])}, ai_onnx_ml=3)
    x = np.array([[0, 0], [1, 0], [2, 0], [1, 1], [0, 1], [np.nan, 0], [1, np.nan], [0, np.nan]], np.float32)
    check_both_ways(tmp_path, m, {"x": x})


def test_trees_of_rows_in_64_bits_give_32_and_a_target_without_a_leaf_is_0(tmp_path: Path) -> None:
    tree = node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain=ML, n_targets=3, base_values=[0.25, 0.5, 0.75],
        nodes_treeids=[0] * 3, nodes_nodeids=[0, 1, 2], nodes_featureids=[0] * 3,
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_values=[0.5, 0, 0],
        nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0] * 4, target_nodeids=[1, 1, 2, 2], target_ids=[0, 2] * 2, target_weights=[1.0, 2.0, 4.0, 8.0],
    )  # fmt: skip
    m = model([tree], {"x": ("float64", ["batch", 1])}, {"y": ("float", ["batch", 3])}, ai_onnx_ml=3)
    net, params = check_both_ways(tmp_path, m, {"x": np.array([[0.0], [1.0]])})
    assert np.asarray(net(params, np.zeros((1, 1)))).dtype == np.float32


def test_a_tree_that_compares_in_64_bits(tmp_path: Path) -> None:
    """Two numbers that are one in 32 bits fall on different sides, read and written back."""
    tree = node(
        "TreeEnsemble", ["x"], ["y"], domain=ML, n_targets=1, tree_roots=[0],
        nodes_featureids=[0, 1], nodes_splits=array([1 + 1e-12, 2]), nodes_modes=array([0, 0], np.uint8),
        nodes_truenodeids=[1, 0], nodes_falsenodeids=[0, 2], nodes_trueleafs=[0, 1], nodes_falseleafs=[1, 1],
        leaf_targetids=[0, 0, 0], leaf_weights=array([1.5, 2.5, 4.5]),
    )  # fmt: skip
    m = model([tree], {"x": ("float64", ["batch", 2])}, {"y": ("float64", ["batch", 1])}, ai_onnx_ml=5)
    check_both_ways(tmp_path, m, {"x": np.array([[1, 0], [1 + 1e-11, 0], [1 + 1e-13, 3]])})


@pytest.mark.parametrize("kind", ["float", "float64"])
def test_trees_whose_leaves_are_numbered_after_all_trees(tmp_path: Path, kind: str) -> None:
    dtype = np.float32 if kind == "float" else np.float64
    forest = node(
        "TreeEnsemble", ["x"], ["y"], domain=ML, n_targets=1, tree_roots=[0, 2, 3],
        nodes_featureids=[0, 1, 1, 0], nodes_splits=array([0.1, -0.2, 0.3, 0], dtype),
        nodes_modes=array([0, 0, 0, 0], np.uint8), nodes_truenodeids=[1, 0, 3, 5], nodes_falsenodeids=[2, 1, 4, 6],
        nodes_trueleafs=[0, 1, 1, 1], nodes_falseleafs=[1, 1, 1, 1], leaf_targetids=[0] * 7,
        leaf_weights=array([1, 2, 4, 8, 16, 32, 64], dtype),
    )  # fmt: skip
    m = model([forest], {"x": (kind, ["batch", 2])}, {"y": (kind, ["batch", 1])}, ai_onnx_ml=5)
    check_both_ways(tmp_path, m, {"x": normal(20, 2).astype(dtype)})


def array(values: list[float], dtype: Any = np.float64) -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), "t")


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("texts", [False, True])
def test_a_classifier_of_trees_with_labels_of_both_kinds(tmp_path: Path, transform: str, texts: bool) -> None:
    labels = {"classlabels_strings": ["u", "v", "w"]} if texts else {"classlabels_int64s": [7, 5, 9]}
    tree = node(
        "TreeEnsembleClassifier", ["x"], ["label", "scores"], domain=ML, post_transform=transform, **labels,
        nodes_treeids=[0, 0, 0, 1, 1, 1], nodes_nodeids=[0, 1, 2] * 2, nodes_featureids=[0, 0, 0, 1, 0, 0],
        nodes_modes=["BRANCH_LT", "LEAF", "LEAF"] * 2, nodes_values=[0.5, 0, 0, -0.5, 0, 0],
        nodes_truenodeids=[1, 0, 0] * 2, nodes_falsenodeids=[2, 0, 0] * 2,
        class_treeids=[0, 0, 1, 1], class_nodeids=[1, 2, 1, 2], class_ids=[0, 1, 2, 1],
        class_weights=[0.5, 1.5, 2.0, -0.3],
    )  # fmt: skip
    outputs = {"label": ("str" if texts else "int64", ["batch"]), "scores": ("float", ["batch", 3])}
    m = model([tree], {"x": ("float", ["batch", 2])}, outputs, ai_onnx_ml=3)
    check_both_ways(tmp_path, m, {"x": normal(9, 2)})


def stump(ids: list[int], weights: list[float], prefix: str) -> dict[str, Any]:
    """One comparison, whose two leaves give a number for each of `ids`, and for the last of them at one leaf alone."""
    n = len(ids)
    return {
        "nodes_treeids": [0] * 3, "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0] * 3, "nodes_values": [0.0] * 3,
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
        f"{prefix}_treeids": [0] * len(weights), f"{prefix}_nodeids": ([1] * n + [2] * n)[: len(weights)],
        f"{prefix}_ids": (ids + ids)[: len(weights)], f"{prefix}_weights": weights,
    }  # fmt: skip


@pytest.mark.parametrize("labels", [[0, 1], [3, 7]])
def test_two_scores_of_trees_for_two_classes(tmp_path: Path, labels: list[int]) -> None:
    """The larger one is the class, by ONNX's evaluator and by XGBoost's `multi:softprob`; not so in onnxruntime."""
    leaves = stump([0, 1], [-0.5, -0.2, 0.3, -0.4], "class")
    tree = node("TreeEnsembleClassifier", ["x"], ["y", "z"], domain=ML, classlabels_int64s=labels, **leaves)
    outputs = {"y": ("int64", ["batch"]), "z": ("float", ["batch", 2])}
    m = model([tree], {"x": ("float", ["batch", 1])}, outputs, ai_onnx_ml=3)
    onnx.save(m, tmp_path / "m.onnx")
    net, params = rs.load(tmp_path / "m.onnx")
    x = np.float32([[-1], [1]])
    right = ReferenceEvaluator(m).run(None, {"x": x})
    agree(net(params, x), right)
    net.save(tmp_path / "back.onnx", params)
    agree(tuple(theirs(tmp_path / "back.onnx", {"x": x})), right)


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC"])
@pytest.mark.parametrize(
    ("place", "weights", "base"),
    [
        (0, [0.3, 0.8], None),
        (0, [0.3, -0.8], [0.1]),
        (0, [0.3, 0.8], [0.1, -0.2]),
        (1, [0.3, 0.8], None),
        (1, [-2.0, 0.1], [0.4]),
    ],
)
def test_one_score_of_trees_for_two_classes(
    tmp_path: Path, place: int, weights: list[float], base: list[float] | None, transform: str
) -> None:
    settings = stump([place], weights, "class") | ({"base_values": base} if base else {})
    tree = node(
        "TreeEnsembleClassifier", ["x"], ["label", "scores"], domain=ML, post_transform=transform,
        classlabels_int64s=[7, 5], **settings,
    )  # fmt: skip
    m = model(
        [tree],
        {"x": ("float", ["batch", 1])},
        {"label": ("int64", ["batch"]), "scores": ("float", ["batch", 2])},
        ai_onnx_ml=3,
    )
    check_both_ways(tmp_path, m, {"x": np.float32([[-1], [1]])})


@pytest.mark.parametrize("transform", ["SOFTMAX", "LOGISTIC", "PROBIT"])
def test_a_single_target_is_transformed_as_by_onnxruntime(tmp_path: Path, transform: str) -> None:
    tree = node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain=ML, n_targets=1, post_transform=transform,
        **stump([0], [0.3, 0.8], "target"),
    )  # fmt: skip
    line = node(
        "LinearRegressor", ["x"], ["z"], domain=ML, post_transform=transform, coefficients=[0.1], intercepts=[0.5]
    )
    outputs = {name: ("float", ["batch", 1]) for name in "yz"}
    m = model([tree, line], {"x": ("float", ["batch", 1])}, outputs, ai_onnx_ml=3)
    check_both_ways(tmp_path, m, {"x": np.float32([[-1], [1]])})


@pytest.mark.parametrize("aggregate", ["MIN", "MAX"])
def test_a_leaf_without_a_number_is_not_the_least_nor_the_largest(tmp_path: Path, aggregate: str) -> None:
    settings = stump([0, 1], [0.3, -0.8, -0.2], "target")
    settings = {key: [*told, *told] for key, told in settings.items()}
    for key in ("nodes_treeids", "target_treeids"):
        settings[key] = [int(i >= len(settings[key]) // 2) for i in range(len(settings[key]))]
    settings["target_weights"][3:] = [0.5, 0.4, -0.6]
    settings["nodes_featureids"][3] = 1
    tree = node("TreeEnsembleRegressor", ["x"], ["y"], domain=ML, n_targets=2, aggregate_function=aggregate, **settings)
    m = model([tree], {"x": ("float", ["batch", 2])}, {"y": ("float", ["batch", 2])}, ai_onnx_ml=3)
    check_both_ways(tmp_path, m, {"x": np.float32([[-1, -1], [-1, 1], [1, -1], [1, 1]])})


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly", "sigmoid"])
@pytest.mark.parametrize("kind", ["SVR", "SVC", "OneClassSVM"])
def test_support_vectors_of_scikit_learn(tmp_path: Path, kernel: str, kind: str) -> None:
    from sklearn import svm

    x = normal(60, 3)
    y = np.sin(x).sum(1) if kind != "SVC" else RNG.integers(0, 3, 60)
    m = fitted(getattr(svm, kind)(kernel=kernel), x, y, **({"zipmap": False} if kind == "SVC" else {}))
    check_both_ways(tmp_path, m, {"X": normal(8, 3)})


@pytest.mark.parametrize("chances", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
def test_scores_of_support_vectors(tmp_path: Path, classes: int, transform: str, chances: bool) -> None:
    count, pairs = 3 * classes, classes * (classes - 1) // 2
    machine = helper.make_node(
        "SVMClassifier",
        ["x"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        classlabels_ints=[7, 5, 9][:classes],
        coefficients=normal((classes - 1) * count).tolist(),
        kernel_params=[0.3, 0.1, 2.0],
        kernel_type="RBF",
        post_transform=transform,
        rho=normal(pairs).tolist(),
        support_vectors=normal(count * 2).tolist(),
        vectors_per_class=[3] * classes,
        **({"prob_a": [-0.7] * pairs, "prob_b": [0.2] * pairs} if chances else {}),
    )
    outputs = {"label": ("int64", ["batch"]), "scores": ("float", None)}
    check_both_ways(
        tmp_path, model([machine], {"x": ("float", ["batch", 2])}, outputs, ai_onnx_ml=1), {"x": normal(40, 2)}
    )


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("classes", [2, 3])
def test_chances_of_support_vectors(tmp_path: Path, classes: int) -> None:
    from sklearn.svm import SVC

    x = normal(90, 3)
    y = np.digitize(x[:, 0], [0.0] if classes == 2 else [-0.5, 0.5])
    m = fitted(SVC(probability=True, random_state=0), x, y, zipmap=False)
    for rows in (8, 0):
        check_both_ways(tmp_path, m, {"X": normal(rows, 3)})


def test_encoders_of_numbers(tmp_path: Path) -> None:
    m = model(
        [
            node("LabelEncoder", ["n"], ["a"], domain=ML, keys_int64s=[3, 7], values_floats=[0.5, 2.5],
                 default_float=9.0),
            node("LabelEncoder", ["x"], ["b"], domain=ML, keys_floats=[1.0, 2.0], values_int64s=[4, 6],
                 default_int64=-7),
            node("OneHotEncoder", ["n"], ["c"], domain=ML, cats_int64s=[7, 3, 1], zeros=1),
            node("Binarizer", ["x"], ["d"], domain=ML, threshold=1.5),
            node("Imputer", ["x"], ["e"], domain=ML, imputed_value_floats=[4.0, 5.0], replaced_value_float=2.0),
            node("FeatureVectorizer", ["x", "e"], ["f"], domain=ML, inputdimensions=[2, 2]),
        ],
        {"n": ("int64", ["batch", 2]), "x": ("float", ["batch", 2])},
        {
            "a": ("float", ["batch", 2]), "b": ("int64", ["batch", 2]), "c": ("float", ["batch", 2, 3]),
            "d": ("float", ["batch", 2]), "e": ("float", ["batch", 2]), "f": ("float", ["batch", 4]),
        },
        ai_onnx_ml=2,
    )  # fmt: skip
    check_both_ways(tmp_path, m, {"n": np.array([[3, 7], [1, 3]]), "x": np.array([[1, 2], [3, 2]], np.float32)})


def test_texts_are_mapped_and_encoded(tmp_path: Path) -> None:
    m = model(
        [
            node("CategoryMapper", ["x"], ["a"], domain=ML, cats_strings=["u", "v"], cats_int64s=[5, 6],
                 default_int64=-2),
            node("OneHotEncoder", ["x"], ["b"], domain=ML, cats_strings=["v", "u"], zeros=1),
            node("CategoryMapper", ["n"], ["c"], domain=ML, cats_strings=["u", "v"], cats_int64s=[5, 6],
                 default_string="?"),
        ],
        {"x": ("str", ["batch", 1]), "n": ("int64", ["batch"])},
        {"a": ("int64", ["batch", 1]), "b": ("float", ["batch", 1, 2]), "c": ("str", ["batch"])},
        ai_onnx_ml=2,
    )  # fmt: skip
    check_both_ways(tmp_path, m, {"x": np.array([["u"], ["w"], ["v"]], object), "n": np.array([6, 5, 0])})


@pytest.mark.parametrize("form", ["DENSE", "SPARSE"])
def test_maps_become_arrays(form: str) -> None:
    sparse = {"map_form": "SPARSE", "max_map": 5} if form == "SPARSE" else {}
    nodes = [
        node("CastMap", ["m"], ["a"], domain=ML, cast_to="TO_FLOAT", **sparse),
        node("DictVectorizer", ["m"], ["b"], domain=ML, int64_vocabulary=[3, 1, 9]),
    ]
    m = model(nodes, {}, {"a": ("float", None), "b": ("float", None)}, ai_onnx_ml=1)
    kind = helper.make_map_type_proto(TensorProto.INT64, declared("v", "float", []).type)
    m.graph.input.append(helper.make_value_info("m", kind))
    given: dict[str, Any] = {"m": {1: 2.5, 3: -1.0, 0: 4.0}}
    agree(tuple(run(m, given)), theirs(m, given))


LABELS = {"whole": {"classlabels_ints": [3, 5, 8]}, "texts": {"classlabels_strings": ["a", "b", "c"]}}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("post", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("scores", [1, 2, 3])
def test_linear_classifiers(tmp_path: Path, labels: str, post: str, scores: int) -> None:
    named = {k: v[: max(scores, 2)] for k, v in LABELS[labels].items()}
    weight, bias = RNG.normal(size=4 * scores).tolist(), RNG.normal(size=scores).tolist()
    m = model(
        [
            node(
                "LinearClassifier",
                ["x"],
                ["label", "y"],
                domain="ai.onnx.ml",
                coefficients=weight,
                intercepts=bias,
                post_transform=post,
                **named,
            )
        ],
        {"x": ("float", ["batch", 4])},
        {"label": ("int64" if labels == "whole" else "str", ["batch"]), "y": ("float", ["batch", max(scores, 2)])},
        ai_onnx_ml=1,
    )
    check_both_ways(tmp_path, m, {"x": RNG.normal(size=(6, 4)).astype(np.float32)})


@pytest.mark.parametrize("dtype", ["float", "int64", "float64", "int32"])
def test_of_more_coefficients_than_features_the_first_are_read(tmp_path: Path, dtype: str) -> None:
    m = model(
        [
            node(
                "LinearClassifier",
                ["x"],
                ["label", "y"],
                domain="ai.onnx.ml",
                coefficients=np.linspace(-1, 1, 12).tolist(),
                intercepts=[0.1, 0.2, 0.3],
                classlabels_ints=[0, 1, 2],
            ),
            node(
                "LinearRegressor",
                ["x"],
                ["z"],
                domain="ai.onnx.ml",
                coefficients=[0.5, -1.0, 2.0, 9.0, 9.0],
                intercepts=[0.5],
            ),
        ],
        {"x": (dtype, [3, 2])},
        {"label": ("int64", [3]), "y": ("float", [3, 3]), "z": ("float", [3, 1])},
        ai_onnx_ml=1,
    )
    if dtype != "float":  # onnxruntime has the regressor for 32 bits alone
        del m.graph.node[1], m.graph.output[2]
    x = np.array([[1, 2], [-3, 4], [0, 1]])
    check_both_ways(tmp_path, m, {"x": x.astype("float32" if dtype == "float" else dtype)})


@pytest.mark.parametrize("kind", ["MAX", "L1", "L2"])
@pytest.mark.parametrize("dtype", ["float", "int64", "float64"])
def test_rows_of_one_size(tmp_path: Path, kind: str, dtype: str) -> None:
    m = model(
        [
            node("Normalizer", ["x"], ["y"], domain="ai.onnx.ml", norm=kind),
            node("Scaler", ["x"], ["z"], domain="ai.onnx.ml", offset=[1.5, 0.0, 2.0], scale=[2.0, 1.0, -1.0]),
        ],
        {"x": (dtype, ["batch", 3])},
        {"y": ("float", ["batch", 3]), "z": ("float", ["batch", 3])},
        ai_onnx_ml=1,
    )
    x = np.array([[1, -2, 3], [-4, -5, -6], [0, 0, 0]])
    check_both_ways(tmp_path, m, {"x": x.astype("float32" if dtype == "float" else dtype)})
