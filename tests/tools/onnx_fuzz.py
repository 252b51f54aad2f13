"""Random ONNX graphs, small and of any types, whose axes are partly named; what onnxruntime computes is the truth.

A candidate for the next node is kept where onnxruntime computes it. The graph is then run at other lengths too, of
which one is 1 for every axis.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tools.onnx_grown import SIZES, Grown, declared, inputs_at

__all__ = ["grow"]

REALS, WHOLE = ("float32", "float64", "float16"), ("int64", "int32", "uint8", "int8")
UNARY = (
    "Abs",
    "Neg",
    "Relu",
    "Sigmoid",
    "Tanh",
    "Floor",
    "Ceil",
    "Round",
    "Sign",
    "Erf",
    "Exp",
    "Softplus",
    "Sin",
    "Identity",
    "Elu",
    "LeakyRelu",
    "HardSigmoid",
    "Selu",
    "Softsign",
    "Sqrt",
    "Reciprocal",
    "Gelu",
    "Mish",
    "HardSwish",
    "Celu",
    "ThresholdedRelu",
    "Shrink",
    "IsNaN",
    "Not",
    "Cos",
    "Log",
)
BINARY = (
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Max",
    "Min",
    "Less",
    "Greater",
    "Equal",
    "LessOrEqual",
    "And",
    "Or",
    "Xor",
    "Pow",
    "Mod",
    "PRelu",
    "BitwiseAnd",
    "Mean",
    "Sum",
)
REDUCE = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSumExp",
          "ReduceSumSquare", "ReduceLogSum")  # fmt: skip


def grow(seed: int, most: int = 9) -> Grown:
    """A random graph of up to `most` nodes."""
    rng = np.random.default_rng(seed)
    g = Grown(rng, int(rng.choice([7, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22])))
    reals = "float32" if rng.random() < 0.7 else str(rng.choice(REALS))
    for i in range(int(rng.integers(1, 4))):
        kind = reals if i == 0 or rng.random() < 0.6 else str(rng.choice([*REALS, *WHOLE, "bool"]))
        rank = int(rng.integers(1, 4))
        g.inputs[f"x{i}"] = kind, tuple(g.pick("b" if axis == 0 else "s", "s", "t", 1, 2, 4) for axis in range(rank))
    g.values |= inputs_at(g, SIZES[0])
    tries = 0
    while len(g.nodes) < most and tries < 12 * most:
        tries += 1
        before = len(g.nodes), set(g.values), dict(g.arrays)
        try:
            MAKERS[int(rng.integers(len(MAKERS)))](g)
        except (ValueError, LookupError, ZeroDivisionError):
            del g.nodes[before[0] :]
            g.values = {n: v for n, v in g.values.items() if n in before[1]}
            g.arrays = before[2]
    return g


def lengths_of(g: Grown, x: str) -> str:
    """Nodes that give one length of a value, with arithmetic on it now and then, as a vector."""
    (n,) = g.add("Shape", [x])
    i = int(g.rng.integers(g.values[x].ndim))
    if g.rng.random() < 0.5:
        (n,) = g.add("Gather", [n, g.stored([i])])
    elif g.opset >= 10:
        (n,) = g.add("Slice", [n, g.stored([i]), g.stored([i + 1])])
    else:
        (n,) = g.add("Slice", [n], starts=[i], ends=[i + 1])
    if g.rng.random() < 0.4:
        (n,) = g.add(g.pick("Add", "Mul", "Sub", "Div"), [n, g.stored([g.pick(1, 2, 3)])])
    return n


def unary(g: Grown) -> None:
    g.add(g.pick(*UNARY), [g.value()])


def binary(g: Grown) -> None:
    x = g.value()
    if g.rng.random() < 0.3:
        last = g.shape_of(x)[-1:]
        y = g.weight(last, g.values[x].dtype)
    else:
        y = g.value(g.values[x].dtype.kind)
    kind = g.pick(*BINARY)
    x, y = (x, y) if g.rng.random() < 0.5 else (y, x)
    (made,) = g.add(kind, [x, y], fmod=1 if kind == "Mod" and g.pick(0, 1) else None)
    if kind == "PRelu" and g.shape_of(made) != g.shape_of(x):
        raise ValueError("onnxruntime computes slopes of more axes than x has, but refuses graphs with them")


def where(g: Grown) -> None:
    x = g.value("fiu")
    (c,) = g.add("Less", [x, g.stored(0.5, g.values[x].dtype)])
    g.add("Where", [c, x, g.value(g.values[x].dtype.kind)])


def cast(g: Grown) -> None:
    kind = g.pick(*REALS, *WHOLE, "bool")
    g.add("Cast", [g.value()], to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))


def reduced(g: Grown) -> None:
    x, kind = g.value("fi", (1, 4)), g.pick(*REDUCE)
    if kind == "ReduceLogSumExp" and g.values[x].dtype.kind == "i":
        raise LookupError("onnxruntime rounds the exponentials of whole numbers")
    if 0 in g.shape_of(x):
        raise LookupError("the mean of nothing is 0 in onnxruntime, no number in ONNX's reference")
    rank = g.values[x].ndim
    axes = None if g.pick(0, 0, 1) else [int(a) for a in g.rng.permutation(rank)[: int(g.rng.integers(1, rank + 1))]]
    inside = g.opset >= (13 if kind == "ReduceSum" else 18)
    given = [g.stored(axes)] if inside and axes is not None else []
    g.add(kind, [x, *given], axes=None if inside else axes, keepdims=g.pick(0, 1))


def along(g: Grown) -> None:
    x = g.value("fi", (1, 4))
    kind = g.pick(
        "Softmax", "LogSoftmax", "Hardmax", "ArgMax", "ArgMin", "CumSum", "TopK", "Flatten", "LpNormalization"
    )
    axis = g.axis(x)
    if kind == "CumSum":
        g.add(kind, [x, g.stored(axis)], exclusive=g.pick(0, 1), reverse=g.pick(0, 1))
    elif kind == "TopK":
        g.add(kind, [x, g.stored([1])], 2, axis=axis, largest=g.pick(0, 1) if g.opset >= 11 else None)
    elif kind in ("ArgMax", "ArgMin"):
        g.add(kind, [x], axis=axis if g.opset >= 11 else axis % g.values[x].ndim, keepdims=g.pick(0, 1))
    else:
        g.add(kind, [x], axis=axis)


def turned(g: Grown) -> None:
    x = g.value(rank=(2, 4))
    g.add("Transpose", [x], perm=[int(a) for a in g.rng.permutation(g.values[x].ndim)])


def unsqueezed(g: Grown) -> None:
    x = g.value(rank=(0, 3))
    axes = [int(g.rng.integers(g.values[x].ndim + 1))]
    g.add("Unsqueeze", [x, g.stored(axes)] if g.opset >= 13 else [x], axes=None if g.opset >= 13 else axes)


def squeezed(g: Grown) -> None:
    x = g.value(rank=(1, 4))
    ones = [i for i, n in enumerate(g.shape_of(x)) if n == 1]
    axes = None if g.pick(0, 0, 1) else [int(g.pick(*ones))] if ones else None
    given = [g.stored(axes)] if g.opset >= 13 and axes else []
    g.add("Squeeze", [x, *given], axes=None if g.opset >= 13 else axes)


def reshaped(g: Grown) -> None:
    x = g.value(rank=(1, 4))
    rank, way = g.values[x].ndim, g.pick(0, 1, 2, 3, 4)
    target: str
    if way == 0:
        target = g.stored([g.pick(0, -1), -1] if rank > 1 and g.pick(0, 1) else [-1])
    elif way == 1:
        target = g.stored([0] * (rank - 1) + [-1, g.pick(1, 2)])
    elif way == 2:
        target = g.stored([-1, g.pick(*g.shape_of(x))])
    else:
        parts = [lengths_of(g, x), g.stored([-1])]
        (target,) = g.add("Concat", parts if way == 3 else parts[::-1], axis=0)
    g.add("Reshape", [x, target])


def expanded(g: Grown) -> None:
    x = g.value(rank=(0, 3))
    y = g.value(rank=(1, 3))
    (target,) = g.add("Shape", [y]) if g.pick(0, 1) else g.add("Concat", [lengths_of(g, y), g.stored([1])], axis=0)
    g.add("Expand", [x, target])


def filled(g: Grown) -> None:
    value = numpy_helper.from_array(np.asarray([2], g.pick("float32", "int64")))
    (target,) = g.add("Concat", [lengths_of(g, g.value(rank=(1, 3))), g.stored([g.pick(1, 2)])], axis=0)
    g.add("ConstantOfShape", [target], value=value)


def counted(g: Grown) -> None:
    (n,) = g.add("Squeeze", [lengths_of(g, g.value(rank=(1, 3)))] + ([g.stored([0])] if g.opset >= 13 else []))
    start, step = g.pick((0, 1), (1, 1), (0, 2), (1, 3))
    if g.pick(0, 1):
        g.add("Range", [g.stored(start), n, g.stored(step)])
    else:
        (real,) = g.add("Cast", [n], to=onnx.TensorProto.FLOAT)
        g.add("Range", [g.stored(start, np.float32), real, g.stored(step, np.float32)])


def cut(g: Grown) -> None:
    x = g.value(rank=(1, 4))
    axis, step = g.axis(x), g.pick(1, 1, 1, 2, -1, -2)
    start, stop = (g.pick(0, 1, -2), g.pick(-1, 2, 2**62)) if step > 0 else (g.pick(-1, 2**62), g.pick(0, -3, -(2**62)))
    if g.opset < 10:
        g.add("Slice", [x], starts=[max(start, 0)], ends=[stop], axes=[axis % g.values[x].ndim])
        return
    last = lengths_of(g, g.value(rank=(1, 3))) if g.pick(0, 0, 1) else g.stored([stop])
    g.add("Slice", [x, g.stored([start]), last, g.stored([axis]), g.stored([step])])


def gathered(g: Grown) -> None:
    x = g.value(rank=(1, 4))
    axis = g.axis(x)
    kind = g.pick("Gather", "Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND")
    if kind == "Gather":
        where = g.stored(g.pick(0, -1, [0], [-1, 0], [[0, -1]]))
        g.add(kind, [x, where], axis=axis)
    elif kind == "GatherElements":
        (zero,) = g.add("Cast", [g.value("iub", (g.values[x].ndim,) * 2)], to=onnx.TensorProto.INT64)
        g.add(kind, [x, zero], axis=axis)
    elif kind == "GatherND":
        g.add(kind, [x, g.stored(g.pick([[0]], [[-1], [0]], [0]))])
    elif kind == "ScatterElements":
        i = g.stored(np.zeros((1,) * g.values[x].ndim))
        g.add(kind, [x, i, g.stored(np.ones((1,) * g.values[x].ndim), g.values[x].dtype)], axis=axis)
    else:
        (part,) = g.add("Gather", [x, g.stored([0])])
        g.add(kind, [x, g.stored([[-1]]), part])


def joined(g: Grown) -> None:
    x = g.value(rank=(1, 4))
    alike = [n for n, v in g.values.items() if v.dtype == g.values[x].dtype and v.ndim == g.values[x].ndim]
    g.add("Concat", [x, g.pick(*alike), g.pick(*alike)][: g.pick(2, 3)], axis=g.axis(x))


def parted(g: Grown) -> None:
    x = g.value(rank=(1, 4))
    axis = g.axis(x)
    n = g.shape_of(x)[axis]
    if g.opset >= 18 and g.pick(0, 1):
        g.add("Split", [x], 2, axis=axis, num_outputs=2)
    elif g.opset >= 13 and n > 1 and g.pick(0, 1):
        g.add("Split", [x, g.stored([1, n - 1])], 2, axis=axis)
    else:
        g.add("Split", [x], n, axis=axis)


def padded(g: Grown) -> None:
    x = g.value("f", (1, 3))
    rank = g.values[x].ndim
    pads = [int(n) for n in g.rng.integers(0, 2, 2 * rank)]
    mode = g.pick("constant", "edge", "reflect")
    if g.opset < 11:
        g.add("Pad", [x], pads=pads, mode=mode)
    else:
        g.add("Pad", [x, g.stored(pads)], mode=mode)


def tiled(g: Grown) -> None:
    x = g.value(rank=(1, 3))
    repeats = lengths_of(g, x) if g.values[x].ndim == 1 else g.stored(g.rng.integers(1, 3, g.values[x].ndim))
    g.add("Tile", [x, repeats])


def products(g: Grown) -> None:
    x = g.value("fi", (1, 4))
    kind, dtype = g.pick("MatMul", "MatMul", "Gemm", "Einsum"), g.values[x].dtype
    of_two = kind == "MatMul" and g.pick(0, 1)
    y = g.value(dtype.kind, (1, 4)) if of_two else g.weight((g.shape_of(x)[-1], 3), dtype)
    if kind == "Gemm":
        g.add(kind, [x, y, g.weight((3,), dtype)], alpha=g.pick(1.0, 0.5), beta=g.pick(1.0, 2.0))
    elif kind == "Einsum":
        g.add(kind, [x, x], equation=g.pick("ij,kj->ik", "bij,bkj->bik", "i,j->ij", "ij,ij->j"))
    else:
        g.add(kind, [x, y])


def windowed(g: Grown) -> None:
    x = g.value("f", (2, 3))
    if g.values[x].ndim == 2:
        (x,) = g.add("Unsqueeze", [x, g.stored([1])] if g.opset >= 13 else [x], axes=None if g.opset >= 13 else [1])
    kind = g.pick("Conv", "MaxPool", "AveragePool", "ConvTranspose", "GlobalAveragePool", "InstanceNormalization",
                  "BatchNormalization", "LayerNormalization")  # fmt: skip
    if kind == "LayerNormalization" and g.opset < 17:
        raise LookupError("onnxruntime computes it, ONNX has none")
    dtype, channels = g.values[x].dtype, g.shape_of(x)[1]
    settings: dict[str, Any] = {"kernel_shape": [g.pick(1, 2, 3)], "strides": [g.pick(1, 2)]}
    settings |= g.pick({}, {"pads": [1, 1]}, {"auto_pad": "SAME_UPPER"}, {"auto_pad": "SAME_LOWER"})
    k = settings["kernel_shape"][0]
    if kind == "Conv":
        g.add(kind, [x, g.weight((2, channels, k), dtype)], **settings)
    elif kind == "ConvTranspose":
        g.add(kind, [x, g.weight((channels, 2, k), dtype)], strides=settings["strides"])
    elif kind in ("MaxPool", "AveragePool"):
        ceil = g.pick(0, 1) if g.opset >= (10 if kind == "MaxPool" else 19) and "auto_pad" not in settings else None
        g.add(kind, [x], ceil_mode=ceil, **settings)
    elif kind == "GlobalAveragePool":
        g.add(kind, [x])
    else:
        last = kind == "LayerNormalization"
        vectors = [g.stored(1 + g.rng.random(g.shape_of(x)[-1] if last else channels), dtype) for _ in range(4)]
        g.add(kind, [x, *vectors[: 4 if kind == "BatchNormalization" else 2]])


def resized(g: Grown) -> None:
    x = g.value("fi", (1, 4))
    rank = g.values[x].ndim
    settings = {"mode": g.pick("nearest", "linear")}
    if g.opset > 10:
        settings["coordinate_transformation_mode"] = g.pick("half_pixel", "asymmetric", "align_corners")
        settings["nearest_mode"] = g.pick("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
    if g.opset < 13 or g.pick(0, 1):
        # onnxruntime takes the whole length for the ends of an axis, ONNX's reference the one that is not whole
        corners = settings.get("coordinate_transformation_mode") == "align_corners"
        choices = (1.0, 2.0) if corners else (1.0, 1.0, 2.0, 0.5, 1.5)
        scales = g.stored([g.pick(*choices) for _ in range(rank)], np.float32)
        g.add("Resize", [x, scales] if g.opset < 11 else [x, scales, scales], **settings)
    else:
        (lengths,) = g.add("Shape", [x])
        (lengths,) = g.add(g.pick("Add", "Mul"), [lengths, g.stored([g.pick(1, 1, 2) for _ in range(rank)])])
        g.add("Resize", [x, "", "", lengths], **settings)


def chosen(g: Grown) -> None:
    """An If whose condition is the length of an axis, or a number of an input."""
    x = g.value("f", (1, 3))
    n = lengths_of(g, x) if g.pick(0, 1) else g.value("i", (1, 1))
    inside = g.opset >= 18
    (c,) = g.add("ReduceMax", [n, g.stored([0])] if inside else [n], axes=None if inside else [0], keepdims=0)
    (truth,) = g.add("Less", [c, g.stored(3, g.values[c].dtype)])
    branches = [
        helper.make_graph([helper.make_node(kind, [x], [f"{kind}_{len(g.values)}"])], kind, [],
                          [onnx.ValueInfoProto(name=f"{kind}_{len(g.values)}")])
        for kind in ("Relu", "Neg")
    ]  # fmt: skip
    name = f"v{len(g.values)}_0"
    g.nodes.append(helper.make_node("If", [truth], [name], then_branch=branches[0], else_branch=branches[1]))
    g.values[name] = np.maximum(g.values[x], 0) if g.values[truth] else -g.values[x]


def looped(g: Grown) -> None:
    """A Loop over a length, or over a fixed count, which carries a value and gives one for each step."""
    x = g.value("f", (1, 2))
    (n,) = g.add(
        "Squeeze", [lengths_of(g, x) if g.pick(0, 1) else g.stored([3]), *([g.stored([0])] if g.opset >= 13 else [])]
    )
    kind = helper.np_dtype_to_tensor_dtype(g.values[x].dtype)
    half = numpy_helper.from_array(np.asarray(0.5, g.values[x].dtype), "half")
    counters = [declared("i", np.int64, []), declared("cond", bool, [])]
    body = helper.make_graph(
        [helper.make_node("Mul", ["state", "half"], ["next"]), helper.make_node("Identity", ["cond"], ["on"]),
         helper.make_node("Identity", ["next"], ["kept"])],
        "body", [*counters, helper.make_tensor_value_info("state", kind, None)],
        [declared("on", bool, []), *(helper.make_tensor_value_info(m, kind, None) for m in ("next", "kept"))], [half],
    )  # fmt: skip
    g.add("Loop", [n, "", x], 2, body=body)


MAKERS: Sequence[Callable[[Grown], None]] = (
    *(unary, binary, binary, where, cast, reduced, along, turned, unsqueezed, squeezed, reshaped, reshaped, expanded),
    *(filled, counted, cut, cut, gathered, gathered, joined, parted, padded, tiled, products, windowed, resized),
    *(chosen, looped),
)
