"""Every operation that has a form in ONNX is written so, computes the same in onnxruntime, and is read without us."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest

import reseau as rs
from reseau.errors import UnsupportedError
from reseau.graph import Input, Node, apply_op
from reseau.modelfiles.onnx.reading import NEWEST_OPSET
from reseau.modelfiles.onnx.rules import READ
from reseau.ops import Op
from tools.operation_cases import APART, CASES, concrete, draw, symbolic

onnxruntime = pytest.importorskip("onnxruntime")

README = Path(__file__).parents[3] / "README.md"

# what only a training graph or the user's own code has, what ONNX has no single operator for, or only one with settings
WITHOUT_FORM = {"Apply", "BatchMean", "BatchVariance", "QuantizedLongShortCell", "RandomMask", "TreeLeaf"}
# other programs draw other numbers from a seed, and onnxruntime returns no arrays of 8-bit reals
NOT_COMPARED = {"RandomLike", "Narrow"}
FIRST: dict[type[Op], tuple[Op, tuple]] = {}
for op_and_case in CASES + APART:
    FIRST.setdefault(type(op_and_case[0]), op_and_case)


@pytest.mark.parametrize(("op", "case"), FIRST.values(), ids=[kind.__name__ for kind in FIRST])
def test_an_operation_is_written_and_read(op: Op, case: tuple, tmp_path) -> None:
    values = draw(case, batch=3, dtype=np.float32)
    inputs = [
        Node(None, (), shape, f"x{i}", Input("float" if v.dtype == jnp.float32 else str(v.dtype)))
        for i, (shape, v) in enumerate(zip(symbolic(case), values, strict=True))
    ]
    net = rs.Network(inputs, apply_op(op, *inputs, name="y"))
    path = tmp_path / "net.onnx"
    if type(op).__name__ in WITHOUT_FORM:
        with pytest.raises(UnsupportedError, match="'y'"):
            net.save(path, {})
        return
    net.save(path, {})
    model = onnx.load(path)
    del model.metadata_props[:]  # nothing but the ONNX graph is left
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {n.name: np.asarray(v) for n, v in zip(inputs, values, strict=True)}
    if type(op).__name__ in NOT_COMPARED:
        again, params = rs.load(path)
        np.testing.assert_array_equal(again(params, *values), op.forward(*values))
        return
    expected = np.asarray(jax.jit(op.forward)(*values))
    theirs = session.run(None, feeds)[0]
    assert theirs.shape == concrete(net.graph.outputs[0].shape, 3)
    np.testing.assert_allclose(theirs, expected, rtol=1e-4, atol=1e-5)
    onnx.save(model, path)
    again, params = rs.load(path)
    np.testing.assert_allclose(again(params, *values), expected, rtol=1e-5, atol=1e-6)


def operators() -> set[str]:
    """The operators of each domain of ONNX up to the newest opset that is read, with their domains."""
    known = onnx.defs.get_all_schemas_with_history()
    return {name_of(s) for s in known if s.domain or s.since_version <= NEWEST_OPSET}


def name_of(schema: onnx.defs.OpSchema) -> str:
    return f"{schema.domain}/{schema.name}" if schema.domain else schema.name


def test_every_operator_of_onnx_has_a_rule_or_is_read_by_its_definition() -> None:
    """What each computes is compared in `test_conformance.py`; README says how many there are."""
    defined = {
        name_of(s)
        for s in onnx.defs.get_all_schemas_with_history()
        if s.has_function or s.has_context_dependent_function
    }
    assert operators() - defined <= set(READ)
    theirs = [name for name in READ if name.startswith("com.microsoft/")]
    readme = " ".join(README.read_text().split())
    assert f"the {len(operators())} operators of ONNX up to opset {NEWEST_OPSET}" in readme
    assert f"{len(theirs)} of onnxruntime's own" in readme
