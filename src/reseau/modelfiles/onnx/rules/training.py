"""The operators of ai.onnx.preview.training: one step of an optimizer, and the gradient of a part of the graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
from jax import Array

from reseau import ops
from reseau.graph import Node, apply_op, order
from reseau.graph.backprop import backprop, evaluate
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.ops.base import Op, Shape

__all__ = ["READ", "Derivative"]


@dataclass(frozen=True)
class Derivative(Op):
    """Derivative of the sum of `root` in input `wanted` of the part of the graph above `sources`."""

    root: Node
    sources: tuple[Node, ...]
    wanted: int

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The part of the graph between the sources and the root."""
        return order((self.root,))

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[self.wanted]

    def forward(self, *inputs: Array) -> Array:
        given = dict(zip(self.sources, inputs, strict=True))
        rest = [n for n in self.nodes if n not in given]
        values = evaluate(rest, given)
        found = backprop(rest, values, {self.root: jnp.ones_like(values[self.root])})
        return found.get(self.sources[self.wanted], jnp.zeros_like(inputs[self.wanted]))


def gradient(call: Call) -> tuple[Node, ...]:
    root, *sources = (
        call.importer.node(n) for n in (call.attributes["y"], *call.attributes["xs"], *call.attribute("zs", ()))
    )
    count = len(call.attributes["xs"])
    return tuple(apply_op(Derivative(root, tuple(sources), i), *call.given()) for i in range(count))


def optimizer(call: Call, states: int) -> tuple[Node, Node, list[tuple[Node, ...]]]:
    """Rate, step count, and for each tensor its value, gradient and states: the inputs are grouped by kind."""
    rate, count, *rest = call.given()
    n = len(rest) // (2 + states)
    groups = [rest[k * n : (k + 1) * n] for k in range(2 + states)]
    return rate, count, list(zip(*groups, strict=True))


def regrouped(updated: Sequence[Sequence[Node]]) -> tuple[Node, ...]:
    """The outputs, grouped by kind as the inputs were."""
    return tuple(node for group in zip(*updated, strict=True) for node in group)


def real(call: Call, count: Node) -> Node:
    """The step count as a real number."""
    return apply_op(ops.Cast(str(call.dtype(0))), count)


def adagrad(call: Call) -> tuple[Node, ...]:
    rate, count, tensors = optimizer(call, 1)
    slower = call.like(1) + real(call, count) * call.like(call.attribute("decay_factor", 0.0))
    step = rate / slower
    updated = []
    for x, g, h in tensors:
        slope = g + call.like(call.attribute("norm_coefficient", 0.0)) * x
        total = h + slope * slope
        divisor = apply_op(ops.Sqrt(), total) + call.like(call.attribute("epsilon", 1e-6))
        updated.append((x - step * slope / divisor, total))
    return regrouped(updated)


def adam(call: Call) -> tuple[Node, ...]:
    rate, count, tensors = optimizer(call, 2)
    alpha, beta = call.like(call.attribute("alpha", 0.9)), call.like(call.attribute("beta", 0.999))
    one, steps = call.like(1), real(call, count)
    corrected = (
        rate
        * apply_op(ops.Sqrt(), one - apply_op(ops.Power(), beta, steps))
        / (one - apply_op(ops.Power(), alpha, steps))
    )
    first = apply_op(ops.LessOrEqual(), steps, call.like(0))
    step = apply_op(ops.Where(), first, rate, corrected)
    updated = []
    for x, g, v, h in tensors:
        slope = call.like(call.attribute("norm_coefficient", 0.0)) * x + g
        mean = alpha * v + (one - alpha) * slope
        square = beta * h + (one - beta) * slope * slope
        divisor = apply_op(ops.Sqrt(), square) + call.like(call.attribute("epsilon", 1e-6))
        moved = x - step * mean / divisor
        kept = one - call.like(call.attribute("norm_coefficient_post", 0.0))
        updated.append((kept * moved, mean, square))
    return regrouped(updated)


def momentum(call: Call) -> tuple[Node, ...]:
    rate, count, tensors = optimizer(call, 1)
    alpha, beta = call.like(call.attributes["alpha"]), call.like(call.attributes["beta"])
    first = apply_op(ops.LessOrEqual(), real(call, count), call.like(0))
    share = apply_op(ops.Where(), first, call.like(1), beta)
    updated = []
    for x, g, v in tensors:
        slope = call.like(call.attributes["norm_coefficient"]) * x + g
        speed = alpha * v + share * slope
        move = slope + alpha * speed if call.attributes["mode"] == "nesterov" else speed
        updated.append((x - rate * move, speed))
    return regrouped(updated)


READ: Mapping[str, Rule] = {
    f"ai.onnx.preview.training/{name}": rule
    for name, rule in (("Adagrad", adagrad), ("Adam", adam), ("Gradient", gradient), ("Momentum", momentum))
}
