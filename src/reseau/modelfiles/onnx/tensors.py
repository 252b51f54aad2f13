"""The file and its arrays, read without trust: every declared size is compared with what is there first."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from reseau.disk import file_error
from reseau.errors import ModelFileError
from reseau.modelfiles.onnx.sparse import write_out
from reseau.modelfiles.onnx.weights import Weights, without_weights

__all__ = ["LARGEST_CONSTANT", "Arrays", "Budget", "budget_of", "open_model", "type_name"]

LARGEST_CONSTANT = 2**31  # entries that an array of a graph may have
MOST_OF_A_ROW = 2**34  # entries that an array may have for one row of inputs: 64 GiB of float32
LESS = "fix: give large arrays as weights of the file or as inputs, not as something to compute"


@dataclass
class Budget:
    """What one whole reading may take, asked before each array and each node: files are small where bombs are.

    Attributes:
        memory: Bytes of arrays that may still be computed.
        nodes: Nodes that may still be walked, those within functions and loops included.
        reads: Bytes of arrays that may still be read to compute others.
        over: Whether something was refused.
    """

    memory: int
    nodes: int
    reads: int
    over: bool = False

    def spend(self, size: int, read: int = 0) -> None:
        """Ask for an array of this many bytes, computed from so many; what is refused is not spent."""
        self.over |= size > self.memory or read > self.reads
        if size > self.memory:
            raise ValueError(f"it wants an array of {size} bytes, more than a file of this size may ask for\n  {LESS}")
        if read > self.reads:
            raise ValueError(f"it reads {read} bytes once more, more than a file of this size may ask for\n  {LESS}")
        self.memory -= size
        self.reads -= read

    def row(self, shape: Sequence[int | str]) -> None:
        """Refuse an array that is made of inputs, when they come, of more entries for one row than machines hold."""
        if (count := prod(n for n in shape if isinstance(n, int))) > MOST_OF_A_ROW:
            self.over = True
            raise ValueError(f"it wants {count} numbers for one row, more than any file may ask for\n  {LESS}")

    def node(self, proto: onnx.NodeProto) -> None:
        """Ask for one more node."""
        self.nodes -= 1
        if self.nodes < 0:
            self.over = True
            raise ModelFileError(
                f"node {proto.name or next(iter(proto.output), '')!r} ({proto.op_type}) is one of too many: the "
                "functions and loops of the file write it out again and again\n  fix: export the model without them"
            )


def budget_of(model: onnx.ModelProto, size: int) -> Budget:
    """The budget for a model: it grows with the bytes of its file and with its nodes."""
    nodes = len(model.graph.node) + sum(len(f.node) for f in model.functions)
    return Budget(2**28 + 6 * size, 40_000 + 10 * nodes, 2**34 + 100 * size)


def open_model(path: Path) -> tuple[onnx.ModelProto, "Arrays"]:
    """The model message, before anything in it is believed, and the reader of its arrays."""
    try:
        if not path.is_file() and path.exists():
            raise ModelFileError(
                f"{path}: it is no file but a folder or a device\n  fix: give the path of a model file"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise file_error(path, error, cure="give the path of a model file") from error
    model = onnx.ModelProto()
    message, weights = without_weights(raw)
    try:
        model.ParseFromString(message)
    except DecodeError as error:
        raise ModelFileError(f"{path}: it is not an ONNX model\n  fix: give a whole .onnx file") from error
    if not model.HasField("graph") or not model.opset_import or not model.graph.output:
        raise ModelFileError(
            f"{path}: it holds no graph with outputs and an opset, so it is not an ONNX model\n"
            "  fix: give a whole .onnx file"
        )
    arrays = Arrays(path, len(raw), weights)
    try:
        write_out(model, budget_of(model, len(raw)).memory)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise arrays.damaged(str(error)) from error
    return model, arrays


class Arrays:
    """Arrays of one file; those that are stored outside it must lie in its own folder.

    Args:
        path: The model file.
        size: Its bytes.
        weights: Arrays that were left out of its message.
    """

    def __init__(self, path: Path, size: int, weights: Weights) -> None:
        self.path, self.size, self.weights = path, size, weights
        self.inside: dict[int, tuple[onnx.TensorProto, np.ndarray]] = {}

    def once(self, tensor: onnx.TensorProto) -> np.ndarray:
        """The array of an initializer inside a loop, which is read at the first step alone."""
        if id(tensor) not in self.inside:  # the message is held, so that no other one has its place in memory
            self.inside[id(tensor)] = tensor, self.read(tensor, f"initializer {tensor.name!r}")
        return self.inside[id(tensor)][1]

    def read(self, tensor: onnx.TensorProto, what: str) -> np.ndarray:
        """The array of a tensor.

        Args:
            tensor: The message.
            what: How errors call it: `initializer 'w'`, `node 'c'`.
        """
        if any(n < 0 for n in tensor.dims):
            raise self.damaged(f"{what} has the shape {tuple(tensor.dims)}")
        dtype = self.dtype(tensor.data_type, what)
        if tensor.data_location == TensorProto.EXTERNAL:
            if tensor.data_type == TensorProto.STRING:
                raise self.damaged(f"{what} is text that stands outside the file")
            return self.outside(tensor, dtype, what)
        entries = prod(tensor.dims)
        if tensor.data_type == TensorProto.STRING:
            texts = [t.decode(errors="replace") for t in tensor.string_data]
            if len(texts) != entries:
                raise self.damaged(f"{what} has {len(texts)} texts, its shape {tuple(tensor.dims)} wants {entries}")
            return np.array(texts, object).reshape(tensor.dims)
        if tensor.HasField("raw_data") and _whole_bytes(tensor.data_type):
            raw = self.weights.get(tensor.raw_data, tensor.raw_data)
            if len(raw) != entries * dtype.itemsize:
                raise self.damaged(
                    f"{what} has {len(raw)} bytes, its shape {tuple(tensor.dims)} wants {entries * dtype.itemsize}"
                )
            return np.frombuffer(raw, dtype).reshape(tensor.dims)
        if tensor.raw_data in self.weights:  # of numbers that are packed
            tensor = onnx.TensorProto.FromString(tensor.SerializeToString())
            tensor.raw_data = bytes(self.weights[tensor.raw_data])
        held = max(len(tensor.raw_data) * 4, *(len(getattr(tensor, f)) for f in FIELDS))
        if entries > 2 * held:
            raise self.damaged(f"{what} has data for {held} entries, its shape {tuple(tensor.dims)} wants {entries}")
        try:
            return numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise self.damaged(f"{what} has data that do not fit its shape {tuple(tensor.dims)}") from error

    def dtype(self, number: int, what: str) -> np.dtype[Any]:
        """The type that ONNX knows by a number."""
        if number == TensorProto.STRING:
            return np.dtype(object)
        try:
            return np.dtype(helper.tensor_dtype_to_np_dtype(number))
        except (KeyError, ValueError, TypeError) as error:
            raise self.damaged(f"{what} is of the unknown type {number}") from error

    def outside(self, tensor: onnx.TensorProto, dtype: np.dtype[Any], what: str) -> np.ndarray:
        """An array that stands in another file of the folder."""
        said = {entry.key: entry.value for entry in tensor.external_data}
        folder = os.path.realpath(self.path.parent)
        target = os.path.realpath(os.path.join(folder, said.get("location", "")))
        if os.path.isabs(said.get("location", "/")) or os.path.commonpath([folder, target]) != folder:
            raise ModelFileError(
                f"{self.path}: {what} points to {said.get('location')!r}, outside the folder of the model\n"
                "  fix: put the weights beside the model"
            )
        try:
            offset, size = int(said.get("offset", 0)), os.stat(target).st_size
            length = int(said.get("length", size - offset))
            entries = prod(tensor.dims)
            if offset < 0 or length != entries * dtype.itemsize or offset + length > size:
                raise self.damaged(
                    f"{what} wants {entries * dtype.itemsize} bytes at {offset} of {said['location']!r}, of {size}"
                )
            return np.fromfile(target, dtype, entries, offset=offset).reshape(tensor.dims)
        except OSError as error:
            raise ModelFileError(
                f"{self.path}: {what} is in {said.get('location')!r}, which cannot be read: {error.strerror}\n"
                "  fix: put the weights beside the model"
            ) from error
        except ValueError as error:
            if isinstance(error, ModelFileError):
                raise
            raise self.damaged(f"{what} has no offset and length in its file") from error

    def damaged(self, what: str) -> ModelFileError:
        """The error of a file that contradicts itself."""
        return ModelFileError(f"{self.path}: {what}\n  fix: restore the file from a copy, or export it again")


FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


def _whole_bytes(kind: int) -> bool:
    """Whether entries of this type are whole bytes; numbers of 2 and 4 bits are packed."""
    small = ("INT4", "UINT4", "INT2", "UINT2", "FLOAT4E2M1")
    return kind not in [getattr(TensorProto, name) for name in small if hasattr(TensorProto, name)]


def type_name(number: int) -> str:
    """The name of an ONNX type."""
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(number))
    return "bfloat16" if dtype == ml_dtypes.bfloat16 else str(dtype)
