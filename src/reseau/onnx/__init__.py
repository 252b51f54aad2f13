"""ONNX model files: any graph is read as a network and trained on, any network is written and run elsewhere."""

from reseau.onnx.backend import Backend
from reseau.onnx.reading import read
from reseau.onnx.writing import write

__all__ = ["Backend", "read", "write"]
