"""Certify a trained network: the error rate of a classifier, in any unit of its features."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reseau.theory.generalization.certificate import Certificate
from reseau.theory.generalization.certify import certify
from reseau.theory.generalization.certify_settings import WIDE_GRID, WIDE_RADII
from reseau.theory.shallow.network import ShallowNetwork

if TYPE_CHECKING:
    from reseau.network import Network

__all__ = ["certify_network"]

Examples = tuple[np.ndarray, np.ndarray]


def certify_network(
    network: "Network",
    params: Mapping[str, Any],
    X: np.ndarray,
    y: np.ndarray,
    delta: float = 0.05,
    *,
    holdout: Examples | None = None,
    sequential: bool = False,
) -> Certificate:
    """Bound the error rate of a trained network of one hidden layer of ReLU, from the rows it was trained on.

    This is `certify` with radii and ratios wide enough for features in any unit; for two scores their difference is
    what decides, and is bounded.

    Args:
        network: One score for two classes, or one score a class.
        params: Its parameters and states.
        X: Rows as the network reads them; axes beyond the second are flattened.
        y: The number of each row's class.
        delta: Probability that the bound fails.
        holdout: Rows and class numbers that nothing was chosen on: their bound is put beside.
        sequential: Whether that bound holds at all times at once.

    Raises:
        GraphError: The network is not one hidden layer of ReLU. `certify_errors` bounds the error rate of any network,
            from rows that nothing was chosen on.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 8)), 2))
        >>> X = np.random.default_rng(0).normal(size=(4000, 2))
        >>> y = (X[:, 0] > 0).astype(int)
        >>> result = rs.fit(rs.Objective(net, loss=rs.losses.CrossEntropy()), (X, y), epochs=5, seed=0)
        >>> certificate = certify_network(net, result.params, X, y, holdout=(X[:1000], y[:1000]))
        >>> certificate.holdout.bound < certificate.bound <= 1
        True
    """
    f = ShallowNetwork.from_network(network, params)
    if f.outputs.ndim == 2 and f.outputs.shape[1] == 2:
        f = ShallowNetwork(f.weights, f.biases, f.outputs[:, 1] - f.outputs[:, 0])
    binary = f.outputs.ndim == 1

    def read(rows: np.ndarray, numbers: np.ndarray) -> Examples:
        flat = np.asarray(rows, np.float64).reshape(len(rows), -1)
        return flat, 2.0 * np.asarray(numbers) - 1 if binary else np.asarray(numbers)

    return certify(
        f,
        *read(X, y),
        delta=delta,
        radius=WIDE_RADII,
        grid=WIDE_GRID,
        holdout=None if holdout is None else read(*holdout),
        sequential=sequential,
    )
