"""The README's Python runs as it is printed, and every public docstring's example gives what it shows."""

import doctest
import pkgutil
import re
from functools import partial
from importlib import import_module
from pathlib import Path

import jax
import pytest

import reseau
from reseau import ops

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
