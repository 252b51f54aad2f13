"""Certificates of networks trained on pictures, with the hold-out bound that beats them."""

import numpy as np
import pytest

from reseau.theory.generalization.certify import certify
from reseau.theory.shallow.shallow_network import ShallowNetwork
from tools.pictures import pictures


def train(X, y, classes, *, strength, epochs, width, radius=0.2):
    """Adam on the multiclass hinge of the margin plus `strength` times the path norm."""
    rng = np.random.default_rng(0)
    n, lifted = len(X), np.column_stack([X, np.full(len(X), radius)])
    params = [rng.normal(size=(width, 785)) / 28, 0.3 * rng.normal(size=(width, classes))]
    first, second = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    total = epochs * -(-n // 256)
    for t in range(1, total + 1):
        batch = rng.integers(0, n, 256)
        x, rows = lifted[batch], np.arange(256)
        z = x @ params[0].T
        scores = np.maximum(z, 0) @ params[1]
        others = scores.copy()
        others[rows, y[batch]] = -np.inf
        rival = others.argmax(axis=1)
        short = (scores[rows, y[batch]] - scores[rows, rival] < 1) / 256
        slope = np.zeros_like(scores)
        slope[rows, y[batch]] -= short
        slope[rows, rival] += short
        nu, size = (np.linalg.norm(p, axis=1)[:, None] + 1e-12 for p in params)
        gradients = (
            ((slope @ params[1].T) * (z > 0)).T @ x + strength * params[0] / nu * size,
            np.maximum(z, 0).T @ slope + strength * params[1] / size * nu,
        )
        for i, g in enumerate(gradients):
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g**2
            step = 0.01 * min(1.0, 2 * (1 - t / total))
            params[i] -= step * first[i] / (1 - 0.9**t) / (np.sqrt(second[i] / (1 - 0.999**t)) + 1e-8)
    return ShallowNetwork.from_neurons(*params, radius)


@pytest.mark.slow
def test_two_kinds_of_pictures_have_a_certificate_and_a_better_hold_out_bound():
    (X, y), (unseen, answers) = pictures(16_000, seed=0, kinds=2), pictures(2_000, seed=1, kinds=2)
    two = train(X, y, 2, strength=0.03, epochs=6, width=30)
    # One output is enough for two classes: the difference of the scores.
    f = ShallowNetwork(two.weights, two.biases, two.outputs[:, 1] - two.outputs[:, 0], two.radius)
    certificate = certify(f, X, 2.0 * y - 1, holdout=(unseen, 2.0 * answers - 1))
    assert not certificate.vacuous
    assert certificate.bound < 0.2
    assert certificate.holdout.bound < 0.02
    assert np.mean((f(unseen) > 0) != answers) < certificate.bound


@pytest.mark.slow
def test_ten_classes_are_vacuous_and_say_so():
    (X, y), holdout = pictures(12_000, seed=0), pictures(2_000, seed=1)
    f = train(X, y, 10, strength=0.003, epochs=3, width=60)
    certificate = certify(f, X, y, holdout=holdout)
    assert certificate.vacuous
    assert certificate.explain().startswith("VACUOUS: ")
    assert certificate.holdout.bound < 0.25
    assert "the hold-out bound is the smaller" in certificate.explain()
