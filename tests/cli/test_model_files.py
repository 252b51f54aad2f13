"""`reseau convert`, `reseau show` on a foreign file, and `reseau train --from`."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import reseau as rs
from reseau.cli import main
from reseau.modelfiles import formats as modelfile


@pytest.fixture
def foreign(tmp_path) -> Path:
    """softmax(x W + b) for the digits, in nobody's words."""
    generator = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array((generator.normal(size=(64, 10)) / 100).astype(np.float32), "W"),
        numpy_helper.from_array(np.zeros(10, np.float32), "b"),
    ]
    nodes = [helper.make_node("Gemm", ["x", "W", "b"], ["s"], "s"), helper.make_node("Softmax", ["s"], ["p"], "p")]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])
    p = helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 10])
    graph = helper.make_graph(nodes, "foreign", [x], [p], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "f.onnx")
    return tmp_path / "f.onnx"


def test_a_foreign_file_is_shown_and_drawn(foreign: Path, tmp_path, capsys) -> None:
    assert main(["show", str(foreign), "--draw", str(tmp_path / "f.svg")]) == 0
    said = capsys.readouterr().out
    assert "650 parameters" in said
    assert (tmp_path / "f.svg").read_text().startswith("<svg")


def test_a_network_is_converted_there_and_back(foreign: Path, tmp_path, capsys) -> None:
    there, back = tmp_path / "f.safetensors", tmp_path / "g.onnx"
    assert main(["convert", str(foreign), str(there)]) == 0
    assert main(["convert", str(there), str(back)]) == 0
    assert f"wrote {back}" in capsys.readouterr().out
    x = np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32)
    first, last = (rs.load(path) for path in (foreign, back))
    np.testing.assert_array_equal(last[0](last[1], x), first[0](first[1], x))


def test_channels_first_is_for_onnx(foreign: Path, tmp_path, capsys) -> None:
    assert main(["convert", str(foreign), str(tmp_path / "f.safetensors"), "--channels", "first"]) == 2
    assert "fix: leave it out" in capsys.readouterr().err
    assert main(["convert", str(foreign), str(tmp_path / "g.onnx"), "--channels", "first"]) == 0


def test_a_foreign_network_is_trained_on(foreign: Path, tmp_path, capsys) -> None:
    _, before = rs.load(foreign)
    # the digits are 8 x 8 x 1 images, the file reads rows of 64
    run = tmp_path / "run"
    assert main(["train", "--dataset", "digits", "--from", str(foreign), "--epochs", "2", "--out", str(run)]) == 0
    network, after = rs.load(run / "model.safetensors")
    assert after.keys() == before.keys()
    assert not np.array_equal(after["W"], before["W"])
    assert modelfile.read_metadata(run / "model.safetensors")["loss"] == "cross-entropy"
    assert main(["evaluate", str(run), "--dataset", "digits"]) == 0
    assert network.graph.inputs[0].shape[1:] == (8, 8, 1)


def test_a_network_that_does_not_fit_the_data_is_refused(foreign: Path, tmp_path, capsys) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b,y\n" + "\n".join(f"{i},{i % 3},{'xy'[i % 2]}" for i in range(30)))
    run = tmp_path / "run"
    assert main(["train", str(rows), "--target", "y", "--from", str(foreign), "--out", str(run)]) == 2
    assert "f.onnx" in capsys.readouterr().err
    assert not run.exists()


def test_what_a_file_leaves_open_is_said_by_options(tmp_path, capsys) -> None:
    nodes = [helper.make_node("Reshape", ["x", "to"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "steps", 4]),
        helper.make_tensor_value_info("to", TensorProto.INT64, [2]),
    ]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "m"])
    graph = helper.make_graph(nodes, "open", inputs, [y])
    path = tmp_path / "open.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    assert main(["show", str(path), "--lengths", "steps=6", "--fixed", "to=[-1,24]", "--batch", "yes"]) == 0
    assert "24" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["show", str(path), "--fixed", "to"])
    assert "such as shape=[1,-1]" in capsys.readouterr().err
    net, params = rs.load(path, lengths={"steps": 6}, fixed={"to": np.array([-1, 24])}, batch=True)
    there = tmp_path / "there.safetensors"
    assert main(["convert", str(path), str(there), "--lengths", "steps=6", "--fixed", "to=[-1,24]"]) == 0
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    again, read = rs.load(there)
    np.testing.assert_array_equal(again(read, x), net(params, x))
