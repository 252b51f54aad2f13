"""Tables of every format from the command line: trained on, measured, predicted, converted, certified."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from scipy.special import expit, softmax

import reseau as rs

WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
    "arrow": lambda frame, path: frame.to_feather(path),
    "feather": lambda frame, path: frame.to_feather(path),
}


def houses(rows=240, seed=0):
    rng = np.random.default_rng(seed)
    area, city = rng.uniform(20, 200, rows), rng.choice(["Lyon", "Paris", "Nice"], rows)
    frame = pd.DataFrame({"area": area, "city": city, "garden": rng.random(rows) < 0.5})
    frame["dear"] = area * (1 + (city == "Paris")) + 30 * frame["garden"] > 170
    frame.loc[rng.random(rows) < 0.1, "area"] = np.nan
    frame.loc[rng.random(rows) < 0.1, "city"] = None
    return frame


def accuracy(out):
    return float(re.search(r"accuracy: ([\d.]+) %", out)[1])


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_goes_through_every_command(reseau, suffix):
    WRITERS[suffix](houses(), f"t.{suffix}")
    WRITERS[suffix](houses(seed=1), f"new.{suffix}")
    words = ("--target", "dear", "--text", "one-hot", "--missing", "impute", "--epochs", 60, "--learning-rate", 0.01)
    result = reseau("train", f"t.{suffix}", *words, "--test", f"new.{suffix}", "--out", "run")
    assert result.status == 0, result.err
    assert "one of 2 classes (False, True), from 3 columns: classification" in result.out
    assert accuracy(result.out) > 85

    measured = reseau("evaluate", "run", f"new.{suffix}")
    assert accuracy(measured.out) == accuracy(result.out)
    WRITERS[suffix](houses(seed=1).drop(columns="dear"), f"bare.{suffix}")
    rows = list(csv.DictReader(io.StringIO(reseau("predict", "run", f"bare.{suffix}").out)))
    right = np.mean([row["predicted dear"] == str(y) for row, y in zip(rows, houses(seed=1)["dear"], strict=True)])
    assert 100 * right == pytest.approx(accuracy(result.out), abs=0.01)

    certified = reseau("certify", "run", f"t.{suffix}", "--holdout", f"new.{suffix}")
    assert (
        "No certificate from the training sample: features of texts and blanks are no affine function" in certified.out
    )
    assert "[hold-out]" in certified.out


def trained(reseau):
    houses().to_csv("t.csv", index=False)
    words = ("--target", "dear", "--text", "embed", "--missing", "impute", "--epochs", 20, "--out", "run")
    assert reseau("train", "t.csv", *words).status == 0


@pytest.fixture
def run(begun):
    begun(trained)


@pytest.mark.usefixtures("run")
def test_unknown_texts_are_told_and_predicted(reseau):
    frame = houses(seed=1)
    frame.loc[:4, "city"] = "Oslo"
    frame.to_parquet("new.parquet")
    result = reseau("predict", "run", "new.parquet", "--out", "p.csv")
    assert result.status == 0
    assert result.err == "warning: column 'city': the text of 5 of 240 rows did not occur in training\n"
    assert len(Path("p.csv").read_text().splitlines()) == 241


@pytest.mark.usefixtures("run")
def test_the_onnx_file_predicts_what_predict_predicts(reseau):
    assert reseau("convert", "run", "net.onnx").status == 0
    frame = houses(seed=1)
    frame.loc[:4, "city"] = "Oslo"
    frame.to_csv("new.csv", index=False)
    rows = list(csv.DictReader(io.StringIO(reseau("predict", "run", "new.csv").out)))
    session = onnxruntime.InferenceSession("net.onnx")
    fed = {n: frame[[n]].to_numpy(np.float32) for n in ("area", "garden")}
    fed["city"] = frame[["city"]].fillna("").to_numpy(object)
    assert [o.name for o in session.get_outputs()] == ["label", "probabilities", "scores"]
    label, shares, scores = session.run(None, fed)
    assert label.tolist() == [row["predicted dear"] for row in rows]
    predicted = [[float(row[f"probability of {c}"]) for c in (False, True)] for row in rows]
    np.testing.assert_allclose(predicted, shares, atol=1e-5)
    np.testing.assert_allclose(shares, softmax(scores, axis=1), atol=1e-6)
    again = reseau("predict", "net.onnx", "new.csv")
    assert again.out == reseau("predict", "run", "new.csv").out


@pytest.mark.parametrize("loss", ["cross-entropy", "logistic", "hinge"])
@pytest.mark.parametrize("classes", [("0", "1"), ("yes", "no")])
@pytest.mark.parametrize("threshold", [None, "0.8"])
def test_a_converted_classifier_decides_as_predict_does(reseau, loss, classes, threshold):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"label": rng.normal(size=120), "place": rng.choice(["a", "b"], 120)})
    frame["y"] = np.where(frame["label"] + (frame["place"] == "a") + rng.normal(size=120) > 1, *classes)
    frame.to_csv("t.csv", index=False)
    words = ("--text", "one-hot", "--epochs", 4, "--hidden", 4, "--loss", loss, "--out", "run")
    if threshold is not None and loss == "hinge":
        return
    decision = () if threshold is None else ("--threshold", threshold)
    assert reseau("train", "t.csv", "--target", "y", *words, *decision).status == 0
    assert reseau("convert", "run", "net.onnx").status == 0
    rows = list(csv.DictReader(io.StringIO(reseau("predict", "run", "t.csv").out)))
    session = onnxruntime.InferenceSession("net.onnx")
    fed = {"label": frame[["label"]].to_numpy(np.float32), "place": frame[["place"]].to_numpy(object)}
    names = [o.name for o in session.get_outputs()]
    found = dict(zip(names, session.run(None, fed), strict=True))
    assert names == ["label'", *(["probabilities"] if loss != "hinge" else []), "scores"]
    decided = [row["predicted y"] for row in rows]
    assert found["label'"].tolist() == ([int(c) for c in decided] if classes == ("0", "1") else decided)
    if loss == "logistic":
        np.testing.assert_allclose(found["probabilities"][:, 1:], expit(found["scores"]), atol=1e-6)
    net, _ = rs.load("net.onnx")
    assert [o.name for o in net.graph.outputs] == ["scores"]  # the label is beside the network
    # as another program leaves it, that knows nothing of what we say of the file
    changed = onnx.load("net.onnx")
    changed.graph.node[-1].name = "other"
    onnx.save(changed, "changed.onnx")
    assert len(rs.load("changed.onnx")[0].graph.outputs) == len(names)
    for file in ("net.onnx", "changed.onnx"):
        again = reseau("predict", file, "t.csv")
        assert again.out == reseau("predict", "run", "t.csv").out, again.err
        assert reseau("convert", file, "again.onnx").status == 0
        assert [o.name for o in onnxruntime.InferenceSession("again.onnx").get_outputs()] == names


EMPTY = {
    "csv": lambda path: path.write_text("area,city,garden\n"),
    "json": lambda path: path.write_text("[]"),
    "jsonl": lambda path: path.write_text('{"area": [], "city": [], "garden": []}'),
    "parquet": lambda path: houses().drop(columns="dear").head(0).to_parquet(path),
}


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("kind", EMPTY)
def test_no_rows_have_no_predictions(reseau, kind):
    EMPTY[kind](Path(f"new.{kind}"))
    houses().to_csv("t.csv", index=False)
    for words in ((), ("--key", "city"), ("--interval", "0.9")):
        found = reseau("predict", "run", f"new.{kind}", *words)
        some = reseau("predict", "run", "t.csv", *words).out
        assert (found.status, found.out.splitlines()) == (0, some.splitlines()[:1]), found.err
    out = reseau("predict", "run", f"new.{kind}", "--out", "p.csv").out
    assert out == f"new.{kind}: 0 predictions in p.csv\n"
    assert pd.read_csv("p.csv").shape == (0, 3)
    for command in ("evaluate", "certify"):
        refused = reseau(command, "run", f"new.{kind}")
        assert (refused.status, "it has no rows" in refused.err, "fix: " in refused.err) == (2, True, True)
    Path("other.csv").write_text("area,town\n")
    assert "column 'city' is missing" in reseau("predict", "run", "other.csv").err


@pytest.mark.usefixtures("run")
def test_a_network_saved_in_python_serves_the_commands(reseau):
    net, params = rs.load("run/model.safetensors")
    net.save("mine.safetensors", params, recipe=rs.load_recipe("run/model.safetensors"))
    houses(seed=1).to_csv("new.csv", index=False)
    assert reseau("predict", "mine.safetensors", "new.csv").out == reseau("predict", "run", "new.csv").out


@pytest.mark.usefixtures("run")
def test_a_row_that_overflows_the_network_is_named(reseau):
    frame = houses(10)
    frame.loc[:, "area"] = 50.0
    frame.loc[2, "area"] = 300
    frame.to_csv("far.csv", index=False)
    net, params = rs.load("run/model.safetensors")
    mean, scale = np.array(params["features.mean"]), np.array(params["features.scale"])
    mean[0], scale[0] = 50, 1e-36  # the area, all of which but one is 50
    params |= {"features.mean": mean, "features.scale": scale}
    params["hidden1.weight"] = params["hidden1.weight"] * 1e5
    net.save("mine.safetensors", params, recipe=rs.load_recipe("run/model.safetensors"))
    result = reseau("predict", "mine.safetensors", "far.csv")
    assert result.status == 2
    assert "reseau: example 3 overflows the network: its output is [" in result.err
    assert "\n  fix: look for numbers in it that are far from those of the training rows" in result.err


def test_whole_numbers_of_a_typed_table_are_classes(reseau):
    frame = houses().assign(dear=np.arange(240) % 3).dropna()
    frame.to_parquet("t.parquet")
    result = reseau("train", "t.parquet", "--target", "dear", "--text", "one-hot", "--epochs", 1, "--out", "run")
    assert "one of 3 classes (0, 1, 2)" in result.out


@pytest.mark.usefixtures("run")
def test_training_goes_on_with_the_recipe_of_the_network(reseau):
    more = houses(seed=1)
    more = more[more["city"] != "Lyon"]  # a recipe of its own would number the cities otherwise
    more.to_csv("more.csv", index=False)
    before = accuracy(reseau("evaluate", "run", "more.csv").out)
    words = ("train", "more.csv", "--from", "run", "--test", "more.csv", "--out", "again")
    result = reseau(*words, "--epochs", 1, "--learning-rate", 1e-6)
    assert result.status == 0, result.err
    assert accuracy(result.out) == pytest.approx(before, abs=1)
    assert rs.load_recipe("again/model.safetensors") == rs.load_recipe("run/model.safetensors")
    for said in (("--text", "embed"), ("--auto",), ("--decimal", ",", "--dates", "dmy")):
        refused = reseau(*words, *said, "--force").err
        assert f"fix: leave {', '.join(word for word in said if word.startswith('--'))} out" in refused


def test_a_foreign_network_does_not_know_texts(reseau):
    houses().to_csv("t.csv", index=False)
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.affine(x, 2))
    net.save("net.safetensors", net.init())
    words = ("--target", "dear", "--text", "one-hot", "--missing", "impute", "--from", "net.safetensors")
    assert "it does not know texts or blanks" in reseau("train", "t.csv", *words).err
