"""Random graphs of many types, opsets and open lengths: what onnxruntime computes at every size, written back too."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx
import pytest

import reseau as rs

pytest.importorskip("onnxruntime")

from tools.onnx_fuzz import grow
from tools.onnx_grown import SIZES, Grown, fits, inputs_at, session


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):
        yield


def same(ours: list[np.ndarray], theirs: list[np.ndarray], half: bool) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if b.dtype.kind in "iub":
            np.testing.assert_array_equal(a, b)
            continue
        tolerance = 2e-2 if half else 1e-4
        largest = np.abs(b[np.isfinite(b)]).max(initial=1)
        np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=tolerance, atol=tolerance * largest)


def several(found: Any) -> list[np.ndarray]:
    """The outputs as arrays, one or more."""
    return [np.asarray(v) for v in (found if isinstance(found, tuple) else (found,))]


def check(grown: Grown, folder: Path) -> None:
    """Read it, run it at every size that onnxruntime runs, at the first also compiled; write it back and run that."""
    made = grown.model()
    onnx.save(made, folder / "made.onnx")
    half = any(v.dtype == np.float16 for v in grown.values.values())
    net, params = rs.load(folder / "made.onnx")
    net.save(folder / "back.onnx", params)
    first, back = session(made), session(onnx.load(folder / "back.onnx"))
    for lengths in SIZES:
        given = inputs_at(grown, lengths)
        try:
            right = first.run(None, given)
        except Exception:  # lengths that this graph is not for
            continue
        if not fits(made, given, right):
            continue
        ordered = [given[str(n.name)] for n in net.graph.inputs]
        found = several(net(params, *ordered))
        same(found, right, half)
        # what reads memory that nobody wrote is another value each time
        assert [v.tobytes() for v in several(net(params, *ordered))] == [v.tobytes() for v in found]
        if lengths is SIZES[0]:
            same(several(net.compile(params)(*ordered)), right, half)
        same(back.run(None, {i.name: given[i.name] for i in back.get_inputs()}), right, half)


@pytest.mark.parametrize("seed", range(6))
def test_a_random_graph_is_right_at_every_size(seed: int, tmp_path: Path) -> None:
    check(grow(seed), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1_000, 1_400))
def test_many_random_graphs_are_right_at_every_size(seed: int, tmp_path: Path) -> None:
    check(grow(seed), tmp_path)
