"""Elementwise operators: arithmetic, elementary functions, comparisons, logic, activations."""

from collections.abc import Mapping
from functools import reduce
from math import pi, sqrt

import numpy as np
from onnx import helper

from reseau import ops
from reseau.graph import Node, Parameter, apply_op
from reseau.modelfiles.onnx.emit import Emitter, Value, WriteRule, number_of, own, pass_on, reads
from reseau.modelfiles.onnx.importer import Call, Rule, type_name
from reseau.modelfiles.onnx.importer import Value as Read
from reseau.modelfiles.onnx.schemas import first_cast
from reseau.ops.base import Op
from reseau.ops.quantization import SMALL_REALS

__all__ = ["READ", "WRITE"]

# operators that are one operation of ours, and the opset whose form is written
ALIKE: Mapping[str, tuple[Op, int]] = {
    "Abs": (ops.Abs(), 6),
    "Acos": (ops.Arccos(), 7),
    "Acosh": (ops.Arccosh(), 9),
    "Add": (ops.Add(), 7),
    "And": (ops.And(), 7),
    "Asin": (ops.Arcsin(), 7),
    "Asinh": (ops.Arcsinh(), 9),
    "Atan": (ops.Arctan(), 7),
    "Atanh": (ops.Arctanh(), 9),
    "Ceil": (ops.Ceil(), 6),
    "Cos": (ops.Cos(), 7),
    "Cosh": (ops.Cosh(), 9),
    "Div": (ops.Divide(), 7),
    "Equal": (ops.Equal(), 11),
    "Erf": (ops.Erf(), 9),
    "Exp": (ops.Exp(), 6),
    "Floor": (ops.Floor(), 6),
    "IsNaN": (ops.IsNan(), 9),
    "Less": (ops.Less(), 9),
    "LessOrEqual": (ops.LessOrEqual(), 12),
    "Log": (ops.Log(), 6),
    "Max": (ops.Maximum(), 8),
    "Min": (ops.Minimum(), 8),
    "Mul": (ops.Multiply(), 7),
    "Neg": (ops.Negative(), 6),
    "Not": (ops.Not(), 1),
    "Or": (ops.Or(), 7),
    "Pow": (ops.Power(), 12),
    "Relu": (ops.Relu(), 6),
    "Round": (ops.Round(), 11),
    "Sigmoid": (ops.Sigmoid(), 6),
    "Sign": (ops.Sign(), 9),
    "Sin": (ops.Sin(), 7),
    "Sinh": (ops.Sinh(), 9),
    "Softplus": (ops.Softplus(), 1),
    "Sqrt": (ops.Sqrt(), 6),
    "Sub": (ops.Subtract(), 7),
    "Tan": (ops.Tan(), 7),
    "Tanh": (ops.Tanh(), 6),
    "Where": (ops.Where(), 9),
    "Xor": (ops.Xor(), 7),
}

NAMES: Mapping[type[Op], tuple[str, int]] = {
    **{type(op): (name, opset) for name, (op, opset) in ALIKE.items()},
    ops.Quotient: ("Div", 7),
}

SWAPPED: Mapping[str, Op] = {"Greater": ops.Less(), "GreaterOrEqual": ops.LessOrEqual()}


def alike(call: Call) -> Node:
    op = ALIKE[call.kind][0]
    return apply_op(op, *(operands(call) if len(call.inputs) == 2 else call.given()))


def power(call: Call) -> Node:
    a, b = operands(call)
    if isinstance(exponent := call.importer.stored.get(b), np.ndarray) and exponent.shape == ():
        if exponent == 2:
            return apply_op(ops.Square(), a)
        if exponent == 0.5:
            return apply_op(ops.Sqrt(), a)
    return apply_op(ops.Power(), a, b)


def swapped(call: Call) -> Node:
    a, b = operands(call)
    return apply_op(SWAPPED[call.kind], b, a)


def divide(call: Call) -> Node:
    return apply_op(ops.Divide() if call.real() else ops.Quotient(), *operands(call))


def modulo(call: Call) -> Node:
    return apply_op(ops.Remainder(bool(call.attribute("fmod", 0))), *operands(call))


def operands(call: Call) -> tuple[Node, Node]:
    """Both operands; before opset 7 the second was laid along axes of the first, by -1 along its last ones."""
    a, b = call[0], call[1]
    if call.opset >= 7 or not call.attribute("broadcast", 0) or len(a.shape) == len(b.shape):
        return a, b
    last = len(a.shape) - len(b.shape)
    axis = call.attribute("axis", last)
    return a, call.reshaped(b, (*b.shape, *(1,) * (last - axis if axis >= 0 else 0)))


def largest(call: Call) -> Node:
    return reduce(lambda a, b: apply_op(ops.Maximum(), a, b), call.given())


def smallest(call: Call) -> Node:
    return reduce(lambda a, b: apply_op(ops.Minimum(), a, b), call.given())


def total(call: Call) -> Node:
    return reduce(lambda a, b: apply_op(ops.Add(), a, b), call.given())


def mean(call: Call) -> Node:
    return apply_op(ops.Multiply(), total(call), call.like(1 / len(call.given())))


def reciprocal(call: Call) -> Node:
    return apply_op(ops.Divide(), call.like(1), call[0])


def clip(call: Call) -> Node:
    if any(call.get(i) is not None and not call.importer.is_fixed(call[i]) for i in (1, 2)):
        return between(call)
    low, high = bound(call, 1, "min"), bound(call, 2, "max")
    if call.real() and all(b is None or b.shape == () for b in (low, high)):
        bounds = [float(b) if b is not None else e for b, e in ((low, -np.inf), (high, np.inf))]
        if bounds[0] <= bounds[1]:
            return apply_op(ops.Clip(*bounds), call[0])
    x = call[0]
    if low is not None:
        x = apply_op(ops.Maximum(), x, call.like(low))
    return x if high is None else apply_op(ops.Minimum(), x, call.like(high))


def between(call: Call) -> Node:
    """The input between bounds that are computed."""
    low, high = call.get(1), call.get(2)
    x = call[0] if low is None else apply_op(ops.Maximum(), call[0], low)
    return x if high is None else apply_op(ops.Minimum(), x, high)


def bound(call: Call, i: int, name: str) -> np.ndarray | None:
    """A bound of `Clip`: an attribute before opset 11, then an input."""
    if name in call.attributes:
        return np.asarray(call.attributes[name])
    return None if call.get(i) is None else call.array(i)


def is_infinite(call: Call) -> Node:
    signs = (bool(call.attribute(f"detect_{sign}", 1)) for sign in ("negative", "positive"))
    return apply_op(ops.IsInfinite(*signs), call[0])


def cast(call: Call) -> Node:
    to = call.attribute("to")
    if isinstance(to, str):  # before opset 6 types had names
        return apply_op(ops.Cast(to.lower()), call[0])
    return converted(call, type_name(to))


def cast_like(call: Call) -> Node:
    return converted(call, str(call.dtype(1)))


def converted(call: Call, dtype: str) -> Node:
    """The first input in another type; itself where it has it already."""
    if str(call.dtype()) == dtype:
        return call[0]
    if "object" in (dtype, str(call.dtype())):  # texts: read once they are there
        return call.constant(as_text(call.array(0)) if dtype == "object" else call.array(0).astype(dtype))
    if whole := wider_weight(call, dtype):
        return whole
    if dtype in SMALL_REALS and call.real():
        rounding = call.attribute("round_mode", "up") if dtype == "float8_e8m0fnu" else "nearest"
        return apply_op(ops.Narrow(dtype, bool(call.attribute("saturate", 1)), rounding), call[0])
    return apply_op(ops.Cast(dtype), call[0])


def wider_weight(call: Call, dtype: str) -> Node | None:
    """A weight that the file stores in half the bits that it computes with, as the weight that training moves."""
    stored = call[0].source
    halves = ("float16", "bfloat16")
    if not isinstance(stored, Parameter) or str(call.dtype()) not in halves or dtype in halves:
        return None
    if dtype not in ("float32", "float64") or call.within or call.importer.readers[str(call[0].name)] > 1:
        return None
    return call.importer.initializer(str(call[0].name), call.array(0).astype(dtype))


def as_text(array: np.ndarray) -> np.ndarray:
    """Numbers as texts: as few digits as tell them apart."""
    texts = [np.format_float_positional(v, trim="-") if v.dtype.kind == "f" else str(v) for v in array.ravel()]
    return np.array(texts, object).reshape(array.shape)


def identity(call: Call) -> Read | None:
    return call.inputs[0]


def leaky_relu(call: Call) -> Node:
    return apply_op(ops.LeakyRelu(call.attribute("alpha", 0.01)), call[0])


def prelu(call: Call) -> Node:
    x, slope = call[0], call[1]
    if call.opset < 7 and len(slope.shape) == 1 and slope.shape != (1,):
        slope = call.reshaped(slope, (*slope.shape, *(1,) * (len(x.shape) - 2)))
    scaled = apply_op(ops.Multiply(), slope, x)
    return apply_op(ops.Where(), apply_op(ops.Less(), x, call.like(0)), scaled, x)


def elu(call: Call) -> Node:
    return exponential_below(call, call.attribute("alpha", 1.0), 1.0)


def selu(call: Call) -> Node:
    # the constants of Klambauer et al., Self-Normalizing Neural Networks, 2017, as ONNX rounds them
    gamma = call.attribute("gamma", 1.05070102214813232421875)
    return exponential_below(call, call.attribute("alpha", 1.67326319217681884765625), gamma)


def exponential_below(call: Call, alpha: float, gamma: float) -> Node:
    """`gamma x` above zero, `gamma alpha (exp(x) - 1)` below."""
    x = call[0]
    zero = call.like(0)
    below = apply_op(ops.Exp(), apply_op(ops.Minimum(), x, zero)) - call.like(1)
    y = apply_op(ops.Maximum(), x, zero) + call.like(alpha) * below
    return y if gamma == 1.0 else call.like(gamma) * y


def gelu(call: Call) -> Node:
    return apply_op(ops.Gelu(call.attribute("approximate", "none") == "tanh"), call[0])


def hard_sigmoid(call: Call) -> Node:
    line = call.like(call.attribute("alpha", 0.2)) * call[0] + call.like(call.attribute("beta", 0.5))
    return apply_op(ops.Clip(0.0, 1.0), line)


def write_alike(op: Op, node: Node, w: Emitter) -> Value:
    kind, opset = NAMES[type(op)]
    w.require(opset)
    if len(node.parents) == 1:
        return pass_on(w, node, kind)
    names, axes = w.together(node.parents, len(node.shape))
    return Value(w.emit(kind, *names, name=w.label(node)), axes)


def write_relu(op: ops.Relu, node: Node, w: Emitter) -> Value:
    if w.real(node):
        return write_alike(op, node, w)
    w.require(12)  # onnxruntime has Relu for reals alone
    value = w.value(node.parents[0])
    kind = w.kinds.get(value.name)
    dtype = w.dtype(node) if kind is None else helper.tensor_dtype_to_np_dtype(kind)
    return value._replace(name=w.emit("Max", value.name, w.constant(0, dtype), name=w.label(node)))


def write_leaky_relu(op: ops.LeakyRelu, node: Node, w: Emitter) -> Value:
    return pass_on(w, node, "LeakyRelu", alpha=float(op.slope))


def write_square(op: ops.Square, node: Node, w: Emitter) -> Value:
    x = w.value(node.parents[0])
    return x._replace(name=w.emit("Mul", x.name, x.name, name=w.label(node)))


def write_step(op: ops.Step, node: Node, w: Emitter) -> Value:
    x = w.value(node.parents[0])
    dtype = w.dtype(node)
    positive = w.emit("Greater", x.name, w.constant(0.0, dtype), name=f"{w.label(node)}/positive")
    return x._replace(name=w.emit("Cast", positive, name=w.label(node), to=number_of(str(dtype))))


def write_clip(op: ops.Clip, node: Node, w: Emitter) -> Value:
    if not w.at_least(11):
        return pass_on(w, node, "Clip", min=float(op.low), max=float(op.high))
    x = w.value(node.parents[0])
    ends = [w.constant(end, w.dtype(node)) for end in (op.low, op.high)]
    return x._replace(name=w.emit("Clip", x.name, *ends, name=w.label(node)))


def write_gelu(op: ops.Gelu, node: Node, w: Emitter) -> Value:
    x, label, dtype = w.value(node.parents[0]), w.label(node), w.dtype(node)
    part = x.name
    if op.approximate:
        cube = w.emit("Mul", w.emit("Mul", part, part, name=f"{label}/square"), part, name=f"{label}/cube")
        small = w.emit("Mul", cube, w.constant(0.044715, dtype), name=f"{label}/small")
        inside = w.emit(
            "Mul", w.emit("Add", part, small, name=f"{label}/sum"), w.constant(sqrt(2 / pi), dtype), name=label + "/z"
        )
        curve = w.emit("Tanh", inside, name=f"{label}/tanh")
    else:
        w.require(9)
        curve = w.emit("Erf", w.emit("Mul", part, w.constant(sqrt(0.5), dtype), name=label + "/z"), name=f"{label}/erf")
    raised = w.emit("Add", curve, w.constant(1.0, dtype), name=f"{label}/raised")
    half = w.emit("Mul", part, w.constant(0.5, dtype), name=f"{label}/half")
    return x._replace(name=w.emit("Mul", half, raised, name=label))


def write_proxy(op: ops.Proxy, node: Node, w: Emitter) -> Value:
    return w.say(op.op, node)


def write_is_infinite(op: ops.IsInfinite, node: Node, w: Emitter) -> Value:
    w.require(10)
    signs = {"detect_negative": int(op.negative), "detect_positive": int(op.positive)}
    return own(w, node, "IsInf", *reads(w, node), **signs)


def write_cast(op: ops.Cast, node: Node, w: Emitter) -> Value:
    w.require(first_cast(number_of(op.dtype)))
    return own(w, node, "Cast", *reads(w, node), to=number_of(op.dtype))


def write_remainder(op: ops.Remainder, node: Node, w: Emitter) -> Value:
    w.require(10)
    names = reads(w, node)
    if op.like_dividend:
        return own(w, node, "Mod", *names, fmod=1)
    if not w.real(node):
        return own(w, node, "Mod", *names)
    # Mod alone is for whole numbers: a - floor(a / b) b is the same for all
    label = w.label(node)
    whole = w.emit("Floor", w.emit("Div", *names, name=f"{label}/ratio"), name=f"{label}/floor")
    return own(w, node, "Sub", names[0], w.emit("Mul", whole, names[1], name=f"{label}/multiple"))


READ: Mapping[str, Rule] = {
    **dict.fromkeys(ALIKE, alike),
    **dict.fromkeys(SWAPPED, swapped),
    "Cast": cast,
    "CastLike": cast_like,
    "Clip": clip,
    "Div": divide,
    "Elu": elu,
    "Gelu": gelu,
    "HardSigmoid": hard_sigmoid,
    "Identity": identity,
    "IsInf": is_infinite,
    "LeakyRelu": leaky_relu,
    "Max": largest,
    "Mean": mean,
    "Min": smallest,
    "Mod": modulo,
    "PRelu": prelu,
    "Pow": power,
    "Reciprocal": reciprocal,
    "Selu": selu,
    "Sum": total,
}

WRITE: Mapping[type[Op], WriteRule] = {
    **dict.fromkeys(NAMES, write_alike),
    ops.Cast: write_cast,
    ops.Clip: write_clip,
    ops.Gelu: write_gelu,
    ops.IsInfinite: write_is_infinite,
    ops.LeakyRelu: write_leaky_relu,
    ops.Proxy: write_proxy,
    ops.Relu: write_relu,
    ops.Remainder: write_remainder,
    ops.Square: write_square,
    ops.Step: write_step,
}
