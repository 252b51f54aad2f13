"""An ONNX file run by onnxruntime, and a network run here, as lists of arrays."""

from pathlib import Path

import numpy as np
import onnxruntime

import reseau as rs

onnxruntime.set_default_logger_severity(3)


def elsewhere(path: Path, *inputs: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


def here(net: rs.Network, params: object, *inputs: np.ndarray) -> list[np.ndarray]:
    y = net(params, *inputs)
    return [np.asarray(v) for v in (y if isinstance(y, tuple) else (y,))]
