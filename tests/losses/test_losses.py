"""Losses: values against optax, derivatives against JAX, kinks pinned, constants against sampling."""

from functools import partial
from math import inf

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats
from scipy.special import gammaln
from sklearn.metrics import mean_pinball_loss

import reseau as rs
from reseau.errors import DataError, ShapeError
from reseau.losses import (
    AbsoluteError,
    CrossEntropy,
    Hinge,
    Huber,
    Logistic,
    Loss,
    MeanOverMembers,
    Poisson,
    Quantile,
    Ramp,
    SmoothedCrossEntropy,
    SquaredError,
)

LOSSES = [
    SquaredError(), AbsoluteError(), Huber(0.7), Logistic(), Hinge(), Ramp(0.5), CrossEntropy(), Poisson(),
    SmoothedCrossEntropy(0.3), Quantile((0.1, 0.5, 0.8)),
]  # fmt: skip
SIGNED = (Logistic, Hinge, Ramp)
OF_CLASSES = (CrossEntropy, SmoothedCrossEntropy)


def targets_for(loss, scores, rng):
    if isinstance(loss, CrossEntropy | SmoothedCrossEntropy):
        return jnp.asarray(rng.integers(0, scores.shape[1], len(scores)), jnp.int32)
    if isinstance(loss, SIGNED):
        return jnp.asarray(rng.choice([-1.0, 1.0], scores.shape))
    if isinstance(loss, Quantile):
        return jnp.asarray(rng.standard_normal(loss.target_shape(scores.shape)))
    if isinstance(loss, Poisson):
        return jnp.asarray(rng.poisson(2.0, scores.shape).astype(float))
    return jnp.asarray(rng.standard_normal(scores.shape))


@partial(jax.jit, static_argnums=0)
def value_and_slope(loss, scores, y):
    """Each row's loss, and its derivative by that row's scores."""
    value = loss.forward(scores, y)
    return value, loss.backward(jnp.ones(len(scores), scores.dtype), value, scores, y)[0]


def test_every_loss_is_tested():
    def leaves(cls):
        own = [c for c in cls.__subclasses__() if c.__module__.startswith("reseau.losses.")]
        return {cls} if not own else set().union(*map(leaves, own))

    assert {type(loss) for loss in LOSSES} | {MeanOverMembers} == {
        c for c in leaves(Loss) if c.__module__.startswith("reseau.losses.")
    }


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_backward_is_the_transposed_derivative(loss):
    rng = np.random.default_rng(0)
    scores = jnp.asarray(rng.standard_normal((40, 3)))
    y = targets_for(loss, scores, rng)
    g = jnp.asarray(rng.standard_normal(40))

    @jax.jit
    def both(scores, g):
        value, pull = jax.vjp(lambda u: loss.forward(u, y), scores)
        return value, loss.backward(g, value, scores, y), pull(g)[0]

    value, (ours, nothing), theirs = both(scores, g)
    assert value.shape == (40,)
    assert nothing is None
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


def test_values_equal_optax_and_scipy():
    rng = np.random.default_rng(1)
    u, y = rng.standard_normal((2, 30, 1))
    side, counts = np.sign(y), rng.poisson(3.0, (30, 1)).astype(float)
    labels, logits = rng.integers(0, 5, 30), 10 * rng.standard_normal((30, 5))
    for ours, theirs in [
        (SquaredError().forward(u, y), optax.l2_loss(u, y)[:, 0]),
        (Huber(0.7).forward(u, y), optax.huber_loss(u, y, delta=0.7)[:, 0]),
        (Logistic().forward(u, side), optax.sigmoid_binary_cross_entropy(u, (side + 1) / 2)[:, 0]),
        (Hinge().forward(u, side), optax.hinge_loss(u, side)[:, 0]),
        (
            CrossEntropy().forward(jnp.asarray(logits), jnp.asarray(labels)),
            optax.softmax_cross_entropy_with_integer_labels(jnp.asarray(logits), jnp.asarray(labels)),
        ),
        (
            SmoothedCrossEntropy(0.3).forward(jnp.asarray(logits), jnp.asarray(labels)),
            optax.softmax_cross_entropy(jnp.asarray(logits), optax.smooth_labels(jax.nn.one_hot(labels, 5), 0.3)),
        ),
        (Poisson().forward(u, counts), (-stats.poisson.logpmf(counts, np.exp(u)) - gammaln(counts + 1))[:, 0]),
    ]:
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("loss", "score", "target", "slope"),
    [
        (AbsoluteError(), 2.0, 2.0, 0.0),
        (Huber(1.0), 3.0, 2.0, 1.0),
        (Hinge(), 1.0, 1.0, 0.0),
        (Hinge(), -1.0, -1.0, 0.0),
        (Ramp(0.5), 0.5, 1.0, 0.0),
        (Ramp(0.5), 0.0, 1.0, 0.0),
        (Quantile(0.9), 2.0, 2.0, 0.0),
    ],
)
def test_the_subgradient_at_each_kink(loss, score, target, slope):
    u, y = jnp.array([[score]]), jnp.array([[target]])
    assert float(value_and_slope(loss, u, y)[1][0, 0]) == slope


@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError(), Huber(), Logistic(), Hinge(), Ramp()], ids=repr)
@pytest.mark.parametrize("score", [-1e4, 1e4])
def test_finite_far_out(loss, score):
    u, y = jnp.array([[score]], jnp.float32), jnp.array([[1.0]], jnp.float32)
    value, slope = value_and_slope(loss, u, y)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()


def test_cross_entropy_far_out_is_exact():
    u, y = jnp.array([[1e4, -1e4, 0.0]], jnp.float32), jnp.array([1])
    value, slope = value_and_slope(CrossEntropy(), u, y)
    assert float(value[0]) == 2e4
    np.testing.assert_array_equal(slope, [[1, -1, 0]])


@pytest.mark.parametrize(
    ("loss", "dimension"),
    [(loss, d) for loss in LOSSES for d in (1, 3) if d > 1 or not isinstance(loss, (*OF_CLASSES, Quantile))],
)
def test_constants_hold_and_are_nearly_attained(loss, dimension):
    U, Y, rng = 1.5, 2.0, np.random.default_rng(2)
    c = loss.constants(output_bound=U, target_bound=Y, dimension=dimension)
    corners = rng.choice([-U, U], (20_000, dimension))
    inner = rng.uniform(-U, U, (20_000, dimension))
    scores = jnp.asarray(np.concatenate([corners, inner, corners * 0.999, np.zeros((2000, dimension))]))
    if isinstance(loss, CrossEntropy | SmoothedCrossEntropy):
        y = jnp.asarray(rng.integers(0, dimension, len(scores)))
    elif isinstance(loss, SIGNED):
        y = jnp.asarray(rng.choice([-1.0, 1.0], scores.shape))
    elif isinstance(loss, Poisson):
        y = jnp.asarray(rng.choice([0.0, Y, Y / 2, 1.0], scores.shape))
    elif isinstance(loss, Quantile):
        y = jnp.asarray(rng.choice([-Y, Y, 0.0], len(scores)))
    else:
        y = jnp.asarray(rng.choice([-Y, Y, 0.0], scores.shape))
    value, slopes = map(np.asarray, value_and_slope(loss, scores, y))
    slope = np.linalg.norm(slopes, axis=1)
    assert c.low - 1e-12 <= value.min() <= c.low + 0.1 * dimension
    assert 0.98 * c.high <= value.max() <= c.high + 1e-9
    assert slope.max() <= c.lipschitz + 1e-9
    if not isinstance(loss, CrossEntropy | SmoothedCrossEntropy | Logistic):  # their suprema are over all scores
        assert slope.max() >= 0.98 * c.lipschitz


def test_smoothness_bounds_the_second_derivative():
    u = jnp.linspace(-8, 8, 2001)
    for loss, y in [(Logistic(), 1.0), (SquaredError(), 0.3), (Huber(2.0), 0.0)]:
        second = jax.grad(jax.grad(lambda v, loss=loss, y=y: loss.forward(v[None, None], y)[0]))
        curvature = np.asarray(jax.jit(jax.vmap(second))(u))
        assert 0.99 * loss.smoothness <= curvature.max() <= loss.smoothness + 1e-12
    hessians = jax.jit(jax.vmap(jax.hessian(lambda v: CrossEntropy().forward(v[None], jnp.array([0]))[0])))(
        np.asarray(np.random.default_rng(0).standard_normal((500, 2)) * 0.5)
    )
    largest = np.linalg.eigvalsh(hessians).max()
    assert 0.95 * 0.5 <= largest <= 0.5 + 1e-12


def test_constants_without_bounds():
    assert (SquaredError().lipschitz, SquaredError().smoothness, SquaredError().range) == (inf, 1.0, (0.0, inf))
    assert (Logistic().lipschitz, Logistic().smoothness) == (1.0, 0.25)
    assert CrossEntropy().lipschitz == pytest.approx(2**0.5)
    assert Ramp(0.5).lipschitz == 2.0
    assert Ramp().range == (0.0, 1.0)


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        (Logistic(), [0, 1], "wants targets -1 and \\+1, got 0, 1\n  fix: for targets 0 and 1 give 2"),
        (CrossEntropy(), [0, 3], r"over 3 scores wants classes 0 … 2, got labels from 0 to 3"),
        (CrossEntropy(), [0.5, 1], "whole-number classes, got fractions"),
        (Poisson(), [-1.0, 2.0], "Poisson wants counts, got the target -1"),
    ],
)
def test_targets_outside_the_domain_are_refused(loss, targets, message):
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(x, 3 if isinstance(loss, CrossEntropy) else 1))
    with pytest.raises(rs.errors.DataError, match=message):
        rs.Objective(net, loss).value_and_grad(net.init(), np.ones((2, 2)), np.array(targets))


def test_cross_entropy_over_one_score_is_refused_while_building():
    x = rs.input("x", (2,))
    with pytest.raises(rs.errors.ShapeError, match=r"one score a class.*\n.*fix: .*Logistic"):
        rs.Objective(rs.Network(x, rs.affine(x, 1)), CrossEntropy())


@pytest.mark.parametrize("loss", [CrossEntropy(), SquaredError(), SmoothedCrossEntropy()], ids=repr)
def test_the_loss_of_members_is_the_mean_of_their_losses(loss):
    rng = np.random.default_rng(5)
    scores = jnp.asarray(rng.standard_normal((20, 4, 3)))
    y = targets_for(loss, scores[:, 0], rng)
    whole = MeanOverMembers(loss)
    one_each = [loss.forward(scores[:, i], y) for i in range(4)]
    np.testing.assert_allclose(whole.forward(scores, y), np.mean(one_each, 0), rtol=1e-12)
    value, pull = jax.vjp(lambda u: whole.forward(u, y), scores)
    g = jnp.asarray(rng.standard_normal(20))
    np.testing.assert_allclose(whole.backward(g, value, scores, y)[0], pull(g)[0], rtol=1e-10, atol=1e-12)
    assert whole.target_dtype == loss.target_dtype
    assert whole.target_shape(("batch", 4, 3)) == loss.target_shape(("batch", 3))


def test_what_a_loss_of_members_cannot_read_is_refused():
    with pytest.raises(DataError, match="MeanOverMembers holds a loss"):
        MeanOverMembers(MeanOverMembers(SquaredError()))
    with pytest.raises(ShapeError, match="separate_affine"):
        MeanOverMembers(SquaredError()).target_shape(("batch", 3))
    with pytest.raises(DataError, match="smoothing of labels"):
        SmoothedCrossEntropy(1.0)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_the_loss_of_a_quantile_is_scikit_learns_and_is_least_at_the_quantile(level):
    y = np.random.default_rng(0).standard_normal(201)
    candidates = jnp.asarray(np.sort(y))
    means = jax.vmap(lambda u: Quantile(level).forward(jnp.full((201, 1), u), jnp.asarray(y)[:, None]).mean())(
        candidates
    )
    for k in (0, 60, 200):
        theirs = mean_pinball_loss(y, np.full(201, candidates[k]), alpha=level)
        assert float(means[k]) == pytest.approx(theirs, rel=1e-12)
    assert float(candidates[means.argmin()]) == np.quantile(y, level, method="inverted_cdf")


def test_levels_and_scores_that_are_no_quantiles_are_refused():
    for levels in ((), (0.0, 0.5), (1.0,), (float("nan"),)):
        with pytest.raises(DataError, match="levels of quantiles lie between 0 and 1"):
            Quantile(levels)
    with pytest.raises(ShapeError, match=r"2 quantiles want scores.*\n.*affine\(h, 2\)"):
        Quantile((0.1, 0.9)).target_shape(("batch", 3))


@pytest.mark.parametrize(
    ("loss", "count"),
    [(CrossEntropy(), 3), (SmoothedCrossEntropy(), 3), (Logistic(), 1), (Logistic(), 3), (Poisson(), 2)],
)
def test_what_scores_mean_is_the_same_as_arrays_and_as_nodes(loss, count):
    scores = np.random.default_rng(0).normal(0, 3, (7, count)).astype(np.float32)
    x = rs.input("x", (count,))
    for labels in (False, True) if isinstance(loss, Logistic) else (False,):
        found = np.asarray(rs.Network(x, loss.meaning(x, labels))({}, scores))
        if loss.probabilistic:
            np.testing.assert_allclose(np.exp(loss.log_probabilities(scores, labels)), found, rtol=2e-6, atol=1e-30)
            decided = found > 0.5 if labels else found.argmax(axis=1)
            np.testing.assert_array_equal(loss.decide(scores, labels), decided)
            if not labels:
                np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
        else:
            np.testing.assert_allclose(loss.decide(scores), found, rtol=1e-6)


def test_probabilities_are_those_that_the_loss_is_the_logarithm_of():
    scores = np.random.default_rng(1).normal(0, 3, (7, 4)).astype(np.float32)
    classes = np.arange(7, dtype=np.int32) % 4
    own = CrossEntropy().log_probabilities(scores)[np.arange(7), classes]
    np.testing.assert_allclose(-own, CrossEntropy().forward(scores, classes), rtol=1e-5)
    sides = np.array([-1.0, 1, 1, -1, 1, -1, 1], np.float32)
    own = Logistic().log_probabilities(scores[:, :1])[np.arange(7), (sides > 0).astype(int)]
    np.testing.assert_allclose(-own, Logistic().forward(scores[:, 0], sides), rtol=1e-5)


def test_a_loss_without_probabilities_says_so_and_decides_by_the_largest_score():
    scores = np.array([[1.0, -2.0], [-3.0, 0.5]])
    assert not Hinge().probabilistic
    assert Hinge().log_probabilities(scores) is None
    assert Hinge().decide(scores).tolist() == [0, 1]
    assert Hinge().decide(scores[:, :1]).tolist() == [1, 0]
    assert Hinge().decide(scores, labels=True).tolist() == [[1, 0], [0, 1]]


def test_members_decide_by_their_mean():
    scores = np.random.default_rng(2).normal(size=(5, 3, 4))
    loss = MeanOverMembers(CrossEntropy())
    np.testing.assert_array_equal(loss.decide(scores), CrossEntropy().decide(scores.mean(axis=1)))
    np.testing.assert_array_equal(loss.log_probabilities(scores), CrossEntropy().log_probabilities(scores.mean(axis=1)))
    x = rs.input("x", (3, 4))
    found = rs.Network(x, loss.meaning(x))({}, scores.astype(np.float32))
    np.testing.assert_allclose(found, np.exp(loss.log_probabilities(scores)), rtol=1e-5)
