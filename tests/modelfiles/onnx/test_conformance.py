"""ONNX's conformance tests: what does not pass is written down with its reason, and everything else passes."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import jax
import pytest

from reseau.onnx import Backend
from tools import onnx_conformance
from tools.compiling import AS_USERS

TOOL = Path(onnx_conformance.__file__)
LISTED = json.loads(onnx_conformance.LIST.read_text())
EXCUSED = {name for names in LISTED["not passed"].values() for name in names}
README = Path(__file__).parents[3] / "README.md"
FNUZ = 36  # cases of the types of 8 bits without a negative zero


def test_every_third_case_passes_but_those_that_are_listed() -> None:
    with warnings.catch_warnings(), jax.enable_x64(False):
        warnings.simplefilter("ignore")  # the test data divide by zero on purpose
        found = onnx_conformance.run(Backend, "third", 0, 1)
    assert not {name: why for name, why in found["wrong"].items() if name not in EXCUSED}
    assert found["passed"] + len(found["wrong"]) >= (LISTED["passed"] - FNUZ) // 3


def printed(tool: Path, *words: str, processes: int) -> list[dict[str, Any]]:
    """What a tool prints for each part of the cases, compiled as for users."""
    runs = [
        subprocess.Popen(
            [sys.executable, str(tool), *words, str(part), str(processes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | AS_USERS,
            text=True,
        )
        for part in range(processes)
    ]
    ends = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0] * processes, ends[0][1] + ends[-1][1]
    return [json.loads(out) for out, _ in ends]


def results(backend: str, kind: str, processes: int) -> tuple[int, dict[str, str]]:
    """How many cases passed, and why each other one did not."""
    found = printed(TOOL, backend, kind, processes=processes)
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


@pytest.mark.slow
def test_cases_are_read_from_files_and_written_back_as_often_as_is_said() -> None:
    found = printed(TOOL.with_name("onnx_as_files.py"), processes=2)
    counts = {key: sum(part[key] for part in found) for key in ("cases", "read", "written")}
    print(counts)
    said = LISTED["as files"]
    assert counts["cases"] == said["cases"]
    assert counts["read"] >= said["read"], found
    assert counts["written"] >= said["written"], found


def test_readme_says_the_numbers_that_are_listed() -> None:
    readme, files = " ".join(README.read_text().split()), LISTED["as files"]
    assert f"{LISTED['passed']} of the {LISTED['cases']} cases of ONNX's backend tests" in readme
    assert f"{files['cases']:,} cases of one operator, saved as files, {files['read']:,} are read" in readme
    assert f"and {files['written']:,} are written back" in readme


def test_the_devices_that_are_claimed() -> None:
    assert Backend.supports_device("CPU")
    assert not Backend.supports_device("CUDA")
