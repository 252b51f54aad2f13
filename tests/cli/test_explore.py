"""`reseau explore`: which rows a model is shown on, what is refused, and a server that ends as it should."""

import gzip
import signal
import struct
import sys
import urllib.error
import urllib.request
from subprocess import PIPE

import numpy as np
import pytest

import reseau as rs
from reseau.cli.arguments import parser
from reseau.cli.explore import _moments, _problem
from reseau.cli.options import Explore
from reseau.data import Column, Recipe
from reseau.explorer.explorer import Explorer
from reseau.explorer.problem import Shape, build
from reseau.losses import CrossEntropy, SquaredError
from tools import forked

ROWS = "width,height,kind\n" + "\n".join(f"{i}.25,{i % 5},{('a', 'b', 'c')[i % 3]}" for i in range(30))


def words(*given) -> Explore:
    return Explore.of(parser().parse_args(["explore", *map(str, given)]))


def problem(path, *given):
    return _problem(path, words(path, *given))


@pytest.fixture
def saved(tmp_path):
    """A network that knows how it reads rows, and one that does not."""
    x = rs.input("features", (2,))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3, name="hidden")), 3, name="scores"))
    columns = (Column("width", (), 10.0, 5.0), Column("height", (), 2.0, 1.0))
    params = net.init(seed=0)
    net.save(tmp_path / "own.safetensors", params, recipe=Recipe((2,), "kind", ("a", "b", "c"), columns))
    net.save(tmp_path / "foreign.onnx", params)
    (tmp_path / "rows.csv").write_text(ROWS)
    return net, params


def test_the_rows_that_are_named_are_read_as_the_model_reads_them(saved, tmp_path):
    net, params = saved
    for name in ("own.safetensors", "foreign.onnx"):
        found = problem(tmp_path / name, "--data", tmp_path / "rows.csv")
        assert isinstance(found.loss, CrossEntropy)
        assert found.classes == ("a", "b", "c")
        assert found.targets.tolist() == [i % 3 for i in range(30)]
        rows = found.inputs[0][:4]
        own = found.network(found.parameters(0), rows)
        assert np.allclose(own, net(params, rows), atol=1e-6)
        assert 0 < len(found.held) < 30


def test_without_rows_a_model_is_shown_on_drawn_ones_and_says_so(saved, tmp_path):
    for name in ("own.safetensors", "foreign.onnx"):
        found = problem(tmp_path / name)
        assert found.table is None
        assert "--data" in found.note


def test_a_model_of_numbers_is_explored_in_the_unit_of_its_target(tmp_path):
    x = rs.input("features", (2,))
    net = rs.Network(x, rs.affine(x, 1, name="line"))
    net.save(tmp_path / "m.safetensors", net.init(0), recipe=Recipe((2,), "y", (), (Column("a"), Column("b"))))
    (tmp_path / "t.csv").write_text("a,b,y\n" + "\n".join(f"{i},{2 * i},{100.0 * i}" for i in range(12)))
    found = problem(tmp_path / "m.safetensors", "--data", tmp_path / "t.csv")
    assert isinstance(found.loss, SquaredError)
    assert found.targets.ravel().tolist() == [100.0 * i for i in range(12)]


def test_a_folder_of_fashion_mnist_is_explored_as_images_with_their_activations(tmp_path):
    """In its format and with its lengths: 28 × 28 bytes of ten kinds of clothes, here drawn at random."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, 28, 28), np.uint8)
    kinds = (np.arange(40) % 10).astype(np.uint8)
    for part, count in (("train", 40), ("t10k", 20)):
        head = struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + images[:count].tobytes()))
        head = struct.pack(">4BI", 0, 0, 8, 1, count)
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(head + kinds[:count].tobytes()))
    made = build(rs.data.read_idx(tmp_path), Shape((6,), (3,), "relu"), 0, "clothes")
    params = made.parameters(0)
    made.network.save(tmp_path / "net.safetensors", params, recipe=made.table.recipe)
    explorer = Explorer(problem(tmp_path / "net.safetensors", "--data", tmp_path))
    assert explorer.describe().data["data"]["image"]
    told = explorer.answer({"command": "rows", "part": "all", "count": 4}, ())
    for row, shown in zip(told.data["rows"], told.buffers["images"], strict=True):
        np.testing.assert_array_equal(shown[..., 0], images[row["row"]])
    run = made.network.forward(params, images[7:8, ..., None].astype(np.float32))
    filtered = next(name for name, node in made.network.graph.by_name.items() if isinstance(node.op, rs.ops.Conv))
    for name in (filtered, "scores"):
        activation = explorer.answer({"command": "inspect", "node": name, "row": 7}, ()).buffers["value"]
        np.testing.assert_allclose(np.ravel(activation), np.ravel(run[name]), rtol=1e-5, atol=1e-6)


def test_checkpoints_beside_a_run_are_found(saved, tmp_path):
    net, params = saved
    rows = np.ones((4, 2)), np.array([0, 1, 2, 0])
    objective = rs.Objective(net, CrossEntropy())
    run = tmp_path / "run"
    rs.fit(objective, rows, params=params, steps=2, checkpoint=run / "checkpoints", progress=False)
    net.save(run / "model.safetensors", params)
    made = problem(run / "model.safetensors")
    assert [m.step for m in _moments(run, made, None)] == [1, 2]
    assert [m.step for m in _moments(tmp_path / "own.safetensors", made, str(run / "checkpoints"))] == [1, 2]
    with pytest.raises(rs.errors.DataError, match="fix: the folder that"):
        _moments(run, made, str(tmp_path / "nowhere"))


def test_a_page_that_stands_alone_is_written(saved, tmp_path, reseau):
    done = reseau("explore", tmp_path / "own.safetensors", "--export", tmp_path / "page.html")
    assert done.status == 0
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        (("--data", "rows.csv"), "reseau explore RUN --data rows.csv"),
        (("--export", "page.html"), "reseau explore RUN --export page.html"),
        (("own.safetensors", "--export", "page.txt"), "--export page.html"),
        (("absent.onnx",), "give a folder"),
        (("own.safetensors", "--data", "absent.csv"), "check the path"),
    ],
)
def test_what_cannot_be_done_is_one_error_with_a_cure(saved, reseau, given, cure):
    done = reseau("explore", *given)
    assert done.status == 2
    assert f"fix: {cure}" in done.err


@pytest.mark.posix
def test_the_server_gives_its_page_to_its_address_alone_and_ends_with_ctrl_c():
    command = [sys.executable, "-m", "reseau", "explore", "--no-browser"]
    with forked.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as served:
        try:
            address = served.stdout.readline().strip()
            with urllib.request.urlopen(address) as page:
                assert b"explorer" in page.read()
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(address[:-2] + "/")
        finally:
            served.send_signal(signal.SIGINT)
        assert served.wait(30) == 0
        assert served.stderr.read() == ""
