"""scikit-learn's own tests of its MLP estimators, run against ours in a process of their own."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

import reseau

THEIRS = "sklearn.neural_network.tests.test_mlp"

FAIL = {
    "test_fit": "builds the estimator by assigning its private attributes and its coefs_; ours are read only",
    "test_gradient": "calls the private method _loss_grad_lbfgs",
    "test_learning_rate_warmstart": "reads the private _optimizer; see history_['learning_rate']",
    "test_adaptive_learning_rate": "reads the private _optimizer; see history_['learning_rate']",
    "test_n_iter_no_change": "reads the private _no_improvement_count",
    "test_n_iter_no_change_inf": "reads the private _no_improvement_count",
    "test_nonfinite_params": "wants their sentence; the ValueError is there",
    "test_warm_start": "wants their sentence; the ValueError is there",
    "test_early_stopping_stratified": "wants an error for a class of one row; ours trains on that row",
    "test_predict_proba_multilabel": "wants the logarithm of the rounded probability; ours keeps its digits near 1",
}
"""What we know to fail, and why."""


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("sklearn.neural_network.tests") is None, reason="scikit-learn is installed without its tests"
)
def test_scikit_learn_s_tests_of_its_mlp(tmp_path, record_property):
    report = tmp_path / "report.xml"
    plugins = ["-p", "tools.in_place_of_mlp", "-p", "no:cacheprovider", "-p", "no:xdist"]
    paths = [str(Path(__file__).parents[1]), str(Path(reseau.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "--pyargs", THEIRS, f"--junitxml={report}"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        cwd=tmp_path,  # away from our settings of pytest
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), run.stdout + run.stderr
    cases = {c.attrib["name"]: {part.tag for part in c} for c in ElementTree.parse(report).iter("testcase")}
    failed = {name for name, parts in cases.items() if parts & {"failure", "error"}}
    skipped = {name for name, parts in cases.items() if "skipped" in parts}
    record_property("passed", len(cases) - len(failed) - len(skipped))
    record_property("run", len(cases) - len(skipped))
    record_property("skipped", len(skipped))
    assert len(cases) > len(FAIL)
    assert failed == FAIL.keys(), run.stdout
