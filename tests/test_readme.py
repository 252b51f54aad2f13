"""The README's Python runs as it is printed, and every public docstring's example gives what it shows."""

import doctest
import pkgutil
import re
from functools import partial
from importlib import import_module
from pathlib import Path

import jax
import numpy as np
import onnxruntime
import pytest

import reseau
from reseau import ops
from reseau.tabular import TableSettings, table_fit
from tools.pages import typed

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
MODULES = [m.name for m in pkgutil.walk_packages(reseau.__path__, "reseau.") if not m.name.endswith("__main__")]


@pytest.mark.usefixtures("optimized")
def test_the_tour_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) == 3
    space: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), space)
    assert {p.name for p in tmp_path.iterdir()} == {"net.svg", "net.onnx", "digits.onnx"}
    shown = capsys.readouterr().out
    assert "conv1" in shown
    assert "d(line[0,0]) = (1 × 1) = 1" in shown  # of a neuron that is alive
    assert not re.search(r"(?<![\d.e])-0(?![\d.])", shown)
    assert space["result"].history["loss"][-1] < 0.4


def test_from_an_empty_folder_a_table_becomes_a_report_a_certificate_and_an_onnx_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = TableSettings(members=2, epochs=16, held_out=0.2, batch=64, hidden=(16,))
    monkeypatch.setattr(table_fit, "settings_for", lambda rows, classes, work, seconds: quick)
    (block,) = re.findall(r"From an empty folder.*?```sh\n(.*?)```", README.read_text(), re.DOTALL)
    said = typed(block)
    assert "455 of 569 of these rows were trained on; they are left out" in said
    bound = float(re.search(r"the error rate is at most ([\d.]+) \[hold-out\]", said)[1])
    assert "<table" in (tmp_path / "tumors-run" / "report.html").read_text(encoding="utf-8")
    rows = np.loadtxt("tumors.csv", np.float32, delimiter=",", skiprows=1)
    session = onnxruntime.InferenceSession("tumors.onnx")
    columns = (tmp_path / "tumors.csv").read_text().splitlines()[0].split(",")[:-1]
    given = {i.name: rows[:, [columns.index(i.name)]] for i in session.get_inputs()}
    assert [output.name for output in session.get_outputs()] == ["label", "probabilities", "scores"]
    (label,) = session.run(["label"], given)
    assert (label != rows[:, -1]).mean() < bound


@pytest.fixture
def whole_operations(monkeypatch):
    """Each call of an operation is one program, as in a network, and not one for each of its steps: half the time."""
    for kind in (value for value in vars(ops).values() if isinstance(value, type) and issubclass(value, ops.Op)):
        for name in {"forward", "backward"} & vars(kind).keys():
            if not kind.host:
                monkeypatch.setattr(kind, name, compiled(getattr(kind, name)))


def compiled(function):
    return lambda op, *arrays: jax.jit(partial(function, op))(*arrays)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name, whole_operations):
    failed, _ = doctest.testmod(import_module(name))
    assert failed == 0


def test_some_modules_have_examples():
    finder = doctest.DocTestFinder()
    count = sum(bool(t.examples) for name in MODULES for t in finder.find(import_module(name)))
    assert count > 50
