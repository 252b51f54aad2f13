"""The vocabulary: every operation a node can apply, each with its shape, its value and its derivative."""

from reseau.ops.arithmetic import Add, Divide, Maximum, Minimum, Multiply, Negative, Subtract
from reseau.ops.base import Op, Proxy
from reseau.ops.convolution import Conv, ConvTranspose
from reseau.ops.function import Apply
from reseau.ops.indexing import Concatenate, Embedding, Reshape, Slice, Transpose
from reseau.ops.linear import Affine, Matmul
from reseau.ops.normalization import BatchMean, BatchNorm, BatchVariance, Dropout, LayerNorm, RandomMask
from reseau.ops.pointwise import (
    Abs,
    Clip,
    Exp,
    Gelu,
    LeakyRelu,
    Log,
    Relu,
    Round,
    Sigmoid,
    Sign,
    Softplus,
    Sqrt,
    Square,
    Step,
    Tanh,
)
from reseau.ops.pooling import AveragePool, MaxPool
from reseau.ops.reduction import LogSoftmax, LogSumExp, Max, Mean, Softmax, Sum

__all__ = [
    "Abs",
    "Add",
    "Affine",
    "Apply",
    "AveragePool",
    "BatchMean",
    "BatchNorm",
    "BatchVariance",
    "Clip",
    "Concatenate",
    "Conv",
    "ConvTranspose",
    "Divide",
    "Dropout",
    "Embedding",
    "Exp",
    "Gelu",
    "LayerNorm",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "LogSumExp",
    "Matmul",
    "Max",
    "MaxPool",
    "Maximum",
    "Mean",
    "Minimum",
    "Multiply",
    "Negative",
    "Op",
    "Proxy",
    "RandomMask",
    "Relu",
    "Reshape",
    "Round",
    "Sigmoid",
    "Sign",
    "Slice",
    "Softmax",
    "Softplus",
    "Sqrt",
    "Square",
    "Step",
    "Subtract",
    "Sum",
    "Tanh",
    "Transpose",
]
