"""Words for who may be watching: none of what is quick, now and then one of what is slow, nothing without a console."""

import sys

import numpy as np
import pytest

from reseau import console
from reseau.console import told_where_slow
from reseau.theory import approximate


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(console, "SECONDS_APART", 0.0)


def test_what_is_quick_is_done_without_a_word(capsys):
    told = told_where_slow("work", shown=True)
    for share in (0.0, 0.5, 1.0):
        told("part", share)
    assert capsys.readouterr().err == ""


def test_what_is_slow_is_told_with_its_share(impatient, capsys):
    told_where_slow("work", shown=True)("the first part", 0.25)
    assert capsys.readouterr().err == "work: the first part, 25%\n"
    told_where_slow("work", shown=False)("the first part", 0.25)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("stream", [None, object()])
def test_without_a_console_nothing_is_said(impatient, monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    told_where_slow("work", shown=True)("part", 0.5)


FUNCTIONS = {
    "an expression": ("sin(40*x)", (-1.0, 1.0), 1e-2),
    "points": (np.sin(np.linspace(0, 40, 1000)).tolist(), None, 0.1),
    "a function": (np.cos, (0.0, 9.0), 1e-2),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_an_approximation_tells_how_far_it_is(impatient, capsys, kind):
    pytest.importorskip("flint")
    f, interval, tolerance = FUNCTIONS[kind]
    f = (np.arange(len(f)) / 10, f) if kind == "points" else f
    found = approximate(f, interval, tolerance)
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("approximate: ") and line.endswith("%") for line in lines)
    assert any("counting pieces over" in line for line in lines)
    assert any("the values at" in line for line in lines) == (kind == "an expression")
    assert approximate(f, interval, tolerance, progress=False).pieces == found.pieces
    assert capsys.readouterr().err == ""


def test_an_approximation_can_be_interrupted(impatient, monkeypatch):
    pytest.importorskip("flint")

    class Interrupts:
        def write(self, text):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stderr", Interrupts())
    with pytest.raises(KeyboardInterrupt):
        approximate("sin(40*x)", (-1.0, 1.0), 1e-2)
    monkeypatch.undo()
    assert approximate("x^2", (-1.0, 1.0), 1e-2).pieces == 8
