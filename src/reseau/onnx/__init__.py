"""ONNX model files: any graph is read as a network and trained on, any network is written and run elsewhere."""

from reseau.onnx.reading import read
from reseau.onnx.writing import write

__all__ = ["read", "write"]
