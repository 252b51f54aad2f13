"""Certificates of networks trained on pictures by `fit`, with the hold-out bound that beats them."""

import numpy as np
import pytest

import reseau as rs
from reseau.theory import ShallowNetwork, certify
from tools.pictures import pictures

RADIUS = 0.2  # images have norm one: fixed before any of them is seen


def trained(X, y, loss, outputs, *, width, strength, epochs):
    """Adam, its rate falling to 0, on the loss plus `strength` times the path norm."""
    x = rs.input("image", (784,))
    hidden = rs.relu(rs.affine(x, width, name="hidden"))
    net = rs.Network(x, rs.affine(hidden, outputs, bias=False, name="scores"))
    objective = rs.Objective(net, loss=loss, penalty=rs.penalties.PathNorm(strength, RADIUS))
    steps = epochs * -(-len(X) // 256)
    optimizer = rs.optimizers.Adam(rs.optimizers.Cosine(0.01, steps))
    batches = rs.batches.Shuffled(256)
    params = rs.fit(objective, (X, y), optimizer=optimizer, batches=batches, epochs=epochs, progress=False).params
    return net, params, ShallowNetwork.from_network(net, params, RADIUS)


@pytest.mark.slow
def test_two_kinds_of_pictures_have_a_certificate_and_a_better_hold_out_bound():
    (X, y), (unseen, answers) = pictures(16_000, seed=0, kinds=2), pictures(2_000, seed=1, kinds=2)
    y, answers = 2.0 * y - 1, 2.0 * answers - 1
    net, params, f = trained(X, y, rs.losses.Hinge(), 1, width=30, strength=0.03, epochs=6)
    np.testing.assert_allclose(net(params, unseen)[:, 0], f(unseen), atol=1e-4)
    certificate = certify(f, X, y, holdout=(unseen, answers))
    print(certificate.explain())
    assert certificate.valid
    assert not certificate.vacuous
    assert certificate.bound < 0.2
    assert np.mean(answers * f(unseen) <= 0) <= certificate.holdout.bound < 0.02


@pytest.mark.slow
def test_ten_classes_are_vacuous_and_say_so():
    (X, y), (unseen, answers) = pictures(12_000, seed=0), pictures(2_000, seed=1)
    _, _, f = trained(X, y, rs.losses.CrossEntropy(), 10, width=60, strength=0.001, epochs=3)
    certificate = certify(f, X, y, holdout=(unseen, answers))
    print(certificate.explain())
    assert certificate.vacuous
    assert certificate.explain().startswith("VACUOUS: ")
    assert np.mean(f(unseen).argmax(axis=1) != answers) <= certificate.holdout.bound < 0.25
    assert "the hold-out bound is the smaller" in certificate.explain()
