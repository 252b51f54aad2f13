"""ONNX's conformance tests: what does not pass is written down with its reason, and everything else passes."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import pytest

from reseau.onnx import Backend
from tools import onnx_conformance
from tools.compiling import AS_USERS

TOOL = Path(onnx_conformance.__file__)
LISTED = json.loads(onnx_conformance.LIST.read_text())
EXCUSED = {name for names in LISTED["not passed"].values() for name in names}
FNUZ = 36  # cases of the types of 8 bits without a negative zero


def test_every_third_case_passes_but_those_that_are_listed() -> None:
    with warnings.catch_warnings(), jax.enable_x64(False):
        warnings.simplefilter("ignore")  # the test data divide by zero on purpose
        found = onnx_conformance.run(Backend, "third", 0, 1)
    assert not {name: why for name, why in found["wrong"].items() if name not in EXCUSED}
    assert found["passed"] + len(found["wrong"]) >= (LISTED["passed"] - FNUZ) // 3


def results(backend: str, kind: str, processes: int) -> tuple[int, dict[str, str]]:
    """How many cases passed, and why each other one did not, compiled as for users."""
    runs = [
        subprocess.Popen(
            [sys.executable, str(TOOL), backend, kind, str(part), str(processes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | AS_USERS,
            text=True,
        )
        for part in range(processes)
    ]
    ends = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0] * processes, ends[0][1] + ends[-1][1]
    found = [json.loads(out) for out, _ in ends]
    return sum(f["passed"] for f in found), {name: why for f in found for name, why in f["wrong"].items()}


def test_the_types_of_8_bits_that_quick_compilation_gets_wrong_pass() -> None:
    assert results("reseau", "fnuz", 1) == (FNUZ, {})


@pytest.mark.slow
def test_the_whole_suite_passes_as_often_as_is_said_and_more_often_than_elsewhere() -> None:
    table = {name: results(name, "all", 2) for name in ("reseau", "onnxruntime", "reference")}
    for name, (passed, wrong) in table.items():
        print(f"{name}: {passed} of {passed + len(wrong)}")
    passed, wrong = table["reseau"]
    assert set(wrong) <= EXCUSED, {name: why for name, why in wrong.items() if name not in EXCUSED}
    assert passed + len(wrong) == LISTED["cases"]
    assert passed >= LISTED["passed"]
    assert passed > max(table["onnxruntime"][0], table["reference"][0])


def test_the_devices_that_are_claimed() -> None:
    assert Backend.supports_device("CPU")
    assert not Backend.supports_device("CUDA")
