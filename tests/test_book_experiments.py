"""The command of the four experiments, on fewer steps: the setting is the book's, and it learns."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[1] / "examples" / "book_experiments.py"


@pytest.mark.usefixtures("optimized")
def test_the_experiments_run_and_are_drawn(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("book_experiments", PATH)
    book = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "book_experiments", book)
    spec.loader.exec_module(book)
    assert (book.N, book.NOISE, book.WIDTHS, book.RESTARTS) == (128, 0.2, (5, 32, 100), 20)
    assert (book.BATCH, book.RATE, book.STEPS, len(book.TARGETS)) == (16, 0.005, 400_000, 4)
    measured = book.measure(steps=20_000, restarts=2)
    outcome = measured["triangle wave", 100]
    assert outcome.curves.shape == (2, len(book.GRID))
    assert outcome.steps[-1] == 20_000
    # what the curves say, computed again from the functions themselves
    again = np.mean((outcome.curves - book.TARGETS["triangle wave"](book.GRID)) ** 2, axis=1)
    np.testing.assert_allclose(outcome.excess[:, -1], again, rtol=1e-4)
    assert np.all(outcome.excess[:, -1] < outcome.excess[:, 0])
    book.draw(measured).savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 50_000
