"""The features that a network makes of raw columns, against scikit-learn; and that they go where the network goes."""

import jax
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import reseau as rs
from reseau.data import Column, Recipe, preprocess
from reseau.data.table.preprocessing import embedding_width
from reseau.errors import DataError, ModelFileError
from reseau.graph import may_be_blank

NUMBERS = st.one_of(st.none(), st.integers(-40, 40).map(lambda n: n / 4))
TEXTS = st.one_of(st.none(), st.sampled_from(["red", "blue", "Grün", "a b", "=", "x/y", '"']))
ROWS = st.lists(st.tuples(NUMBERS, TEXTS, NUMBERS, TEXTS), min_size=2, max_size=12)
LEARNED = {"task": "regression", "missing": "impute"}


def frame_of(rows):
    frame = pd.DataFrame(rows, columns=["a", "b", "c", "d"])
    return frame.astype({"a": float, "b": "string", "c": float, "d": "string"})


def recipe_of(frame, text):
    sheet = rs.data.sheet_of(frame.assign(y=np.arange(len(frame))))
    return rs.data.learn_recipe(sheet, "y", text=text, **LEARNED)


def raw_of(frame, recipe):
    return rs.data.read_rows(rs.data.sheet_of(frame), recipe, target=False).features


def features_of(recipe, raw):
    net = rs.Network(*preprocess(recipe))
    run = net.forward(net.init(dtype="float64"), raw)
    return np.asarray(run.output)


def sklearn_features(train, test):
    """A pipeline for each kind of column. The scaler leaves NaN out of its mean and deviation."""
    numbers, texts = ["a", "c"], ["b", "d"]
    scaler = StandardScaler().fit(train[numbers])
    imputer = SimpleImputer(add_indicator=True).fit(scaler.transform(train[numbers]))
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train[texts].fillna(""))
    hot = encoder.transform(test[texts].fillna(""))
    named = [c != "" for categories in encoder.categories_ for c in categories]  # for us a blank is no category
    return np.concatenate([imputer.transform(scaler.transform(test[numbers])), hot[:, named]], axis=1)


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@settings(deadline=None, max_examples=25)
@given(ROWS, ROWS)
def test_the_features_are_those_of_scikit_learn(train_rows, test_rows):
    train, test = frame_of(train_rows), frame_of(test_rows)
    assume(not train.isna().all().any())  # a column without any value is refused
    recipe = recipe_of(train, "one-hot")
    expected = sklearn_features(train, test)
    np.testing.assert_allclose(features_of(recipe, raw_of(test, recipe)), expected, rtol=1e-5, atol=1e-5)


def test_an_embedding_has_a_row_for_every_category_and_one_for_the_rest():
    recipe = Recipe((2,), "y", (), (Column("a", ("p", "q", "r")), Column("b", (), 1.0, 2.0, 5)), "impute", "embed")
    net = rs.Network(*preprocess(recipe))
    table = np.arange(8.0).reshape(4, 2) + 10
    params = net.init() | {"a embedded.weight": table}
    found = net(params, [[0, 3], [2, np.nan], [3, 1], [np.nan, 1]])
    np.testing.assert_array_equal(found, [[1, 0, 10, 11], [0, 1, 14, 15], [0, 0, 16, 17], [0, 0, 16, 17]])
    assert embedding_width(1) == 1
    assert embedding_width(300) == 50
    assert not np.any(net.init()["a embedded.weight"])


def test_columns_that_hardly_vary_are_not_divided():
    columns = (Column("a", (), 7.0, 0.0), Column("b", (), 1e9, 1.0), Column("c", (), 0.0, 1e-42), Column("d", (), 0, 2))
    found = features_of(Recipe((4,), "y", (), columns), [[7.0, 1e9, 0, 2], [8.0, 1e9, 1e-42, 4]])
    np.testing.assert_allclose(found, [[0, 0, 0, 1], [1, 0, 1e-42, 2]])


def test_numbers_alone_need_no_other_node():
    recipe = Recipe((2,), "y", (), (Column("a", (), 1.0, 2.0), Column("b", (), 3.0, 4.0)))
    x, h = preprocess(recipe)
    assert [n.kind for n in rs.Network(x, h).graph.nodes] == ["input", "state", "subtract", "state", "divide"]
    assert not may_be_blank(x)
    with pytest.raises(DataError, match="which have no columns"):
        preprocess(Recipe((2,), "y"))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_numbers_stay_finite(sign):
    values = sign * np.array([1e38, 0.5e38, -1e38, 1e38])
    sheet = rs.data.sheet_of(pd.DataFrame({"a": values, "y": [0.5, 1, 2, 3]}))
    recipe = rs.data.learn_recipe(sheet, "y")
    net = rs.Network(*preprocess(recipe))
    found = np.asarray(net(net.init(), values[:, None]))
    np.testing.assert_allclose(found[:, 0], (values - values.mean()) / values.std(), rtol=1e-5)


# Training on blanks


def small(text="one-hot"):
    """A table of numbers and texts with blanks, whose classes follow from them."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=200), rng.choice(["u", "v", "w"], 200)
    y = (a > 0) ^ (b == "u")
    frame = pd.DataFrame({"a": np.where(rng.random(200) < 0.1, np.nan, a * 10 + 3), "b": b, "y": y})
    frame.loc[3, "b"] = None
    sheet = rs.data.sheet_of(frame)
    return frame, rs.data.read_rows(sheet, rs.data.learn_recipe(sheet, "y", missing="impute", text=text))


def trained(table):
    x, h = preprocess(table.recipe)
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(h, 16, name="hidden")), 2, name="scores"))
    objective = rs.Objective(net, loss=rs.losses.CrossEntropy())
    data = (table.features, table.target)
    result = rs.fit(objective, data, optimizer=rs.optimizers.Adam(0.01), epochs=40, validation=data, seed=0)
    return net, objective, result


@pytest.fixture(scope="module", params=["one-hot", "embed"])
def fitted(request):
    frame, table = small(request.param)
    return frame, table, *trained(table)


def test_a_network_is_trained_on_raw_rows(fitted):
    _, table, _, objective, result = fitted
    assert objective.evaluate(result.params, table.features, table.target)["accuracy"] > 0.9
    diagnosis = objective.diagnose(result.params, table.features, table.target)
    assert diagnosis.non_finite is None
    assert "nan" not in str(diagnosis)


def test_infinite_numbers_are_refused_and_blanks_only_where_they_are_expected(fitted):
    _, _, _, objective, result = fitted
    with pytest.raises(DataError, match=r"holds inf, which is not finite, in row 1, place \(0,\)"):
        objective.evaluate(result.params, np.array([[1, 0], [np.inf, 0]]), [0, 1])
    strict = rs.Objective(rs.Network(z := rs.input("z", (2,)), rs.affine(z, 2)), loss=rs.losses.CrossEntropy())
    with pytest.raises(DataError, match="holds nan"):
        strict.evaluate(strict.network.init(), [[1, np.nan]], [0])


def test_a_run_that_diverges_names_another_node_than_the_blanks():
    _, table = small()
    x, h = preprocess(table.recipe)
    net = rs.Network(x, rs.affine(rs.exp(rs.affine(h, 4, name="hidden"), name="grown"), 2, name="scores"))
    objective = rs.Objective(net, loss=rs.losses.CrossEntropy())
    with pytest.raises(rs.errors.DivergenceError) as caught:
        rs.fit(objective, (table.features, table.target), optimizer=rs.optimizers.SGD(1e30), epochs=3)
    assert caught.value.node not in ("features", "blank", "filled")


# Files


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_a_saved_network_reads_raw_rows_again(fitted, tmp_path, suffix):
    frame, table, net, _, result = fitted
    path = tmp_path / f"net{suffix}"
    net.save(path, result.params, recipe=table.recipe)
    again, params = rs.load(path)
    recipe = rs.load_recipe(path)
    assert recipe == table.recipe
    assert may_be_blank(again.graph.inputs[0])
    raw = raw_of(frame.drop(columns="y"), recipe)
    np.testing.assert_array_equal(again(params, raw), net(result.params, table.features))


def test_a_network_without_a_recipe_says_so(fitted, tmp_path):
    _, _, net, _, result = fitted
    net.save(tmp_path / "net.safetensors", result.params)
    with pytest.raises(ModelFileError, match="it holds no recipe"):
        rs.load_recipe(tmp_path / "net.safetensors")
    with pytest.raises(ModelFileError, match="the recipe is for one input of shape"):
        net.save(tmp_path / "net.onnx", result.params, recipe=Recipe((1,), "y", (), (Column("a"),)))


def test_onnxruntime_reads_raw_columns(fitted, tmp_path):
    _, table, net, _, result = fitted
    net.save(tmp_path / "net.onnx", result.params, recipe=table.recipe)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
        ("a", "tensor(float)", ["batch", 1]),
        ("b", "tensor(string)", ["batch", 1]),
    ]
    new = pd.DataFrame({"a": [1.5, None, -20, 7], "b": ["u", "w", "never seen", None]})
    fed = {"a": new[["a"]].to_numpy(np.float32), "b": new[["b"]].fillna("").to_numpy(object)}
    raw = raw_of(new, table.recipe)
    assert np.isnan(raw).sum() == 2
    np.testing.assert_allclose(session.run(None, fed)[0], net(result.params, raw), rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=8)
@given(ROWS, ROWS, st.sampled_from(["one-hot", "embed"]))
def test_onnxruntime_agrees_on_any_table(tmp_path_factory, train_rows, test_rows, text):
    train, test = frame_of(train_rows), frame_of(test_rows)
    assume(not train.isna().all().any())
    recipe = recipe_of(train, text)
    x, h = preprocess(recipe)
    net = rs.Network(x, rs.affine(h, 3, name="scores"))
    params = net.init(seed=1)
    rng = np.random.default_rng(0)
    params |= {k: rng.normal(size=v.shape).astype(np.float32) for k, v in params.items() if k.endswith("weight")}
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    net.save(path, params, recipe=recipe)
    fed = {n: test[[n]].to_numpy(np.float32) for n in "ac"} | {n: test[[n]].fillna("").to_numpy(object) for n in "bd"}
    theirs = onnxruntime.InferenceSession(path).run(None, fed)[0]
    np.testing.assert_allclose(theirs, net(params, raw_of(test, recipe)), rtol=1e-5, atol=1e-5)


def test_columns_may_be_called_as_nodes_are(tmp_path):
    names = ("features", "scaled", "hidden", "x y", "1")
    columns = tuple(Column(n, ("p", "q") if n == "x y" else (), 1.0, 2.0) for n in names)
    recipe = Recipe((5,), "y", (), columns, "error", "one-hot")
    x, h = preprocess(recipe)
    net = rs.Network(x, rs.affine(h, 2, name="hidden"))
    params = net.init()
    net.save(tmp_path / "net.onnx", params, recipe=recipe)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    asked = [i.name for i in session.get_inputs()]
    assert asked == ["features (2)", "scaled (2)", "hidden (2)", "x y", "1"]
    fed = {n: np.full((1, 1), 2, np.float32) for n in asked} | {"x y": np.array([["q"]], object)}
    np.testing.assert_allclose(session.run(None, fed)[0], net(params, [[2, 2, 2, 1, 2]]), rtol=1e-5, atol=1e-6)


def test_a_file_that_another_program_changed_is_read_with_its_recipe(fitted, tmp_path):
    _, table, net, _, result = fitted
    net.save(tmp_path / "net.onnx", result.params, recipe=table.recipe)
    model = onnx.load(tmp_path / "net.onnx")
    for node in model.graph.node:
        node.name += " renamed"
    onnx.save(model, tmp_path / "renamed.onnx")
    again, params = rs.load(tmp_path / "renamed.onnx")
    assert may_be_blank(again.graph.inputs[0])
    assert again.graph.inputs[0].shape == ("batch", 2)
    expected = net(result.params, table.features)
    np.testing.assert_allclose(again(params, table.features), expected, rtol=1e-5, atol=1e-5)

    encoder = next(n for n in model.graph.node if n.op_type == "LabelEncoder")
    keys = next(a for a in encoder.attribute if a.name == "keys_strings").strings
    keys[:] = list(reversed(keys))
    onnx.save(model, tmp_path / "other.onnx")  # its texts are no longer those of the recipe, so it reads them itself
    other, params = rs.load(tmp_path / "other.onnx")
    assert [n.shape for n in other.graph.inputs] == [("batch", 1), ("batch", 1)]
    fed = {"a": np.array([[1.5], [np.nan], [-2.0], [4.0], [0.0]], np.float32)}
    fed["b"] = np.array([["u"], ["v"], ["w"], [""], ["unknown"]], object)
    theirs = onnxruntime.InferenceSession(tmp_path / "other.onnx").run(None, fed)[0]
    np.testing.assert_allclose(other(params, fed["a"], fed["b"]), theirs, rtol=1e-5, atol=1e-5)
    unchanged = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(None, fed)[0]
    assert np.abs(unchanged - theirs)[[0, 2]].min() > 1e-3  # "u" and "w" have changed places


def test_double_precision(tmp_path):
    _, table = small()
    with jax.enable_x64(True):
        x, h = preprocess(table.recipe)
        net = rs.Network(x, rs.affine(h, 2, name="scores"))
        params = net.init(dtype="float64")
        net.save(tmp_path / "net.onnx", params, recipe=table.recipe)
        session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
        fed = {"a": np.array([[1.5], [np.nan]]), "b": np.array([["v"], ["w"]], object)}
        np.testing.assert_allclose(
            session.run(None, fed)[0], net(params, [[1.5, 1], [np.nan, 2]]), rtol=1e-12, atol=1e-12
        )


def test_fit_takes_a_table():
    _, table = small()
    x, h = preprocess(table.recipe)
    objective = rs.Objective(rs.Network(x, rs.affine(h, 2)), loss=rs.losses.CrossEntropy())
    settings = {"optimizer": rs.optimizers.Adam(0.01), "epochs": 2, "progress": False}
    pair = (table.features, table.target)
    a = rs.fit(objective, table, validation=table, **settings)
    b = rs.fit(objective, pair, validation=pair, **settings)
    assert all(np.array_equal(a.params[k], b.params[k]) for k in a.params)
    np.testing.assert_array_equal(a.history["validation_loss"], b.history["validation_loss"])
    with pytest.raises(DataError, match=r"data is a Table, not inputs and targets\n  fix: data=\(X, y\), or a table"):
        rs.fit(objective, rs.data.Table(table.features, None, table.recipe), **settings)
