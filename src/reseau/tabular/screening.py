"""Where a table has more columns than rows, the features that say most about the target by themselves."""

import numpy as np

from reseau.data.table.preprocessing import stored
from reseau.graph import Node, apply_op
from reseau.ops import Cast, Take

__all__ = ["CHOSEN", "screened", "shares_explained"]

CHOSEN = "features.chosen"  # the state that holds the places of a member's features


def screened(h: Node, columns: int, rows: int) -> Node:
    """Half as many features as rows, where a table has more columns than rows: a layer would fit the noise of all.

    Which ones is a state of the network, `CHOSEN`, since each member chooses by the rows that it trains on.

    Args:
        h: All features, (batch, features).
        columns: Columns of the table.
        rows: Rows to train on.

    Source: Fan and Lv, *Sure Independence Screening for Ultrahigh Dimensional Feature Space*, 2008.
    """
    if columns <= rows:
        return h
    places = stored(np.arange(max(rows // 2, 1)), CHOSEN)
    return apply_op(Take(1), h, apply_op(Cast("int32"), places), name="chosen")


def shares_explained(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The share of each feature's variance that a linear function of the targets explains; 0 for a constant.

    For one target the square of the correlation; for targets that are 0 or 1 by class, the variance between the classes
    over all of it.

    Args:
        features: (rows, features).
        targets: (rows, targets).

    Example:
        >>> shares_explained(np.array([[0.0, 1], [0, 2], [1, 2], [1, 1]]), np.array([[3.0], [3], [5], [5]])).tolist()
        [1.0, 0.0]
    """
    centered = features - features.mean(0, dtype=np.float64)
    directions, sizes, _ = np.linalg.svd(targets - targets.mean(0), full_matrices=False)
    explained = np.square(directions[:, sizes > 1e-9 * max(sizes.max(), 1e-300)].T @ centered).sum(0)
    whole = np.square(centered).sum(0)
    return np.where(whole > 1e-12 * len(features), explained / np.where(whole > 0, whole, 1), 0)
