"""Certify a trained network, in any unit of its features."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reseau.named_arguments import names_arguments
from reseau.theory.generalization.certificate import Certificate
from reseau.theory.generalization.certify import certify
from reseau.theory.generalization.certify_settings import ANY_UNIT, CertificateSettings
from reseau.theory.shallow.shallow_network import ShallowNetwork

if TYPE_CHECKING:
    from reseau.network import Network

__all__ = ["certify_network", "one_score"]

Examples = tuple[np.ndarray, np.ndarray]


@names_arguments
def certify_network(
    network: "Network",
    params: Mapping[str, Any],
    X: np.ndarray,
    y: np.ndarray,
    settings: CertificateSettings = ANY_UNIT,
    *,
    holdout: Examples | None = None,
    sequential: bool = False,
) -> Certificate:
    """Bound the risk of a trained network of one hidden layer of ReLU, from the rows it was trained on.

    This is `certify` with radii and ratios wide enough for features in any unit; for two scores their difference is
    what decides, and is bounded.

    Args:
        network: One score for two classes, one score a class, or one number.
        params: Its parameters and states.
        X: Rows as the network reads them; axes beyond the second are flattened.
        y: The number of each row's class; for a loss other than `"error"`, the target of each row.
        settings: What was fixed before the rows were seen: `ANY_UNIT`, the error rate with delta = 0.05, or
            `replace(ANY_UNIT, delta=0.01)`, for instance.
        holdout: Rows and targets that nothing was chosen on: their bound is put beside.
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
    classes = settings.loss == "error"
    f = one_score(f) if classes else f
    signs = classes and f.outputs.ndim == 1

    def read(rows: np.ndarray, targets: np.ndarray) -> Examples:
        flat = np.asarray(rows, np.float64).reshape(len(rows), -1)
        return flat, 2.0 * np.asarray(targets) - 1 if signs else np.asarray(targets)

    unseen = None if holdout is None else read(*holdout)
    return certify(f, *read(X, y), settings, holdout=unseen, sequential=sequential)


def one_score(f: ShallowNetwork) -> ShallowNetwork:
    """The network whose sign decides: of two scores their difference, and others as they are."""
    if f.outputs.ndim == 1 or f.outputs.shape[1] != 2:
        return f
    return ShallowNetwork(f.weights, f.biases, f.outputs[:, 1] - f.outputs[:, 0], f.radius)
