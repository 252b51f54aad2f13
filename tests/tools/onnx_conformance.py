"""Run ONNX's own conformance tests: `python conformance.py PART PARTS` prints what passed, failed and was skipped."""

import json
import sys
import unittest
import warnings
from pathlib import Path

from onnx.backend.test import BackendTest

from reseau.onnx import Backend

LIST = Path(__file__).with_name("onnx_conformance.json")


def run(names: list[str]) -> dict[str, object]:
    """The results of the cases, each run by ONNX's runner."""
    tests = {}
    for kind in BackendTest(Backend, __name__).test_cases.values():
        for name in unittest.defaultTestLoader.getTestCaseNames(kind):
            tests[name] = kind(name)
    passed, wrong, skipped = 0, {}, {}
    for name in names:
        test = tests.get(f"{name}_cpu")
        if test is None:
            wrong[name] = "this version of onnx does not have it"
            continue
        result = unittest.TestResult()
        test.run(result)
        if result.skipped:
            skipped[name] = result.skipped[0][1]
        elif result.wasSuccessful():
            passed += 1
        else:
            wrong[name] = (result.errors + result.failures)[0][1].strip().splitlines()[-1]
    return {"passed": passed, "wrong": wrong, "skipped": skipped}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the test data divide by zero on purpose
    part, parts = int(sys.argv[1]), int(sys.argv[2])
    sys.stdout.write(json.dumps(run(json.loads(LIST.read_text())["cases"][part::parts])))
