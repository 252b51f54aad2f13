"""ONNX's own conformance tests: `python onnx_conformance.py BACKEND KIND PART PARTS` prints what passed, and why not.

BACKEND is `reseau`, `onnxruntime` or `reference`. KIND is `all`; `third`, every third case but whole networks and those
of `fnuz`; or `fnuz`: the types of 8 bits without a negative zero, which XLA's older way of writing kernels gets wrong.
"""

import json
import sys
import unittest
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import onnx
from onnx.backend.base import Backend as OnnxBackend
from onnx.backend.base import BackendRep
from onnx.backend.test import BackendTest, runner
from onnx.backend.test.case import node

LIST = Path(__file__).with_name("onnx_conformance.json")


class Reference(OnnxBackend):
    """ONNX's reference evaluator as a backend."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> BackendRep:
        from onnx.reference import ReferenceEvaluator

        class Prepared(BackendRep):
            def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
                evaluator = ReferenceEvaluator(model)
                return tuple(evaluator.run(None, dict(zip(evaluator.input_names, inputs, strict=False))))

        return Prepared()

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"


def backend(name: str) -> Any:
    """The backend of this name."""
    if name == "reference":
        return Reference
    if name == "onnxruntime":
        import onnxruntime
        from onnxruntime.backend.backend import OnnxRuntimeBackend

        onnxruntime.set_default_logger_severity(4)
        return OnnxRuntimeBackend
    from reseau.onnx import Backend

    return Backend


def cases(of: Any) -> dict[str, unittest.TestCase]:
    """Every case that runs on a CPU, by its name; whole networks last."""
    found = {}
    kinds = BackendTest(of, __name__).test_cases
    for name in sorted(kinds, key=lambda name: "Real" in name):
        for test in unittest.defaultTestLoader.getTestCaseNames(kinds[name]):
            if test.endswith("_cpu"):
                found[test.removesuffix("_cpu")] = kinds[name](test)
    return found


def only(*operators: str) -> None:
    """Have the cases of these operators alone: ONNX takes ten seconds to make all."""
    for name in operators:
        import_module(f"{node.__name__}.{name}")
    runner.load_model_tests = lambda kind: node._NodeTestCases if kind == "node" else []


def run(of: Any, kind: str, part: int, parts: int) -> dict[str, Any]:
    """The results of the cases, each run by ONNX's runner."""
    passed, wrong = 0, {}
    chosen = cases(of).items()
    if kind == "third":
        chosen = [c for c in chosen if "RealModel" not in type(c[1]).__name__ and "FNUZ" not in c[0]][::3]
    elif kind == "fnuz":
        chosen = [c for c in chosen if "FNUZ" in c[0]]
    for name, test in list(chosen)[part::parts]:
        result = unittest.TestResult()
        test.run(result)
        if result.wasSuccessful() and not result.skipped:
            passed += 1
        else:
            said = next(why for _, why in (*result.errors, *result.failures, *result.skipped))
            wrong[name] = said.strip().splitlines()[-1]
    return {"passed": passed, "wrong": wrong}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the test data divide by zero on purpose
    name, kind, part, parts = sys.argv[1:]
    if kind == "fnuz":
        only("cast", "castlike")
    sys.stdout.write(json.dumps(run(backend(name), kind, int(part), int(parts))))
