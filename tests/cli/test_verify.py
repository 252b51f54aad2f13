"""`reseau verify`: the verdict of `rs.verify`, from the file and without JAX."""

import subprocess
import sys

import numpy as np
import pytest

import reseau as rs

PROPERTY = """
(declare-const X_0 Real) (declare-const X_1 Real)
(declare-const Y_0 Real) (declare-const Y_1 Real)
(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (>= X_1 0)) (assert (<= X_1 0.25))
"""


@pytest.fixture
def network(tmp_path):
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(rs.relu(rs.affine(x - 0.5, 8)), 8)), 2))
    params = net.init(seed=3)
    net.save(tmp_path / "net.onnx", params)
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 201), np.linspace(0, 0.25, 51)), -1).reshape(-1, 2)
    return net, params, float(np.asarray(net(params, grid))[:, 0].max()), tmp_path


def asked(folder, name, assertion):
    (folder / name).write_text(PROPERTY + assertion)
    return folder / name


def test_a_network_and_its_file_have_the_same_verdicts(network, reseau):
    net, params, largest, folder = network
    above = asked(folder, "above.vnnlib", f"(assert (>= Y_0 {largest + 0.02}))")
    below = asked(folder, "below.vnnlib", f"(assert (>= Y_0 {largest - 0.001}))")
    assert rs.verify(net, params, above).verdict == "unsat"
    found = rs.verify(net, params, below)
    assert found.witness.replayed
    x = np.array([[float(v) for v in found.witness.inputs]], np.float32)
    assert np.asarray(net(params, x))[0, 0] >= largest - 0.001

    told = reseau("verify", str(folder / "net.onnx"), str(above), "--float32")
    assert (told.status, told.out) == (0, "unsat\n")
    assert "every order of float32 sums" in told.err
    told = reseau("verify", str(folder / "net.onnx"), str(below), "--timeout", "30")
    assert told.out.startswith("sat\n((X_0 ")
    assert told.out.endswith("))\n")
    assert "the program was run on it and meets it too" in told.err


QUERY = """(vnnlib-version <2.0>)
(declare-network f (declare-input X float32 [1,2]) (declare-output Y float32 [1,2]))
(assert (and (>= X[0,0] -1.0) (<= X[0,0] 1.0) (>= X[0,1] 0.0) (<= X[0,1] 0.25)))
(assert (>= Y[0,0] LIMIT))
"""


def test_a_query_is_asked_and_answered_as_its_standard_says(network, reseau):
    *_, largest, folder = network
    path, model = folder / "q.vnnlib", folder / "net.onnx"
    path.write_text(QUERY.replace("LIMIT", f"{largest - 0.001:.6f}"))
    told = reseau("verify", str(path), "--network", f"f={model}")
    word, *lines = told.out.split()
    assert (told.status, word, lines[:3], lines[5:8]) == (
        0,
        "sat",
        ["X", "float32", "[1,2]"],
        ["Y", "float32", "[1,2]"],
    )
    assert reseau("verify", str(model), str(path)).out == told.out
    assert "--network f=" in reseau("verify", str(path), "--network", f"g={model}").err
    for words in ([str(path)], [str(model), str(path), "--network", f"f={model}"], [str(path), "--network", "f"]):
        assert "verify needs a model and a property" in reseau("verify", *words).err
    path.write_text(QUERY.replace("LIMIT", "100.0").replace("float32 [1,2])", "float64 [1,2])"))
    assert "the network computes with float32" in reseau("verify", str(model), str(path)).err


@pytest.mark.parametrize("text", [PROPERTY + "(assert (>= Y_0 100))", QUERY.replace("LIMIT", "100.0")])
def test_the_command_starts_without_jax(network, text):
    *_, folder = network
    path = folder / "p.vnnlib"
    path.write_text(text)
    code = (
        "import sys; from reseau.cli import main; "
        f"main(['verify', {str(folder / 'net.onnx')!r}, {str(path)!r}]); "
        "sys.exit(any(m.split('.')[0] in ('jax', 'scipy', 'sklearn') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "unsat\n"), done.stderr


def test_bad_input_is_one_error(network, reseau):
    *_, folder = network
    none = asked(folder, "none.vnnlib", "(assert (<= X_1 -1))(assert (>= Y_0 1))")
    told = reseau("verify", str(folder / "net.onnx"), str(none))
    assert told.status == 2
    assert "low <= high" in told.err
    assert reseau("verify", str(folder / "missing.onnx"), str(none)).status == 2
    assert reseau("verify", str(folder / "net.safetensors"), str(none)).status == 2


@pytest.mark.parametrize("ending", ["onnx", "safetensors"])
def test_graphs_that_are_no_chains_are_decided_too(tmp_path, reseau, ending):
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.tanh(x) + 0.5 * x)  # two readers of x, and a smooth function
    net.save(tmp_path / f"net.{ending}", {})
    proved = asked(tmp_path, "proved.vnnlib", "(assert (>= Y_0 1.27))")  # tanh(1) + 0.5 = 1.2616
    shown = asked(tmp_path, "shown.vnnlib", "(assert (>= Y_0 1.2))")
    assert reseau("verify", str(tmp_path / f"net.{ending}"), str(proved)).out == "unsat\n"
    assert reseau("verify", str(tmp_path / f"net.{ending}"), str(shown)).out.startswith("sat\n((X_0 ")
