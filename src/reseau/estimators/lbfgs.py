"""Full-batch training by L-BFGS, which SciPy does; for small data."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize

from reseau.objective import Objective
from reseau.objective.examples import Examples

__all__ = ["minimize"]


def minimize(
    objective: Objective,
    examples: Examples,
    params: dict[str, np.ndarray],
    *,
    strength: float,
    most_steps: int,
    most_calls: int,
    tolerance: float,
    after_step: Callable[[dict[str, Any], float], bool],
) -> tuple[dict[str, Any], Any]:
    """Minimize the objective over the parameters.

    Args:
        objective: The objective; the network as it is used, without dropout.
        examples: All the data, in float64.
        params: Where to start, states included.
        strength: What the penalty is multiplied by.
        most_steps: Iterations, at most.
        most_calls: Evaluations of the objective, at most.
        tolerance: Largest entry of the gradient at which to stop.
        after_step: Called with the parameters and the objective after each iteration; true ends the run.

    Returns:
        The parameters, and SciPy's own result.

    Source: Byrd, Lu, Nocedal and Zhu, *A Limited Memory Algorithm for Bound Constrained Optimization*, 1995.
    """
    names = list(objective.network.graph.parameters)
    shapes = [params[n].shape for n in names]
    ends = np.cumsum([params[n].size for n in names])[:-1]

    def unpacked(theta: np.ndarray) -> dict[str, Any]:
        parts = np.split(theta, ends)
        return params | {n: p.reshape(s) for n, p, s in zip(names, parts, shapes, strict=True)}

    def slope(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, grads = objective.differentiate(unpacked(theta), examples, strength)
        return float(value), np.concatenate([np.asarray(grads[n], np.float64).ravel() for n in names])

    def told(intermediate_result: Any) -> None:
        if after_step(unpacked(intermediate_result.x), float(intermediate_result.fun)):
            raise StopIteration

    found = optimize.minimize(
        slope,
        np.concatenate([np.asarray(params[n], np.float64).ravel() for n in names]),
        jac=True,
        method="L-BFGS-B",
        callback=told,
        options={"maxiter": most_steps, "maxfun": most_calls, "gtol": tolerance},
    )
    return unpacked(found.x), found
