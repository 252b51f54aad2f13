"""The names other programs call, as the design promises them, and an import that costs nothing."""

import ast
import builtins
import inspect
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Self, get_type_hints

import numpy as np
import pytest

import reseau as rs

HEAVY = ("jax", "sklearn", "onnx", "matplotlib", "scipy", "numpy", "rich")


def loaded(code: str) -> list[str]:
    """Heavy modules that a fresh interpreter holds after running the code."""
    ask = f"import sys; {code}; print([m for m in {HEAVY} if m in sys.modules])"
    return ast.literal_eval(
        subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    )


def test_importing_loads_nothing_heavy():
    assert loaded("import reseau") == []


def test_that_test_can_fail():
    assert "jax" in loaded("import reseau; reseau.affine")


def test_every_name_is_there_and_an_unknown_one_is_an_attribute_error():
    for name in dir(rs):
        assert getattr(rs, name) is not None
    assert set(rs.__all__) <= set(dir(rs))
    with pytest.raises(AttributeError, match="no attribute 'afine'; did you mean 'affine'"):
        _ = rs.afine
    assert rs.__version__.count(".") == 2


def test_the_stub_for_type_checkers_is_the_one_that_make_face_writes():
    program = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "write_stub.py"))
    assert Path(rs.__file__).with_suffix(".pyi").read_text() == program["stub"]()


def test_a_star_import_leaves_the_builtins_in_place():
    space: dict[str, object] = {}
    exec("from reseau import *", space)
    assert "affine" in space
    assert not [
        name for name in vars(builtins) if name in space and name != "__builtins__" and not name.startswith("__")
    ]


def test_the_contract_of_the_design(tmp_path):
    x = rs.input("image", (28, 28, 1))
    h = rs.max_pool(rs.relu(rs.conv(x, 32, (3, 3), name="conv1")), (2, 2))
    h = rs.relu(rs.affine(rs.flatten(h), 128, name="hidden"))
    net = rs.Network(x, rs.affine(h, 10, name="logits"))
    params = net.init(seed=0)
    assert list(params)[:2] == ["conv1.weight", "conv1.bias"]
    images = np.random.default_rng(0).random((4, 28, 28, 1), dtype=np.float32)
    y = net(params, images)
    run = net.forward(params, images)
    np.testing.assert_allclose(run.output, y, rtol=1e-4, atol=1e-5)
    assert run["conv1"].shape == (4, 28, 28, 32)
    grads = net.backward(run, np.ones((4, 10)))
    assert grads.params["conv1.weight"].shape == (3, 3, 1, 32)
    assert grads["conv1"].shape == run["conv1"].shape
    assert grads["image"].shape == images.shape
    assert "conv1" in str(net.summary())
    net.draw(tmp_path / "net.svg")
    assert (tmp_path / "net.svg").read_text().startswith("<")
    for suffix in ("safetensors", "onnx"):
        net.save(tmp_path / f"net.{suffix}", params)
        again, found = rs.load(tmp_path / f"net.{suffix}")
        np.testing.assert_allclose(again(found, images), y, rtol=1e-4, atol=1e-5)

    objective = rs.Objective(net, loss=rs.losses.CrossEntropy(), penalty=rs.penalties.L2(1e-4))
    labels = np.array([0, 1, 2, 3])
    value, slopes = objective.value_and_grad(params, images, labels, sample_weight=None)
    assert np.isfinite(value)
    assert slopes.keys() == params.keys()
    for record in rs.train(objective, (images, labels), optimizer=rs.optimizers.Adam(1e-3),
                           batches=rs.batches.Shuffled(2), epochs=2):  # fmt: skip
        assert record.loss > 0
    result = rs.fit(objective, (images, labels), optimizer=rs.optimizers.SGD(0.1, momentum=0.9),
                    batches=rs.batches.Shuffled(2), epochs=2, validation=(images, labels), seed=0)  # fmt: skip
    assert result.params.keys() == params.keys()
    assert len(result.history["loss"]) == 2
    assert net.explain(params, images, np.ones((4, 10)))
    assert net.diagnose(params, images)


def test_all_listed_names_of_the_vocabulary_exist():
    for name in (
        "affine conv conv_transpose sigmoid tanh relu leaky_relu gelu softplus softmax log_softmax max_pool "
        "average_pool global_average_pool batch_norm layer_norm clip dropout flatten reshape transpose concatenate "
        "embedding apply"
    ).split():
        assert callable(getattr(rs, name))
    for name in "SquaredError AbsoluteError Huber Logistic Hinge Ramp CrossEntropy Poisson".split():
        assert callable(getattr(rs.losses, name))
    for name in "L1 L2 PathNorm WeightDecay".split():
        assert callable(getattr(rs.penalties, name))
    for name in "Shuffled WithReplacement Poisson Cyclic".split():
        assert callable(getattr(rs.batches, name))
    for name in "SGD Adagrad RMSProp Adam AdamW Constant InverseTime Cosine Step Warmup".split():
        assert callable(getattr(rs.optimizers, name))


def test_what_is_alike_is_called_alike():
    assert list(inspect.signature(rs.input).parameters)[:2] == ["name", "shape"]
    assert list(inspect.signature(rs.parameter).parameters)[:2] == ["name", "shape"]
    for estimator in (rs.NetworkClassifier, rs.NetworkRegressor):
        assert get_type_hints(estimator.fit)["return"] is Self
    for read in (rs.load, lambda path: rs.data.read_csv(path, target="y"), rs.data.read_npz):
        with pytest.raises(OSError, match=r"nowhere(.|\n)*fix: "):
            read("nowhere.onnx")


def test_tab_completion_shows_every_public_name_of_a_module_that_loads_some_late():
    for module in (rs.theory, rs.data):
        assert dir(module) == sorted(module.__all__)


def test_a_result_is_told_in_a_line_and_not_by_its_arrays():
    x = rs.input("x", (3,))
    objective = rs.Objective(rs.Network(x, rs.affine(rs.relu(rs.affine(x, 64)), 1)), rs.losses.SquaredError())
    table = rs.data.from_arrays(np.ones((500, 3), np.float32), np.arange(500) % 2)
    result = rs.fit(objective, (np.ones((4, 3)), np.ones(4)), steps=2, progress=False)
    assert repr(table) == "<Table 500 rows of arrays (3,), target 'y': 2 classes>"
    assert re.fullmatch(r"<FitResult finished after 2 steps, \S+ s; last epoch: loss \S+>", repr(result))
    found = rs.conformal(objective.network, result.params, (np.ones((20, 3)), np.ones(20)))
    assert len(repr(found)) < 300
