"""Which columns a model uses: how much worse it predicts when the entries of one column are shuffled among the rows.

Source: Breiman, *Random Forests*, 2001, section 10; Fisher, Rudin and Dominici, *All Models are Wrong, but Many are
Useful*, 2019, for models of any kind.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Importance", "permutation_importance"]


@dataclass(frozen=True)
class Importance:
    """How much the loss grows when a column is shuffled: the mean over shuffles and its standard error."""

    name: str
    mean: float
    error: float


def permutation_importance(
    loss: Callable[[np.ndarray], float],
    features: np.ndarray,
    names: tuple[str, ...],
    *,
    repeats: int = 5,
    seed: int = 0,
) -> tuple[Importance, ...]:
    """The importance of every column, the largest first.

    Args:
        loss: The mean loss of the model's predictions for these features, lower is better.
        features: Rows that the model was not trained on, (n, columns).
        names: Name of each column.
        repeats: Shuffles of each column; the standard error is over them.
        seed: Seed of the shuffles.

    Example:
        >>> X = np.random.default_rng(0).standard_normal((200, 2))
        >>> found = permutation_importance(lambda x: float(np.mean((x[:, 0] - X[:, 0]) ** 2)), X, ("used", "idle"))
        >>> found[0].name, found[1].mean
        ('used', 0.0)
    """
    generator = np.random.default_rng(seed)
    before = loss(features)
    found = []
    for column, name in enumerate(names):
        grown = []
        for _ in range(repeats):
            shuffled = features.copy()
            shuffled[:, column] = features[generator.permutation(len(features)), column]
            grown.append(loss(shuffled) - before)
        spread = float(np.std(grown, ddof=1)) if repeats > 1 else float("nan")
        found.append(Importance(name, float(np.mean(grown)), spread / repeats**0.5))
    return tuple(sorted(found, key=lambda each: -each.mean))
