"""Model files that come from anywhere: each damage is one error that names the file, or none at all."""

import json
import random

import pytest

import reseau as rs
from reseau.errors import ModelFileError
from reseau.modelfiles import formats as modelfile
from tools.saved_models import edited, header_of, named, small, write_header


@pytest.fixture
def saved(tmp_path):
    net, params = small()
    path = tmp_path / "model.safetensors"
    net.save(path, params)
    return path


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
    "shape of an input": (
        lambda g, h: named(g, "image").update(shape=["batch", -1]),
        "input 'image' has the shape ['batch', -1]",
    ),
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
