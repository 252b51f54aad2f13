"""ONNX's test cases as files on a disk: `python onnx_as_files.py PART PARTS` prints how many are read and written back.

They are the cases of one operator each, without those that say it again by its definition. Read means that what
`rs.load` gives computes the expected outputs; written, that the file it saves does so in onnxruntime, or, where that
has no kernel for it, in ONNX's reference evaluator.
"""

import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.backend.test import runner
from onnx.backend.test.case.test_case import TestCase
from onnx.reference import ReferenceEvaluator

import reseau as rs
from reseau.modelfiles.onnx.backend import in_type

__all__ = ["cases", "run"]


def cases() -> list[TestCase]:
    """The cases of operators, without those of definitions."""
    return [case for case in runner.load_model_tests(kind="node") if "_expanded" not in case.name]


def run(chosen: Sequence[TestCase]) -> dict[str, Any]:
    """How many cases are read and written back, and why the others are not."""
    read, written, wrong = 0, 0, {}
    for case in chosen:
        stage = "read"
        with TemporaryDirectory() as folder:
            try:
                net, params, given = opened(Path(folder), case)
                read += 1
                stage = "written"
                net.save(Path(folder) / "back.onnx", params)
                compare(case, computed(Path(folder) / "back.onnx", given))
                written += 1
            except Exception as error:  # whatever goes wrong is what is counted
                wrong[case.name] = f"{stage}: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return {"cases": len(chosen), "read": read, "written": written, "wrong": wrong}


def opened(folder: Path, case: TestCase) -> tuple[rs.Network, Any, dict[str, Any]]:
    """The case read from its file, once it has computed what is expected; and its inputs by name."""
    assert case.model is not None
    onnx.save(case.model, folder / "case.onnx")
    (inputs, _), *_ = case.data_sets or ()
    declared = case.model.graph.input
    values = {i.name: in_type(v, i) for i, v in zip(declared, inputs, strict=False)}
    fixed = {i.name: values[i.name] for i in declared if not i.type.HasField("tensor_type")}
    net, params = rs.load(folder / "case.onnx", fixed=fixed)
    given = {name: v for name, v in values.items() if name not in fixed}
    found = net(params, *(given[str(n.name)] for n in net.graph.inputs))
    compare(case, found if isinstance(found, tuple) else (found,))
    return net, params, given


def compare(case: TestCase, found: Sequence[Any]) -> None:
    """Fail where outputs are not what the case expects; the entries of a sequence are outputs of their own here."""
    ((_, outputs),) = (case.data_sets or ())[:1]
    right = [numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else np.asarray(v) for v in entries(outputs)]
    # onnxruntime gives reals of 8 bits as bytes
    pairs = zip(entries(found), right, strict=True)
    ours = [np.asarray(v).view(r.dtype) if is_byte(r) else np.asarray(v) for v, r in pairs]
    runner.Runner.assert_similar_outputs(right, ours, case.rtol, case.atol)


def entries(outputs: Sequence[Any]) -> list[Any]:
    """The outputs, of a sequence each of its entries."""
    return [v for output in outputs for v in (output if isinstance(output, list) else [output])]


def is_byte(array: np.ndarray) -> bool:
    """Whether an array holds numbers of 8 bits that NumPy has no type for."""
    return array.dtype.itemsize == 1 and array.dtype.kind == "V"


def computed(path: Path, given: Mapping[str, Any]) -> list[Any]:
    """The outputs of a file by onnxruntime, or by ONNX's reference where that cannot run it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        return session.run(None, {i.name: given[i.name] for i in session.get_inputs()})
    except Exception:  # a type without a kernel, or without an array in NumPy
        evaluator = ReferenceEvaluator(onnx.load(path))
        return list(evaluator.run(None, {name: given[name] for name in evaluator.input_names}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the test data divide by zero on purpose
    part, parts = map(int, sys.argv[1:])
    sys.stdout.write(json.dumps(run(cases()[part::parts])))
