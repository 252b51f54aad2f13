"""`reseau approximate`: what it prints, the file run by another program, the picture, what it refuses."""

import math
import re
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import reseau as rs
from reseau.theory import ShallowNetwork
from reseau.theory.univariate.approximation import rounding_error

pytest.importorskip("flint")
SINE = ["approximate", "sin(3*x)", "--interval", "-1", "1", "--tolerance", "1e-3"]


def bound(line):
    """The error that a line promises."""
    return float(re.search(r"error:? +at most ([0-9.e-]+)", line)[1])


def run(file, x):
    """The model's values by onnxruntime, in the model's own precision, as float64."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    dtype = {"tensor(double)": np.float64, "tensor(float)": np.float32}[session.get_inputs()[0].type]
    points = x.astype(dtype)
    return points.astype(np.float64), session.run(None, {name: points[:, None]})[0][:, 0].astype(np.float64)


def test_what_is_printed(reseau):
    result = reseau(*SINE)
    assert result.status == 0
    assert result.out.splitlines() == [
        "sin(3*x) on [-1, 1], tolerance 0.001",
        "pieces:  37, the fewest possible (at least 37 are needed, 37 are enough)",
        "neurons: 38, in one hidden layer (at least 36 are needed)",
        "error:   at most 0.001",
        "proved:  ball arithmetic bounds the expression between the samples",
    ]


def test_the_file_runs_elsewhere_within_the_certified_error(reseau):
    result = reseau(*SINE, "--out", "net.onnx")
    assert result.status == 0
    x, y = run("net.onnx", np.linspace(-1, 1, 100_001))
    worst = np.abs(y - np.sin(3 * x)).max()
    assert 0.9e-3 < worst <= bound(result.out) <= 1e-3


def test_in_float32_the_error_is_stated_with_its_rounding(reseau):
    result = reseau(*SINE, "--out", "net.onnx", "--precision", "float32")
    last = result.out.splitlines()[-1]
    assert "above the tolerance" in last
    x, y = run("net.onnx", np.linspace(-1, 1, 100_001))
    assert np.abs(y - np.sin(3 * x)).max() <= bound(last) < 1.1e-3


def test_a_safetensors_file_holds_the_same_bits(reseau):
    assert reseau(*SINE, "--out", "net.safetensors").status == 0
    network, params = rs.load("net.safetensors")
    found = rs.theory.approximate("sin(3*x)", (-1.0, 1.0), 1e-3).network
    again = ShallowNetwork.from_network(network, params)
    np.testing.assert_array_equal(again.weights, found.weights)
    np.testing.assert_array_equal(again.biases, found.biases)
    np.testing.assert_array_equal(again.outputs, found.outputs)


def test_the_zero_function_needs_no_neuron_and_still_makes_a_file(reseau):
    result = reseau("approximate", "0*x", "--interval", "0", "1", "--tolerance", "0.1", "--out", "zero.onnx")
    assert result.status == 0
    _, y = run("zero.onnx", np.linspace(0, 1, 11))
    assert np.abs(y).max() <= 0.1


def test_points_are_met(reseau):
    x = np.linspace(0, 5, 400)
    np.savetxt("points.csv", np.column_stack([x, np.cos(x)]), "%.17g", ",", header="time,volts", comments="")
    result = reseau("approximate", "--csv", "points.csv", "--tolerance", "0.01", "--out", "net.onnx")
    assert result.out.startswith("400 points of points.csv on [0, 5], tolerance 0.01\n")
    assert "between them nothing is claimed" in result.out
    _, y = run("net.onnx", x)
    assert np.abs(y - np.cos(x)).max() <= bound(result.out) <= 0.01
    part = reseau("approximate", "--csv", "points.csv", "--tolerance", "0.01", "--interval", "0", "1")
    assert part.out.startswith("80 points of points.csv on [0, 0.98")


def test_the_picture_is_written(reseau):
    pytest.importorskip("matplotlib")
    result = reseau(*SINE, "--plot", "net.png")
    assert result.status == 0
    assert Path("net.png").read_bytes().startswith(b"\x89PNG")
    assert reseau(*SINE, "--plot", "net.svg").status == 0
    assert "<svg" in Path("net.svg").read_text()


@pytest.mark.parametrize("text", ["-x^2", "-x", "-sin(x)", "-2*x", "- x"])
def test_what_begins_with_a_minus_is_no_option(reseau, text):
    result = reseau("approximate", text, "--interval", "-1e-1", "-.5e-1", "--tolerance", "1e-3")
    assert result.out.startswith(f"{text} on [-0.1, -0.05]")


def test_help_is_still_help(reseau):
    assert "EXPRESSION" in reseau("approximate", "-h").out


def test_without_an_extra_its_name_is_said(reseau, tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    before = tree()
    refused(reseau(*SINE, "--out", "net.onnx"), "reseau[certify]")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refused(reseau(*SINE, "--plot", "net.png"), "fix: pip install 'reseau[plot]'")
    assert tree() == before


POINTS = {
    "unsorted": ("x,y\n0,0\n2,1\n1,1\n", "line 4: x = 1 comes after x = 2\n  fix: sort the rows by column 'x'"),
    "twice": ("x,y\n0,0\n1,0\n1,1\n2,1\n", "the points at x = 1.0 are farther apart than their tolerances allow"),
    "all the same": ("1,0\n1,0\n", "give two abscissas or more"),
    "nan": ("x,y\n0,0\n1,nan\n", "column 'y', line 3: the cell is blank"),
    "blank": ("x,y\n0,0\n,1\n", "column 'x', line 3: the cell is blank"),
    "infinite": ("x,y\n0,0\n1,inf\n", "column 'y', line 3: 'inf' is not a finite number"),
    "text": ("x,y\n0,0\none,1\n", "column 'x', line 3: 'one' is not a finite number"),
    "three columns": ("x,y,z\n0,0,0\n", "3 columns are not points"),
    "one point": ("x,y\n0,0\n", "there is only one point"),
    "empty": ("", "it is empty"),
}

WORDS = {
    "nothing": (["--tolerance", "1"], "neither EXPRESSION nor --csv is given"),
    "both": (["x", "--csv", "points.csv", "--tolerance", "1"], "both EXPRESSION and --csv are given"),
    "no tolerance": (["x", "--interval", "0", "1"], "required: --tolerance"),
    "no interval": (["x", "--tolerance", "1"], "an expression needs an interval"),
    "reversed": (["x", "--interval", "1", "0", "--tolerance", "1"], "the interval (1.0, 0.0) is reversed"),
    "empty interval": (["x", "--interval", "1", "1", "--tolerance", "1"], "reversed, empty"),
    "nan interval": (["x", "--interval", "nan", "1", "--tolerance", "1"], "not finite"),
    "negative": (["x", "--interval", "0", "1", "--tolerance", "-1e-3"], "'-1e-3' is not a number from 0"),
    "zero": (["x", "--interval", "0", "1", "--tolerance", "0"], "tolerance 0.0\n  fix: give a positive"),
    "nan tolerance": (["x", "--interval", "0", "1", "--tolerance", "nan"], "'nan' is not a number from 0"),
    "name": (["y+1", "--interval", "0", "1", "--tolerance", "1"], "unknown name 'y' at position 0\n  fix: use x, pi"),
    "code": (["__import__(os)", "--interval", "0", "1", "--tolerance", "1"], "unknown name '__import__'"),
    "syntax": (["sin(x", "--interval", "0", "1", "--tolerance", "1"], "')' is missing at position 5"),
    "pole": (["1/x", "--interval", "-1", "1", "--tolerance", "0.1"], "not continuous, or not defined, near x ="),
    "missing": (["--csv", "absent.csv", "--tolerance", "1"], "absent.csv: it cannot be read"),
    "few points": (["--csv", "points.csv", "--interval", "5", "6", "--tolerance", "1"], "fewer than two points"),
    "suffix": (["x", "--interval", "0", "1", "--tolerance", "1", "--out", "net.txt"], "--out net.txt: the name"),
    "no suffix": (["x", "--interval", "0", "1", "--tolerance", "1", "--out", "net"], "fix: --out net.safetensors"),
    "picture": (["x", "--interval", "0", "1", "--tolerance", "1", "--plot", "net.txt"], "fix: --plot net.png"),
    "no folder": (["x", "--interval", "0", "1", "--tolerance", "1", "--out", "absent/net.onnx"], "cannot be written"),
    "file": (["x", "--interval", "0", "1", "--tolerance", "1", "--out", "points.csv/net.onnx"], "cannot be written"),
    "folder": (["x", "--interval", "0", "1", "--tolerance", "1", "--plot", "dir.png"], "dir.png is a folder"),
    "unwritable": (["x", "--interval", "0", "1", "--tolerance", "1", "--out", "/proc/net.onnx"], "cannot be written"),
    "overflow": (["1e39*x", *"--interval 0 1 --tolerance 1e30 --out net.onnx --precision float32".split()],
                 "its numbers overflow in float32\n  fix: --precision float64"),
}  # fmt: skip


def refused(result, expected):
    """One problem, one cure, on at most two lines of standard error, and nothing on standard output."""
    assert (result.status, result.out) == (2, ""), result
    assert expected in result.err
    assert re.fullmatch(r"reseau: .+(\n  fix: .+)?\n", result.err), result.err


@pytest.mark.parametrize("what", WORDS)
def test_words_are_refused(reseau, tree, what):
    words, expected = WORDS[what]
    Path("points.csv").write_text("x,y\n0,0\n1,1\n")
    Path("dir.png").mkdir()
    before = tree()
    refused(reseau("approximate", *words), expected)
    assert tree() == before


@pytest.mark.parametrize("what", POINTS)
def test_points_are_refused(reseau, tree, what):
    content, expected = POINTS[what]
    Path("points.csv").write_text(content)
    before = tree()
    refused(reseau("approximate", "--csv", "points.csv", "--tolerance", "0.1", "--out", "net.onnx"), expected)
    assert tree() == before


@pytest.mark.parametrize("seed", range(5))
def test_the_rounding_bound_holds_for_every_order_of_the_sum(seed):
    rng = np.random.default_rng(seed)
    f = ShallowNetwork(rng.normal(size=(40, 1)), rng.normal(size=40), rng.normal(size=40), radius=3.0)
    promised = rounding_error(f, "float32")
    w, b, eta = (a.astype(np.float32) for a in (f.weights[:, 0], f.biases, f.outputs))
    worst = 0.0
    for x in rng.uniform(-3, 3, 50).astype(np.float32):
        exact = sum(
            Fraction(e) * max(Fraction(v) * Fraction(float(x)) + Fraction(c), Fraction(0))
            for v, c, e in zip(f.weights[:, 0].tolist(), f.biases.tolist(), f.outputs.tolist(), strict=True)
        )
        terms = eta * np.maximum(w * x + b, np.float32(0))
        orders = [np.argsort(terms), np.argsort(-terms), rng.permutation(40)]
        for order in orders:
            total = np.float32(0)
            for term in terms[order]:
                total += term
            worst = max(worst, abs(float(Fraction(float(total)) - exact)))
    assert 0 < worst <= promised
    assert promised < 1000 * worst
    assert math.isinf(rounding_error(ShallowNetwork([[1e30]], [0.0], [1e10]), "float32"))
