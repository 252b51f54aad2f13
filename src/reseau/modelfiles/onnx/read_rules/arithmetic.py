"""Elementwise operators: arithmetic, elementary functions, comparisons, logic, activations."""

from collections.abc import Mapping
from functools import reduce

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule, type_name
from reseau.ops.base import Op

__all__ = ["RULES"]

UNARY: Mapping[str, Op] = {
    "Abs": ops.Abs(),
    "Acos": ops.Arccos(),
    "Acosh": ops.Arccosh(),
    "Asin": ops.Arcsin(),
    "Asinh": ops.Arcsinh(),
    "Atan": ops.Arctan(),
    "Atanh": ops.Arctanh(),
    "Ceil": ops.Ceil(),
    "Cos": ops.Cos(),
    "Cosh": ops.Cosh(),
    "Erf": ops.Erf(),
    "Exp": ops.Exp(),
    "Floor": ops.Floor(),
    "IsNaN": ops.IsNan(),
    "Log": ops.Log(),
    "Neg": ops.Negative(),
    "Not": ops.Not(),
    "Relu": ops.Relu(),
    "Round": ops.Round(),
    "Sigmoid": ops.Sigmoid(),
    "Sign": ops.Sign(),
    "Sin": ops.Sin(),
    "Sinh": ops.Sinh(),
    "Softplus": ops.Softplus(),
    "Sqrt": ops.Sqrt(),
    "Tan": ops.Tan(),
    "Tanh": ops.Tanh(),
}

BINARY: Mapping[str, Op] = {
    "Add": ops.Add(),
    "And": ops.And(),
    "Equal": ops.Equal(),
    "Less": ops.Less(),
    "LessOrEqual": ops.LessOrEqual(),
    "Mul": ops.Multiply(),
    "Or": ops.Or(),
    "Pow": ops.Power(),
    "Sub": ops.Subtract(),
    "Xor": ops.Xor(),
}

SWAPPED: Mapping[str, Op] = {"Greater": ops.Less(), "GreaterOrEqual": ops.LessOrEqual()}


def unary(call: Call) -> Node:
    return apply_op(UNARY[call.kind], call[0])


def binary(call: Call) -> Node:
    a, b = operands(call)
    if call.kind == "Pow" and isinstance(square := call.importer.stored.get(b), np.ndarray) and square.shape == ():
        if square == 2:
            return apply_op(ops.Square(), a)
        if square == 0.5:
            return apply_op(ops.Sqrt(), a)
    return apply_op(BINARY[call.kind], a, b)


def swapped(call: Call) -> Node:
    a, b = operands(call)
    return apply_op(SWAPPED[call.kind], b, a)


def divide(call: Call) -> Node:
    return apply_op(ops.Divide() if call.real() else ops.Quotient(), *operands(call))


def modulo(call: Call) -> Node:
    return apply_op(ops.Remainder(bool(call.attribute("fmod", 0))), *operands(call))


def operands(call: Call) -> tuple[Node, Node]:
    """Both operands; before opset 7 the second was laid along an axis of the first."""
    a, b = call[0], call[1]
    if call.opset >= 7 or not call.attribute("broadcast", 0) or len(a.shape) == len(b.shape):
        return a, b
    after = len(a.shape) - len(b.shape) - call.attribute("axis", len(a.shape) - len(b.shape))
    return a, apply_op(ops.ReshapeTo((*b.shape, *(1,) * after)), b)


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
    low, high = bound(call, 1, "min"), bound(call, 2, "max")
    if call.real() and all(b is None or b.shape == () for b in (low, high)):
        bounds = [float(b) if b is not None else e for b, e in ((low, -np.inf), (high, np.inf))]
        if bounds[0] <= bounds[1]:
            return apply_op(ops.Clip(*bounds), call[0])
    x = call[0]
    if low is not None:
        x = apply_op(ops.Maximum(), x, call.like(low))
    return x if high is None else apply_op(ops.Minimum(), x, call.like(high))


def bound(call: Call, i: int, name: str) -> np.ndarray | None:
    """A bound of `Clip`: an attribute before opset 11, then an input."""
    if name in call.attributes:
        return np.asarray(call.attributes[name])
    return None if call.get(i) is None else call.array(i)


def where(call: Call) -> Node:
    return apply_op(ops.Where(), call[0], call[1], call[2])


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
    return call[0] if str(call.dtype()) == dtype else apply_op(ops.Cast(dtype), call[0])


def identity(call: Call) -> Node:
    return call[0]


def leaky_relu(call: Call) -> Node:
    return apply_op(ops.LeakyRelu(call.attribute("alpha", 0.01)), call[0])


def prelu(call: Call) -> Node:
    x, slope = call[0], call[1]
    if call.opset < 7 and len(slope.shape) == 1 and slope.shape != (1,):
        slope = apply_op(ops.ReshapeTo((*slope.shape, *(1,) * (len(x.shape) - 2))), slope)
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


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(UNARY, unary),
    **dict.fromkeys(BINARY, binary),
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
    "Reciprocal": reciprocal,
    "Selu": selu,
    "Sum": total,
    "Where": where,
}
