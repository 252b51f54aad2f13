"""reseau through its public `fit`, history on."""

from collections.abc import Callable

import jax

import reseau as rs
from benchmarks.cases import Case


def objective_of(case: Case) -> rs.Objective:
    """The network of a case with its loss."""
    x = rs.input("x", case.inputs)
    h = x
    for filters in case.filters:
        h = rs.max_pool(rs.relu(rs.conv(h, filters, (3, 3))), (2, 2))
    h = rs.flatten(h) if case.filters else h
    for units in case.hidden:
        h = rs.relu(rs.affine(h, units))
    net = rs.Network(x, rs.affine(h, case.outputs))
    return rs.Objective(net, rs.losses.SquaredError() if case.outputs == 1 else rs.losses.CrossEntropy())


def prepare(case: Case) -> Callable[[int], object]:
    objective = objective_of(case)
    given = [array for layer in case.first_weights for array in layer]
    params = dict(zip(objective.network.init(), given, strict=True))
    batches = rs.batches.Shuffled(case.batch) if case.shuffled else rs.batches.Cyclic(case.batch)
    optimizer = rs.optimizers.SGD(case.rate)
    data = jax.device_put(case.data)  # once, like the peers

    def run(steps: int) -> object:
        return rs.fit(
            objective, data, optimizer=optimizer, batches=batches, steps=steps, params=params, progress=False
        ).history

    return run
