"""JAX by hand: `jax.grad` of the whole loss, either one dispatch a step or all the steps in one scan."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from benchmarks.cases import Case

Weights = list[tuple[Array, Array]]


def prepare(case: Case, *, scanned: bool = False) -> Callable[[int], object] | None:
    if case.blocks or (scanned and case.filters):
        return None  # convolutions inside loops are slow on the CPU
    data, targets = (jnp.asarray(a) for a in case.data)

    def loss_of(weights: Weights, rows: Array) -> Array:
        x, y = data[rows], targets[rows]
        for w, b in weights[: len(case.filters)]:
            x = jax.nn.relu(
                lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
            )
            n, height, width, c = x.shape
            x = x.reshape(n, height // 2, 2, width // 2, 2, c).max(axis=(2, 4))
        x = x.reshape(len(x), -1)
        for w, b in weights[len(case.filters) : -1]:
            x = jax.nn.relu(x @ w + b)
        u = x @ weights[-1][0] + weights[-1][1]
        if case.outputs == 1:
            return 0.5 * ((u - y) ** 2).mean()
        return (jax.nn.logsumexp(u, axis=1) - jnp.take_along_axis(u, y[:, None], axis=1)[:, 0]).mean()

    def step(weights: Weights, rows: Array) -> tuple[Weights, Array]:
        loss, grads = jax.value_and_grad(loss_of)(weights, rows)
        return jax.tree.map(lambda p, g: p - case.rate * g, weights, grads), loss

    one = jax.jit(step, donate_argnums=0)
    many = jax.jit(partial(lax.scan, step), donate_argnums=0)

    def run(steps: int) -> object:
        weights = jax.tree.map(jnp.array, case.first_weights)
        if scanned:
            weights, losses = many(weights, jnp.asarray(case.batches(steps)))
            return losses.block_until_ready()
        losses = []
        for rows in case.batches(steps):
            weights, loss = one(weights, rows)
            losses.append(loss)
        return jax.block_until_ready((weights, losses))

    return run
