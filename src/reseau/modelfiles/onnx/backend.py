"""ONNX's conformance tests run against this library: a backend in the sense of `onnx.backend.test`."""

import unittest
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend.base import Backend as OnnxBackend
from onnx.backend.base import BackendRep

from reseau.graph.backprop import evaluate
from reseau.modelfiles.onnx.checks import QUICK
from reseau.modelfiles.onnx.importer import Needs
from reseau.modelfiles.onnx.reading import imported
from reseau.modelfiles.onnx.tensors import Arrays

__all__ = ["Backend", "Prepared"]

OUT_OF_SCOPE = {"sequence_type": "sequences", "optional_type": "optional values", "map_type": "maps"}


class Prepared(BackendRep):
    """A model that is read anew for the shapes of the inputs that it is given, and compiled."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model

    def run(self, inputs: Any, **kwargs: Any) -> tuple[np.ndarray, ...]:
        """The outputs for these inputs, in the order of the graph's."""
        stored = {t.name for t in self.model.graph.initializer}
        declared = [i for i in self.model.graph.input if i.name not in stored]
        given = {i.name: in_type(v, i) for i, v in zip(declared, inputs, strict=False)}
        for i in declared:
            set_shape(i, given[i.name].shape)
        fixed: dict[str, np.ndarray] = {}
        while True:
            try:
                graph, arrays = imported(self.model, Arrays(Path("model.onnx")), fixed, {}, batch=False)
                break
            except Needs as error:
                fixed |= {name: given[name] for name in error.inputs}
        with jax.enable_x64(True):
            nodes = [n for n in graph.nodes if n.op is None]
            values = [arrays[n] if n in arrays else given[str(n.name)] for n in nodes]

            def compute(values: list[Any]) -> list[Any]:
                found = evaluate(graph.nodes, dict(zip(nodes, values, strict=True)))
                return [found[n] for n in graph.outputs]

            return tuple(np.asarray(v) for v in jax.jit(compute, compiler_options=QUICK)(values))


class Backend(OnnxBackend):
    """`onnx.backend.test.BackendTest(reseau.onnx.Backend, __name__)`; what is out of scope is skipped with a reason."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> Prepared:
        """A model to be run; `SkipTest` where it is made of something else than arrays of numbers."""
        for declared in (*model.graph.input, *model.graph.output):
            kind = declared.type.WhichOneof("value")
            if kind in OUT_OF_SCOPE:
                raise unittest.SkipTest(f"{declared.name} holds {OUT_OF_SCOPE[kind]}; only arrays are read")
            if declared.type.tensor_type.elem_type == onnx.TensorProto.STRING:
                raise unittest.SkipTest(f"{declared.name} holds text; only arrays of numbers are read")
        return Prepared(model)

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        """The outputs of a model."""
        return cls.prepare(model, device).run(inputs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether the tests of a device are run: those of the CPU."""
        return device == "CPU"


def in_type(value: Any, declared: onnx.ValueInfoProto) -> np.ndarray:
    """The array in the type of its input; the test data write some numbers as text."""
    array = numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
    return array.astype(helper.tensor_dtype_to_np_dtype(declared.type.tensor_type.elem_type), copy=False)


def set_shape(declared: onnx.ValueInfoProto, lengths: tuple[int, ...]) -> None:
    """Put the lengths of an array that is given in the place of those that were declared."""
    shape = declared.type.tensor_type.shape
    del shape.dim[:]
    for n in lengths:
        shape.dim.add(dim_value=n)
    shape.SetInParent()
