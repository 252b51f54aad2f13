"""ONNX's conformance tests run against this library: a backend in the sense of `onnx.backend.test`."""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend.base import Backend as OnnxBackend
from onnx.backend.base import BackendRep

from reseau.modelfiles.onnx.reading import run

__all__ = ["Backend", "Prepared"]


class Prepared(BackendRep):
    """A model that is read anew for the inputs that it is given, and computed while it is read."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The outputs for these inputs, in the order of the graph's; a list for a sequence."""
        stored = {t.name for t in self.model.graph.initializer}
        declared = [i for i in self.model.graph.input if i.name not in stored]
        return tuple(run(self.model, {i.name: in_type(v, i) for i, v in zip(declared, inputs, strict=False)}, True))


class Backend(OnnxBackend):
    """`onnx.backend.test.BackendTest(reseau.onnx.Backend, __name__)`.

    Example:
        >>> import reseau as rs
        >>> rs.onnx.Backend.supports_device("CPU")
        True
    """

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> Prepared:
        """A model to be run."""
        return Prepared(model)

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        """The outputs of a model."""
        return cls.prepare(model, device).run(inputs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether the tests of a device are run: those of the CPU."""
        return device == "CPU"


def in_type(value: Any, declared: onnx.ValueInfoProto) -> Any:
    """An array in the type of its input; the test data write some numbers as text."""
    array = numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
    if not declared.type.HasField("tensor_type"):
        return array
    return np.asarray(array).astype(helper.tensor_dtype_to_np_dtype(declared.type.tensor_type.elem_type), copy=False)
