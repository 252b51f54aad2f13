"""The vocabulary: every operation a node can apply, each with its shape, its value and its derivative."""

import warnings
from collections.abc import Callable
from typing import Any

from reseau.ops.activations import Clip, Gelu, LeakyRelu, Relu, Sigmoid, Softplus, Step, Tanh
from reseau.ops.arithmetic import (
    Add,
    Cast,
    Divide,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    Power,
    Quotient,
    Remainder,
    Subtract,
)
from reseau.ops.base import Op, Proxy
from reseau.ops.bits import BitCast, BitNot, BitShift, Bitwise
from reseau.ops.comparison import And, Equal, IsInfinite, IsNan, Less, LessOrEqual, Not, Or, Where, Xor
from reseau.ops.convolution import Conv, ConvTranspose
from reseau.ops.counting import Range, ShapeOf
from reseau.ops.cumulative import CumulativeProduct, CumulativeSum, ReverseSequence
from reseau.ops.custom import Apply
from reseau.ops.deformable import DeformableConv
from reseau.ops.dropout import Dropout, RandomMask
from reseau.ops.fourier import Fourier
from reseau.ops.functions import (
    Abs,
    Arccos,
    Arccosh,
    Arcsin,
    Arcsinh,
    Arctan,
    Arctanh,
    Ceil,
    Cos,
    Cosh,
    Erf,
    Exp,
    Floor,
    Log,
    Round,
    Sign,
    Sin,
    Sinh,
    Sqrt,
    Square,
    Tan,
)
from reseau.ops.grid import GridSample
from reseau.ops.indexing import ArgMax, Embedding, Put, PutAlong, Take, TakeAlong, TakeAt, TopK
from reseau.ops.linear import Affine, Determinant, Einsum, Inverse, Matmul
from reseau.ops.normalization import BatchMean, BatchNorm, BatchVariance, LayerNorm
from reseau.ops.pooling import AveragePool, MaxPool, WindowArgMax, WindowSum
from reseau.ops.quantization import Dequantize, Narrow, Quantize
from reseau.ops.random import RandomLike
from reseau.ops.recurrent import GatedCell, LongShortCell, PlainCell, QuantizedLongShortCell
from reseau.ops.reduction import LogSoftmax, LogSumExp, Max, Mean, Min, Product, Softmax, Sum
from reseau.ops.regions import MaxUnpool, RegionAlign, RegionMax
from reseau.ops.shapes import (
    BroadcastTo,
    Concatenate,
    Identity,
    Pad,
    ReshapeTo,
    Slice,
    Tile,
    Transpose,
)
from reseau.ops.texts import NumberOf, TextOf
from reseau.ops.trees import TreeLeaf

__all__ = [
    "Abs",
    "Add",
    "Affine",
    "And",
    "Apply",
    "Arccos",
    "Arccosh",
    "Arcsin",
    "Arcsinh",
    "Arctan",
    "Arctanh",
    "ArgMax",
    "AveragePool",
    "BatchMean",
    "BatchNorm",
    "BatchVariance",
    "BitCast",
    "BitNot",
    "BitShift",
    "Bitwise",
    "BroadcastTo",
    "Cast",
    "Ceil",
    "Clip",
    "Concatenate",
    "Conv",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "CumulativeProduct",
    "CumulativeSum",
    "DeformableConv",
    "Dequantize",
    "Determinant",
    "Divide",
    "Dropout",
    "Einsum",
    "Embedding",
    "Equal",
    "Erf",
    "Exp",
    "Floor",
    "Fourier",
    "GatedCell",
    "Gelu",
    "GridSample",
    "Identity",
    "Inverse",
    "IsInfinite",
    "IsNan",
    "LayerNorm",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "LogSumExp",
    "LongShortCell",
    "Matmul",
    "Max",
    "MaxPool",
    "MaxUnpool",
    "Maximum",
    "Mean",
    "Min",
    "Minimum",
    "Multiply",
    "Narrow",
    "Negative",
    "Not",
    "NumberOf",
    "Op",
    "Or",
    "Pad",
    "PlainCell",
    "Power",
    "Product",
    "Proxy",
    "Put",
    "PutAlong",
    "Quantize",
    "QuantizedLongShortCell",
    "Quotient",
    "RandomLike",
    "RandomMask",
    "Range",
    "RegionAlign",
    "RegionMax",
    "Relu",
    "Remainder",
    "ReshapeTo",
    "ReverseSequence",
    "Round",
    "ShapeOf",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Slice",
    "Softmax",
    "Softplus",
    "Sqrt",
    "Square",
    "Step",
    "Subtract",
    "Sum",
    "Take",
    "TakeAlong",
    "TakeAt",
    "Tan",
    "Tanh",
    "TextOf",
    "Tile",
    "TopK",
    "Transpose",
    "TreeLeaf",
    "Where",
    "WindowArgMax",
    "WindowSum",
    "Xor",
]


def __getattr__(name: str) -> Any:
    """Names of 0.1 that are others now."""
    renamed: dict[str, tuple[str, Callable[..., Op]]] = {
        "Reshape": ('ReshapeTo(("batch", *lengths))', lambda lengths: ReshapeTo(("batch", *lengths))),
        "WindowMax": (
            "MaxPool(window, stride, padding, dilation=)",
            lambda window, stride, dilation, pads: MaxPool(window, stride, pads, dilation=dilation),
        ),
    }
    if name not in renamed:
        raise AttributeError(f"module 'reseau.ops' has no attribute {name!r}")
    new, make = renamed[name]
    warnings.warn(f"ops.{name} is now ops.{new}", DeprecationWarning, stacklevel=2)
    return make
