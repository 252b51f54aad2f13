"""The examples on theory, shortened: what their figures show is asserted."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import reseau as rs
from reseau.theory import balance, global_optimum, optimality_gap
from tools.pages import DOCS, same_picture

pytest.importorskip("clarabel")
pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def example():
    """Import one of the examples by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
        yield import_module
    for name in ("width_and_optimum", "random_features"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def trained(example):
    """Networks of 4 and 100 neurons from two seeds, trained for fewer steps than the example's."""
    module = example("width_and_optimum")
    train = module.trainer(*module.points(), steps=5000)
    return module, {(width, seed): train(width, seed) for width in (4, 100) for seed in (0, 1)}


def test_training_reaches_the_optimum_when_the_network_is_wide_and_never_passes_below(trained):
    module, networks = trained
    x, y = module.points()
    best = global_optimum(x, y, module.PENALTY)
    assert best.gap <= 1e-9 * best.primal
    # The objective in NumPy, from its definition: nothing of the library's.
    reached = {}
    for key, f in networks.items():
        hidden = np.maximum(np.outer(x, f.weights[:, 0]) + f.biases, 0)
        norms = np.hypot(f.weights[:, 0], f.biases)
        reached[key] = np.mean((hidden @ f.outputs - y) ** 2) / 2 + module.PENALTY * np.sum(np.abs(f.outputs) * norms)
        assert reached[key] >= best.dual
    narrow, wide = ([reached[width, seed] - best.dual for seed in (0, 1)] for width in (4, 100))
    assert max(wide) < 1e-3 * min(narrow)
    assert max(wide) < 1e-4 * best.primal


def test_the_objective_that_is_trained_is_the_one_that_is_certified(trained):
    module, networks = trained
    x, y = module.points()
    for width in (4, 100):
        f, problem = networks[width, 0], module.objective(width)
        certified = optimality_gap(f, x, y, module.PENALTY).objective
        value, _ = problem.value_and_grad(balance(f).to_network()[1], x[:, None], y)
        assert float(value) == pytest.approx(certified, rel=1e-12)
        by_path = rs.Objective(problem.network, rs.losses.SquaredError(), rs.penalties.PathNorm(module.PENALTY))
        value, _ = by_path.value_and_grad(f.to_network()[1], x[:, None], y)
        assert float(value) == pytest.approx(certified, rel=1e-12)


def test_the_example_writes_its_figure(example, tmp_path, monkeypatch, capsys):
    module = example("width_and_optimum")
    for name, value in {"WIDTHS": (1, 2), "SEEDS": (0,), "STEPS": 50}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(sys, "argv", ["width_and_optimum.py", "--out", str(tmp_path / "width.png")])
    module.main()
    assert (tmp_path / "width.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.count("neurons: at most") == 2


@pytest.mark.slow
@pytest.mark.usefixtures("optimized")
def test_the_figure_of_width_and_optimum_is_the_one_of_the_page(example, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["width_and_optimum.py", "--out", str(tmp_path / "width.png")])
    example("width_and_optimum").main()
    same_picture(tmp_path / "width.png", DOCS / "images" / "width_and_optimum.png")


def test_random_features_tend_to_the_kernel_and_interpolate(example, tmp_path, monkeypatch):
    module = example("random_features")
    monkeypatch.setattr(sys, "argv", ["random_features.py", "--out", str(tmp_path / "features.png")])
    module.main()
    same_picture(tmp_path / "features.png", DOCS / "images" / "random_features.png")
    measured = module.measure()
    apart = np.abs(measured.curves - measured.limit).max(axis=1)
    assert apart[-1] < 0.1 < apart[1]
    at_points = np.interp(measured.x, measured.grid, measured.curves[-1])
    assert np.abs(at_points - measured.y).max() < 0.01  # linear between 401 points of the grid
