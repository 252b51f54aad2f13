"""ONNX's conformance tests: at least the committed number passes, and what is skipped says why."""

import json
import subprocess
import sys
import unittest
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

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


@pytest.mark.parametrize("kind", ["sequence", "text"])
def test_what_is_out_of_scope_is_skipped_with_a_reason(kind: str) -> None:
    declared = (
        helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
        if kind == "sequence"
        else helper.make_tensor_value_info("x", TensorProto.STRING, [1])
    )
    node = helper.make_node("Identity", ["x"], ["y"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    model = helper.make_model(helper.make_graph([node], "g", [declared], [y]))
    assert isinstance(model, onnx.ModelProto)
    with pytest.raises(unittest.SkipTest, match="only arrays"):
        Backend.prepare(model)


def test_the_devices_that_are_claimed() -> None:
    assert Backend.supports_device("CPU")
    assert not Backend.supports_device("CUDA")
