"""Pictures of our own making: 28 x 28 pixels, ten kinds that move, fade and carry noise."""

import numpy as np


def pictures(count, seed, kinds=10):
    """Rows of 784 pixels scaled to norm one, each on its own (nothing is fitted on the sample), and the kinds."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, kinds, count)
    side = np.arange(28.0)
    waves = np.random.default_rng(7).normal(size=(kinds, 6))  # what a kind looks like: the same for every sample
    X = np.empty((count, 784))
    for i, kind in enumerate(y):
        a, b, c, d, e, f = waves[kind]
        dx, dy = rng.integers(-2, 3, 2)
        u, v = (side[:, None] + dx - 14) / 9, (side[None, :] + dy - 14) / 9
        shape = np.sin(2 * a * u + 2 * b * v + c) + np.cos(2 * d * u - 2 * e * v + f)
        picture = np.maximum(shape, 0) * np.exp(-(u**2 + v**2) / 2) * rng.uniform(0.5, 1.5) + 0.25 * rng.random(
            (28, 28)
        )
        X[i] = picture.ravel()
    return X / np.linalg.norm(X, axis=1)[:, None], y
