"""reseau through its public `fit`, history on."""

from collections.abc import Callable

import jax

import reseau as rs
from benchmarks.cases import Block, Case
from reseau.graph import Node


def objective_of(case: Case) -> rs.Objective:
    """The network of a case with its loss."""
    x = rs.input("x", case.inputs)
    h = x
    for block in case.blocks:
        h = with_block(h, block)
    for filters in case.filters:
        h = rs.max_pool(rs.relu(rs.conv(h, filters, (3, 3))), (2, 2))
    h = rs.flatten(h) if case.filters else h
    h = rs.global_average_pool(h) if case.blocks else h
    for units in case.hidden:
        h = rs.relu(rs.affine(h, units))
    net = rs.Network(x, rs.affine(h, case.outputs))
    return rs.Objective(net, rs.losses.SquaredError() if case.outputs == 1 else rs.losses.CrossEntropy())


def prepare(case: Case) -> Callable[[int], object]:
    objective = objective_of(case)
    given = [] if case.blocks else [array for layer in case.first_weights for array in layer]
    first = objective.network.init()
    params = first if case.blocks else dict(zip(first, given, strict=True))
    batches = rs.batches.Shuffled(case.batch) if case.shuffled else rs.batches.Cyclic(case.batch)
    optimizer = rs.optimizers.SGD(case.rate)
    data = jax.device_put(case.data)  # once, like the peers

    def run(steps: int) -> object:
        return rs.fit(
            objective, data, optimizer=optimizer, batches=batches, steps=steps, params=params, progress=False
        ).history

    return run


def with_block(x: Node, block: Block) -> Node:
    """The block's output."""
    h = x
    for number, c in enumerate(block.convolutions, 1):
        conv = rs.conv(h, c.filters, (c.kernel, c.kernel), stride=c.stride, groups=c.groups, bias=False)
        h = rs.batch_norm(conv)
        if number < len(block.convolutions):
            h = rs.relu(h)
    return rs.relu(x + h if block.residual else h)
