"""The model file: the same bits back, and never half a file on the disk."""

import os
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import safe_open

import reseau as rs
from reseau import initializers, ops
from reseau.errors import ModelFileError
from reseau.graph import Constant, apply_op
from reseau.modelfiles import description
from reseau.modelfiles import formats as modelfile
from tools.saved_models import header_of, small


@pytest.fixture
def saved(tmp_path):
    net, params = small()
    path = tmp_path / "model.safetensors"
    net.save(path, params)
    return path


def as_arrays(params):
    return {name: np.asarray(value) for name, value in params.items()}


def test_the_same_bits_come_back(saved):
    net, params = small()
    again, read = rs.load(saved)

    assert list(again.graph.names.values()) == list(net.graph.names.values())
    assert [n.shape for n in again.graph.nodes] == [n.shape for n in net.graph.nodes]
    assert [n.op for n in again.graph.nodes] == [n.op for n in net.graph.nodes]
    assert read.keys() == params.keys()
    for name, value in params.items():
        assert read[name].dtype == value.dtype
        assert np.asarray(read[name]).tobytes() == np.asarray(value).tobytes()
    x, t = np.random.default_rng(0).random((3, 8, 8, 1)), np.zeros((3, 3), int)
    assert all((a == b).all() for a, b in zip(net(params, x, t), again(read, x, t), strict=True))


def test_a_network_that_was_read_starts_from_the_same_first_values(saved):
    net, params = small()
    trained = {name: value + 1 for name, value in params.items()}
    net.save(saved, trained)

    again, read = rs.load(saved)

    assert all((again.init(seed=3)[name] == params[name]).all() for name in params)
    assert all((read[name] == trained[name]).all() for name in params)


def test_writing_again_what_was_read_gives_the_same_file(saved, tmp_path):
    again, read = rs.load(saved)
    again.save(tmp_path / "second.safetensors", read)

    assert (tmp_path / "second.safetensors").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_precision_is_kept(tmp_path, dtype):
    net = rs.Network(x := rs.input("x", (3,)), rs.affine(x, 2, name="y"))
    values = np.random.default_rng(0).normal(size=(3, 2)).astype(jnp.dtype(dtype))
    params = {"y.weight": values.T.copy().T, "y.bias": values[0]}

    modelfile.write(tmp_path / "m.safetensors", net.graph, params)
    _, read, _ = modelfile.read(tmp_path / "m.safetensors")

    assert read["y.weight"].dtype == values.dtype
    assert read["y.weight"].tobytes() == values.tobytes()


def test_arrays_of_foreign_byte_order_keep_their_values(tmp_path):
    x = rs.input("x", (3,))
    y = x * np.array([1.5, 2.5, 3.5], dtype=">f4") + np.array([True, False, True])
    modelfile.write(tmp_path / "m.safetensors", rs.Network(x, y).graph, {})
    graph, *_ = modelfile.read(tmp_path / "m.safetensors")

    values = [n.source.value.tolist() for n in graph.nodes if isinstance(n.source, Constant)]
    assert values == [[1.5, 2.5, 3.5], [True, False, True]]


def test_every_array_starts_where_its_type_may_start(saved):
    header, _ = header_of(saved)
    sizes = {"F64": 8, "F32": 4, "I64": 8, "BOOL": 1}
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["data_offsets"][0] % sizes[entry["dtype"]] == 0


def test_words_travel_with_the_network(tmp_path):
    net, params = small()
    modelfile.write(tmp_path / "m.safetensors", net.graph, as_arrays(params), {"recipe": "été"})

    assert modelfile.read_metadata(tmp_path / "m.safetensors") == {"recipe": "été"}


def test_depth_ten_thousand(tmp_path):
    x = h = rs.input("x", (2,))
    for _ in range(5_000):
        h = rs.relu(h) + x
    modelfile.write(tmp_path / "deep.safetensors", rs.Network(x, h).graph, {})
    graph, *_ = modelfile.read(tmp_path / "deep.safetensors")

    assert len(graph.nodes) == 10_001


def test_no_operation_and_no_initializer_is_forgotten():
    abstract = {"Op", "Proxy", "Apply"}
    assert set(description.OPERATIONS) == set(ops.__all__) - abstract
    helpers = {"Given", "fans"}
    assert set(description.INITIALIZERS) == set(initializers.__all__) - helpers


def test_an_initializer_of_the_user_is_asked_for_only_when_needed(tmp_path):
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.affine(x, 2, name="y", weight=lambda generator, shape: np.zeros(shape)))
    net.save(tmp_path / "m.safetensors", net.init())

    again, params = rs.load(tmp_path / "m.safetensors")

    assert again(params, np.ones((1, 3))).shape == (1, 2)
    with pytest.raises(rs.errors.GraphError, match=r"how parameter 'y\.weight' is drawn"):
        again.init()


# What cannot be written


def test_a_function_is_refused_and_the_node_named(tmp_path):
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.apply(jnp.sin, x, name="wave"))
    with pytest.raises(ModelFileError, match=r"m\.safetensors: node 'wave' applies Apply, which is Python code"):
        net.save(tmp_path / "m.safetensors", {})
    assert list(tmp_path.iterdir()) == []


def test_a_proxy_is_refused_and_the_node_named(tmp_path):
    x = rs.input("x", (3,))
    node = apply_op(ops.Proxy(ops.Step(), lambda g, y, x: (g,)), x, name="gate")
    with pytest.raises(ModelFileError, match=r"node 'gate' applies Proxy"):
        modelfile.write(tmp_path / "m.safetensors", rs.Network(x, node).graph, {})


def test_an_operation_that_only_shares_a_name_is_refused(tmp_path):
    class Relu(ops.Relu):
        pass

    x = rs.input("x", (3,))
    with pytest.raises(ModelFileError, match="node 'fake' applies Relu"):
        modelfile.write(tmp_path / "m.safetensors", rs.Network(x, apply_op(Relu(), x, name="fake")).graph, {})


@pytest.mark.parametrize("name", ["model", "model.pkl", "model.onx"])
def test_another_suffix_names_the_known_ones(tmp_path, name):
    net, params = small()
    with pytest.raises(ModelFileError, match=r"does not end in .*\n  fix: a name that ends in .*\.safetensors"):
        net.save(tmp_path / name, params)
    with pytest.raises(ModelFileError, match="does not end in"):
        rs.load(tmp_path / name)


def test_a_folder_that_is_not_there(tmp_path):
    net, params = small()
    with pytest.raises(ModelFileError, match=r"m\.safetensors: it cannot be written: No such file or directory"):
        net.save(tmp_path / "absent" / "m.safetensors", params)


# Whole or not at all


def test_a_failing_write_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()
    net, params = small()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match="No space left on device"):
        net.save(saved, params)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_an_interrupted_write_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        rs.Network(x := rs.input("x", (1,)), rs.relu(x)).save(saved, {})
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_a_link_is_followed(saved):
    link = saved.with_name("link.safetensors")
    link.symlink_to(saved.name)
    net, params = small()
    net.save(link, params)

    assert link.is_symlink()
    assert rs.load(link)[1].keys() == params.keys()


KILLED = """
import sys, numpy as np
from pathlib import Path
from reseau.disk import replace_file
print("ready", flush=True)
i = 0
while True:
    i += 1
    replace_file(Path(sys.argv[1]), [bytes([i % 251]) * 4096] * 512)
"""


@pytest.mark.posix
def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"\0" * 4096 * 512)
    for delay in (0.0, 0.003, 0.011):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        data = path.read_bytes()
        assert len(data) == 4096 * 512
        assert len(set(data)) == 1


def test_another_program_can_read_the_arrays(saved):
    _, params = small()
    with safe_open(saved, "np") as file:
        assert set(params) <= set(file.keys())
        assert (file.get_tensor("conv.weight") == np.asarray(params["conv.weight"])).all()


def test_slices_of_several_axes_are_read_from_files_of_0_1() -> None:
    x = rs.input("x", (6, 4))
    net = rs.Network(x, apply_op(ops.Slice(2, 1, 3), apply_op(ops.Slice(1, None, None, -2), x), name="y"))
    described, arrays = description.describe(net.graph, {})
    source, _, last = described["nodes"]
    old = last | {"op": "Cut", "settings": {"bounds": [[1, None, None, -2], [2, 1, 3, 1]]}, "parents": ["x"]}
    graph, _ = description.build(described | {"nodes": [source, old]}, arrays)
    values = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    np.testing.assert_array_equal(rs.Network.of(graph)({}, values), values[:, ::-2, 1:3])


def test_pooling_with_dilation_is_read_from_files_of_0_1() -> None:
    x = rs.input("x", (6, 5, 2))
    net = rs.Network(x, apply_op(ops.MaxPool((2, 3), (1, 2), ((1, 0), (0, 1)), dilation=(2, 1)), x, name="y"))
    described, arrays = description.describe(net.graph, {})
    source, last = described["nodes"]
    settings = {"window": [2, 3], "stride": [1, 2], "dilation": [2, 1], "pads": [[1, 0], [0, 1]]}
    graph, _ = description.build(
        described | {"nodes": [source, last | {"op": "WindowMax", "settings": settings}]}, arrays
    )
    values = np.random.default_rng(0).normal(size=(3, 6, 5, 2)).astype(np.float32)
    pads, largest = ((0, 0), (1, 0), (0, 1), (0, 0)), jax.lax.max
    wanted = jax.lax.reduce_window(values, -np.inf, largest, (1, 2, 3, 1), (1, 1, 2, 1), pads, None, (1, 2, 1, 1))
    np.testing.assert_array_equal(rs.Network.of(graph)({}, values), wanted)
    assert graph.outputs[0].op == net.graph.outputs[0].op


def test_rows_reshaped_are_read_from_files_of_0_1() -> None:
    x = rs.input("x", (6, 4))
    net = rs.Network(x, rs.reshape(x, (3, 8), name="y"))
    described, arrays = description.describe(net.graph, {})
    source, last = described["nodes"]
    old = last | {"op": "Reshape", "settings": {"lengths": [3, 8]}}
    graph, _ = description.build(described | {"nodes": [source, old]}, arrays)
    values = np.random.default_rng(0).normal(size=(5, 6, 4)).astype(np.float32)
    np.testing.assert_array_equal(rs.Network.of(graph)({}, values), values.reshape(5, 3, 8))
    assert graph.outputs[0].op == net.graph.outputs[0].op
