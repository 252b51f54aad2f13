"""The model file: the same bits back, hostile files refused, and never half a file on the disk."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import safe_open

import reseau as rs
from reseau import description, initializers, modelfile, ops
from reseau.errors import ModelFileError
from reseau.graph import Constant, apply_op, parameter, state


def small():
    """A network with a constant, states, shared parameters, settings that are infinite, and every kind of source."""
    image = rs.input("image", (8, 8, 1))
    token = rs.input("token", (3,), dtype="int32")
    h = rs.max_pool(rs.relu(rs.conv(image * (1 / 16), 4, (3, 3), name="conv")), (2, 2))
    h = rs.batch_norm(rs.dropout(rs.clip(rs.flatten(h), -np.inf, 3.0), 0.3))
    words = rs.flatten(rs.embedding(token, 5, 2, name="words"))
    shared = parameter((6, 6), initializers.Given(np.eye(6)), name="shared", role="weight")
    both = rs.concatenate([h, apply_op(ops.Affine(), words, shared), words @ shared])
    scale = state(np.array(2.0), name="unit", role="scale")
    net = rs.Network((image, token), (rs.affine(both, 10, name="logits"), scale * rs.sum(h, axis=1)))
    return net, net.init(seed=3)


def as_arrays(params):
    return {name: np.asarray(value) for name, value in params.items()}


def header_of(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write_header(path, header, body):
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


@pytest.fixture
def saved(tmp_path):
    net, params = small()
    path = tmp_path / "model.safetensors"
    net.save(path, params)
    return path


def edited(path, change):
    """Write the file again after `change(graph description, header)`."""
    header, body = header_of(path)
    graph = json.loads(header["__metadata__"]["reseau"])
    change(graph, header)
    header["__metadata__"]["reseau"] = json.dumps(graph)
    write_header(path, header, body)
    return path


def named(graph, name):
    return next(n for n in graph["nodes"] if n["name"] == name)


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
    _, read = modelfile.read(tmp_path / "m.safetensors")

    assert read["y.weight"].dtype == values.dtype
    assert read["y.weight"].tobytes() == values.tobytes()


def test_arrays_of_foreign_byte_order_keep_their_values(tmp_path):
    x = rs.input("x", (3,))
    y = x * np.array([1.5, 2.5, 3.5], dtype=">f4") + np.array([True, False, True])
    modelfile.write(tmp_path / "m.safetensors", rs.Network(x, y).graph, {})
    graph, _ = modelfile.read(tmp_path / "m.safetensors")

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
    graph, _ = modelfile.read(tmp_path / "deep.safetensors")

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
from reseau.modelfile import replace_file
print("ready", flush=True)
i = 0
while True:
    i += 1
    replace_file(Path(sys.argv[1]), [bytes([i % 251]) * 4096] * 512)
"""


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


# What cannot be read


def outcome(path):
    """What reading says: nothing, or the one kind of error it may raise."""
    try:
        modelfile.read(path)
    except ModelFileError as error:
        return str(error)
    return None


def refused(path):
    with pytest.raises(ModelFileError) as caught:
        rs.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n  fix: " in message
    return message


def test_a_file_that_is_not_there(tmp_path):
    assert "it cannot be read: No such file or directory" in refused(tmp_path / "m.safetensors")


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "m.safetensors").mkdir()
    assert "Is a directory" in refused(tmp_path / "m.safetensors")


@pytest.mark.parametrize("data", [b"", b"1234", b"GIF89a" * 20, (2**62).to_bytes(8, "little") + b"{}"])
def test_a_file_that_is_something_else(tmp_path, data):
    (tmp_path / "m.safetensors").write_bytes(data)
    assert "it is not a safetensors file" in refused(tmp_path / "m.safetensors")


@pytest.mark.parametrize("kept", [8, 100, 4000, -1])
def test_a_truncated_file(saved, kept):
    saved.write_bytes(saved.read_bytes()[:kept])
    assert "safetensors file" in refused(saved)


def test_a_file_that_declares_a_huge_array(saved):
    def change(graph, header):
        header["conv.bias"]["shape"] = [2**40]
        header["conv.bias"]["data_offsets"] = [0, 2**42]

    assert "it is not a whole safetensors file" in refused(edited(saved, change))


def test_arrays_without_a_graph(saved):
    header, body = header_of(saved)
    del header["__metadata__"]
    write_header(saved, header, body)
    assert "it holds arrays but no graph" in refused(saved)


def test_a_later_version(saved):
    assert "its format version is 99" in refused(edited(saved, lambda graph, header: graph.update(version=99)))


def test_a_description_that_is_not_json(saved):
    header, body = header_of(saved)
    for text in ("{", "[" * 100_000, "1" * 5000):
        header["__metadata__"]["reseau"] = text
        write_header(saved, header, body)
        refused(saved)


EDITS = {
    "unknown operation": (lambda g, h: named(g, "conv").update(op="Popen"), "node 'conv' applies 'Popen'"),
    "abstract operation": (lambda g, h: named(g, "conv").update(op="Op"), "node 'conv' applies 'Op'"),
    "operation of a type": (lambda g, h: named(g, "conv").update(op=["Conv"]), "node 'conv' applies ['Conv']"),
    "foreign setting": (lambda g, h: named(g, "conv")["settings"].update(x=1), "node 'conv' (Conv) has the settings"),
    "setting of another type": (
        lambda g, h: named(g, "conv")["settings"].update(flip="yes"),
        "node 'conv' (Conv) has a setting that does not fit: 'yes' is not bool",
    ),
    "setting out of range": (
        lambda g, h: named(g, "dropout_1")["settings"].update(rate=1.5),
        "node 'dropout_1' (Dropout) has a setting that does not fit: cannot drop a share 1.5",
    ),
    "division by zero": (
        lambda g, h: named(g, "conv")["settings"].update(groups=0),
        "its weight (3, 3, 1, 4) in 0 groups does not read 1 channels",
    ),
    "huge setting": (lambda g, h: named(g, "conv")["settings"].update(stride=10**400), "does not fit"),
    "wrong shape": (lambda g, h: named(g, "conv").update(shape=["batch", 9]), "node 'conv' has the shape ('batch', 8"),
    "wrong parents": (
        lambda g, h: named(g, "logits").update(parents=["image", "logits.weight"]),
        "cannot build 'logits' (affine): it multiplies (batch, 8, 8, 1)",
    ),
    "too few parents": (lambda g, h: named(g, "conv").update(parents=[]), "node 'conv' (Conv) cannot be built"),
    "absent parent": (lambda g, h: named(g, "conv").update(parents=["ghost"]), "node 'conv' reads 'ghost'"),
    "cycle": (lambda g, h: named(g, "conv").update(parents=["logits"]), "the graph feeds itself: "),
    "two of one name": (lambda g, h: g["nodes"].append(g["nodes"][0]), "two nodes are called"),
    "missing array": (lambda g, h: named(g, "conv.bias").update(name="conv.b"), "node 'conv' reads 'conv.bias'"),
    "no nodes": (lambda g, h: g.update(nodes=[]), "it lists no nodes"),
    "nodes of another type": (lambda g, h: g.update(nodes={"a": 1}), "it lists no nodes"),
    "idle node": (
        lambda g, h: g["nodes"].append({"name": "idle", "source": "input", "shape": ["batch", 1], "dtype": "float"}),
        "nothing needs 'idle'",
    ),
    "unknown output": (lambda g, h: g.update(outputs=["ghost"]), "the outputs of the graph name 'ghost'"),
    "output that is no list": (lambda g, h: g.update(outputs="logits"), "the outputs of 'graph' are 'logits'"),
    "input that is an operation": (lambda g, h: g.update(inputs=["conv"]), "is not one"),
    "type of an input": (lambda g, h: named(g, "image").update(dtype="O"), "input 'image' is of the type 'O'"),
    "shape of an input": (lambda g, h: named(g, "image").update(shape=["batch", -1]), "has the length -1"),
    "initializer": (
        lambda g, h: named(g, "conv.weight").update(initializer={"name": "eval"}),
        "parameter 'conv.weight' is drawn by {'name': 'eval'}",
    ),
    "kind of source": (lambda g, h: named(g, "conv.weight").update(source="module"), "a source of the kind 'module'"),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_wrong_description_names_the_node(saved, what):
    change, expected = EDITS[what]
    assert expected in refused(edited(saved, change))


def test_a_cycle_is_spelled_out(saved):
    def change(graph, header):
        named(graph, "relu_1")["parents"] = ["max_pool_1"]

    message = refused(edited(saved, change))
    assert "the graph feeds itself: " in message
    assert "relu_1 -> max_pool_1 -> relu_1" in message or "max_pool_1 -> relu_1 -> max_pool_1" in message


def test_an_array_that_nothing_needs(saved):
    def change(graph, header):
        named(graph, "logits")["parents"] = named(graph, "logits")["parents"][:2]
        graph["nodes"] = [n for n in graph["nodes"] if n["name"] != "logits.bias"]

    assert "nothing needs 'logits.bias'" in refused(edited(saved, change))


def test_mutated_files_give_an_error_or_a_network(saved):
    """300 files with random damage: bytes overwritten, cut out or doubled; mostly in the header."""
    data = saved.read_bytes()
    header = int.from_bytes(data[:8], "little") + 8
    random_ = random.Random(0)
    said = []
    for i in range(300):
        damaged = bytearray(data)
        for _ in range(random_.randint(1, 4)):
            at = random_.randrange(header if i % 4 else len(data))
            match random_.randrange(4):
                case 0:
                    damaged[at] = random_.randrange(256)
                case 1:
                    del damaged[at : at + random_.randint(1, 9)]
                case 2:
                    damaged[at:at] = damaged[at : at + random_.randint(1, 9)]
                case 3 if chr(damaged[min(at, len(damaged) - 1)]).isdigit():
                    damaged[at] = ord(random_.choice("0123456789-"))
        saved.write_bytes(damaged)
        said.append(outcome(saved))
    assert all(message is None or message.startswith(f"{saved}: ") for message in said)
    assert 0 < said.count(None) < 300


def test_mutated_descriptions_give_an_error_or_a_network(saved):
    """300 descriptions in which one value was replaced by another kind of value."""
    header, body = header_of(saved)
    text = header["__metadata__"]["reseau"]
    random_ = random.Random(1)
    values = [None, -1, 0, 2**31, 1e308, True, "", "conv", [], [[1]], {}, {"float": "nan"}, "batch"]
    for _ in range(300):
        graph = json.loads(text)
        places = [graph, *graph["nodes"], *(n["settings"] for n in graph["nodes"] if "settings" in n)]
        place = random_.choice([p for p in places if p])
        place[random_.choice(list(place))] = random_.choice(values)
        header["__metadata__"]["reseau"] = json.dumps(graph)
        write_header(saved, header, body)
        message = outcome(saved)
        assert message is None or message.startswith(f"{saved}: ")


def test_another_program_can_read_the_arrays(saved):
    _, params = small()
    with safe_open(saved, "np") as file:
        assert set(params) <= set(file.keys())
        assert (file.get_tensor("conv.weight") == np.asarray(params["conv.weight"])).all()
