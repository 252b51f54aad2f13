"""The risk of a stochastic network on given rows, bounded from above by drawing its weights."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from reseau.compiler import SOUND
from reseau.graph.backprop import evaluate
from reseau.losses import Loss
from reseau.objective import Examples
from reseau.theory.stochastic.stochastic_network import StochasticNetwork, drawn

__all__ = ["LossOfRow", "drawn_losses", "loss_of_row", "losses_of_mean"]

LossOfRow = Callable[[Any, Any], Any]
"""From scores and targets to one number from 0 to 1 a row."""

BLOCK = 64  # draws in one call


def loss_of_row(loss: Loss, within: float | None, largest: float | None) -> LossOfRow:
    """Wrong or right; further off than `within` or not; or the loss as a share of `largest`. NaN counts as 1."""

    def rate(scores: Any, target: Any) -> Any:
        if largest is not None:
            share = loss.forward(scores, target) / largest
            return jnp.where(share >= 0, jnp.minimum(share, 1.0), 1.0)
        if within is None:
            return jnp.where(loss.correct(scores, target) == 1, 0.0, 1.0)
        off = jnp.abs(scores - target.reshape(scores.shape)).reshape(scores.shape[0], -1).max(1)
        return jnp.where(off <= within, 0.0, 1.0)

    return rate


def drawn_losses(
    varied: StochasticNetwork, examples: Examples, rate: LossOfRow, draws: int, rows: int, seed: int, *, in_turn: bool
) -> np.ndarray:
    """The mean loss of `rows` rows under each of `draws` draws of the weights, rounded up, shape (draws,).

    Args:
        varied: The network.
        examples: Rows and targets.
        rate: The loss of a row.
        draws: How many times the weights are drawn.
        rows: Rows for each.
        seed: Of both draws.
        in_turn: Draw `i` reads row `i`, alone; else rows are drawn too, with replacement: each draw then has the
            stochastic network's mean loss on all rows for its expectation.
    """
    network, count = varied.network, len(examples)
    start = jax.random.key(seed)
    data = examples.inputs, examples.targets[0]

    @partial(jax.jit, compiler_options=SOUND)
    def several(mean: Any, deviation: Any, data: Any, numbers: Any) -> Any:
        def one(carry: None, number: Any) -> tuple[None, Any]:
            key = jax.random.fold_in(start, number)
            chosen = number[None] if in_turn else jax.random.randint(jax.random.fold_in(key, 1), (rows,), 0, count)
            params = drawn(jax.random.fold_in(key, 2), mean, deviation)
            values = evaluate(network.graph.nodes, network.sources(params, tuple(x[chosen] for x in data[0])))
            losses = rate(values[network.graph.outputs[0]], data[1][chosen]).astype(jnp.float32)
            return None, (losses.sum(), ((losses == 0) | (losses == 1)).all())

        return jax.lax.scan(one, None, numbers)[1]

    mean, deviation = ({name: given[name] for name in sorted(given)} for given in (varied.mean, varied.deviation))
    numbers = np.arange(-(-draws // BLOCK) * BLOCK, dtype=np.uint32).reshape(-1, BLOCK)
    numbers = np.minimum(numbers, draws - 1)
    parts = [several(mean, deviation, data, part) for part in numbers]
    sums, counts = (np.concatenate([np.asarray(part[i]) for part in parts])[:draws] for i in (0, 1))
    sums = sums.astype(np.float64)  # a count is exact, a sum of other numbers is within `rows` roundings
    return np.minimum(np.where(counts, sums, sums * (1 + rows * 2.0**-22)) / rows, 1.0)


def losses_of_mean(varied: StochasticNetwork, examples: Examples, rate: LossOfRow) -> float:
    """The mean loss of the network whose weights are the means; nothing is proved of it."""
    inputs = [np.asarray(x)[: len(examples)] for x in examples.inputs]
    scores = varied.network.in_blocks(varied.mean, *inputs)
    target = np.asarray(examples.targets[0])[: len(examples)]
    return float(np.mean(np.asarray(rate(jnp.asarray(scores), jnp.asarray(target)), np.float64)))
