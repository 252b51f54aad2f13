"""The same algorithm in NumPy, backpropagation written out."""

from collections.abc import Callable

import numpy as np

from benchmarks.cases import Case


def prepare(case: Case) -> Callable[[int], object] | None:
    if case.filters or case.blocks:
        return None
    data, targets = case.data

    def run(steps: int) -> object:
        layers = [(w.copy(), b.copy()) for w, b in case.first_weights]
        losses = np.zeros(steps)
        for step, rows in enumerate(case.batches(steps)):
            x, y = data[rows], targets[rows]
            values = [x]
            for w, b in layers[:-1]:
                values.append(np.maximum(values[-1] @ w + b, 0))
            scores = values[-1] @ layers[-1][0] + layers[-1][1]
            if case.outputs == 1:
                g = scores - y
                losses[step] = 0.5 * (g * g).mean()
            else:
                shifted = scores - scores.max(axis=1, keepdims=True)
                p = np.exp(shifted)
                total = p.sum(axis=1, keepdims=True)
                losses[step] = (np.log(total[:, 0]) - shifted[np.arange(len(y)), y]).mean()
                g = p / total
                g[np.arange(len(y)), y] -= 1
            g = g / len(rows)
            for i in reversed(range(len(layers))):
                w, b = layers[i]
                back = (g @ w.T) * (values[i] > 0) if i else None
                w -= case.rate * (values[i].T @ g)
                b -= case.rate * g.sum(axis=0)
                g = back
        return losses

    return run
