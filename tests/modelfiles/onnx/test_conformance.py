"""ONNX's conformance tests: at least the committed number passes, and what is skipped says why."""

import json
import subprocess
import sys
from pathlib import Path

from reseau.onnx import Backend

TOOLS = Path(__file__).parents[2] / "tools"
PARTS = 2


def test_conformance(record_property) -> None:
    listed = json.loads((TOOLS / "onnx_conformance.json").read_text())
    runs = [
        subprocess.Popen(
            [sys.executable, str(TOOLS / "onnx_conformance.py"), str(part), str(PARTS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for part in range(PARTS)
    ]
    ends = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0] * PARTS, ends[0][1] + ends[1][1]
    found = [json.loads(out) for out, _ in ends]
    passed = sum(f["passed"] for f in found)
    wrong = {name: why for f in found for name, why in f["wrong"].items()}
    skipped = {name: why for f in found for name, why in f["skipped"].items()}
    assert passed + len(wrong) + len(skipped) == len(listed["cases"])
    record_property("passed", passed)
    record_property("run", passed + len(wrong))
    record_property("skipped", len(skipped))
    print(f"conformance: {passed} passed, {passed + len(wrong)} run, {len(skipped)} skipped")
    assert passed >= listed["minimum"], wrong
    assert all(skipped.values())


def test_the_devices_that_are_claimed() -> None:
    assert Backend.supports_device("CPU")
    assert not Backend.supports_device("CUDA")
