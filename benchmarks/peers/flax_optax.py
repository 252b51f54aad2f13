"""Flax (linen) and optax: the loop of their documentation."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from benchmarks.cases import Case


class Model(nn.Module):
    filters: Sequence[int]
    hidden: Sequence[int]
    outputs: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for filters in self.filters:
            x = nn.max_pool(nn.relu(nn.Conv(filters, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = x.reshape(x.shape[0], -1)
        for units in self.hidden:
            x = nn.relu(nn.Dense(units)(x))
        return nn.Dense(self.outputs)(x)


def prepare(case: Case) -> Callable[[int], object] | None:
    if case.blocks:
        return None
    model = Model(case.filters, case.hidden, case.outputs)
    data, targets = (jnp.asarray(a) for a in case.data)
    start = jax.jit(model.init)(jax.random.key(0), data[: case.batch])
    optimizer = optax.sgd(case.rate)

    def loss_of(params: object, x: Array, y: Array) -> Array:
        u = model.apply(params, x)
        if case.outputs == 1:
            return optax.l2_loss(u, y).mean()
        return optax.softmax_cross_entropy_with_integer_labels(u, y).mean()

    @jax.jit
    def step(params: object, state: object, rows: Array) -> tuple[object, object, Array]:
        loss, grads = jax.value_and_grad(loss_of)(params, data[rows], targets[rows])
        moves, state = optimizer.update(grads, state)
        return optax.apply_updates(params, moves), state, loss

    def run(steps: int) -> object:
        params, state, losses = start, optimizer.init(start), []
        for rows in case.batches(steps):
            params, state, loss = step(params, state, rows)
            losses.append(loss)
        return jax.block_until_ready((params, losses))

    return run
