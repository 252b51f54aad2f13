"""Certificates of networks trained on Fashion-MNIST, with the hold-out bound that beats them."""

import gzip

import numpy as np
import pytest

from reseau.theory.generalization.certify import certify
from reseau.theory.shallow.network import ShallowNetwork
from tools.shared_data import SHARED

FOLDER = SHARED / "fashion-mnist"


def images(kind):
    """Images scaled to norm one, each on its own: nothing is fitted on the sample."""
    if not FOLDER.exists():
        pytest.skip("no folder shared/data/fashion-mnist beside the checkout")
    pixels = gzip.decompress((FOLDER / f"{kind}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((FOLDER / f"{kind}-labels-idx1-ubyte.gz").read_bytes())
    X = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 784) / 255.0
    return X / np.linalg.norm(X, axis=1)[:, None], np.frombuffer(labels, np.uint8, offset=8).astype(int)


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
def test_trousers_against_boots_has_a_certificate_and_a_better_hold_out_bound():
    (X, y), (unseen, answers) = images("train"), images("t10k")
    kept, held = np.isin(y, (1, 9)), np.isin(answers, (1, 9))
    X, y, unseen, answers = X[kept], (y[kept] == 1) * 1, unseen[held], (answers[held] == 1) * 1
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
    (X, y), holdout = images("train"), images("t10k")
    f = train(X, y, 10, strength=0.003, epochs=3, width=60)
    certificate = certify(f, X, y, holdout=holdout)
    assert certificate.vacuous
    assert certificate.explain().startswith("VACUOUS: ")
    assert certificate.holdout.bound < 0.25
    assert "the hold-out bound is the smaller" in certificate.explain()
