"""Files of earlier releases: models, runs and checkpoints go on loading, and compute what they computed."""

from pathlib import Path

import jax
import numpy as np
import pytest

import reseau as rs
from fixtures.write import line_fit
from reseau import cli

RELEASES = sorted(p.name for p in (Path(__file__).parent / "fixtures").iterdir() if p.is_dir() and p.name[0].isdigit())


@pytest.fixture(params=RELEASES)
def release(request):
    return Path(__file__).parent / "fixtures" / request.param


@pytest.fixture
def single_precision():
    with jax.enable_x64(False):
        yield


@pytest.mark.parametrize("suffix", ["safetensors", "onnx"])
def test_a_model_computes_what_it_computed(release, suffix, single_precision):
    kept = np.load(release / "image.npz")
    net, params = rs.load(release / f"image.{suffix}")
    first, second = net(params, kept["image"], kept["token"])
    np.testing.assert_allclose(first, kept["first"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(second, kept["second"], rtol=1e-4, atol=1e-5)


def test_a_checkpoint_goes_on(release, tmp_path, single_precision):
    for file in (release / "checkpoint").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    result = line_fit(tmp_path, 6)
    kept = np.load(release / "checkpoint.npz")
    assert len(result.history["loss"]) == 6
    assert {name: v.shape for name, v in result.params.items()} == {name: v.shape for name, v in kept.items()}
    for name, value in kept.items():
        np.testing.assert_allclose(result.params[name], value, rtol=1e-5, atol=1e-6)


def test_a_run_predicts_what_it_predicted(release, tmp_path, single_precision):
    out = tmp_path / "predicted.csv"
    assert cli.main(["predict", str(release / "run"), str(release / "table.csv"), "--out", str(out)]) == 0
    values = [[float(v) for v in path.read_text().split()[2:]] for path in (out, release / "predicted.csv")]
    np.testing.assert_allclose(*values, rtol=1e-4)
