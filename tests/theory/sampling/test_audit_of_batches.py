"""The auditor on the engine itself: the samplers of `reseau.batches` and the gradients of real training steps."""

import itertools

import numpy as np
import pytest

import reseau as rs
from reseau import batches
from reseau.theory import audit, check_decomposition
from reseau.theory.sampling import schemes
from reseau.theory.sampling.schemes import Draw

N = 5
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(N, 2)), RNG.normal(size=N)


class Scripted:
    """A generator whose next outcome is given."""

    def __init__(self, outcome):
        self.outcome = list(outcome)

    def permutation(self, n):
        return np.array(self.outcome)

    def integers(self, low, high, shape, dtype):
        return np.array(self.outcome, dtype).reshape(shape)

    def random(self, n):
        """Below every rate for those who join, above for the others."""
        joined, self.outcome = self.outcome[:n], self.outcome[n:]
        return np.where(joined, 0.0, 1.0)


def every_outcome(sampler):
    """All that the generator can give in one epoch, with probabilities."""
    steps = sampler.steps(N)
    if isinstance(sampler, batches.Shuffled):
        found = list(itertools.permutations(range(N)))
        return [(1 / len(found), o) for o in found]
    if isinstance(sampler, batches.WithReplacement):
        found = list(itertools.product(range(N), repeat=sampler.batch))
        return [(1 / len(found), o * steps) for o in found]  # the steps are alike: one outcome for all
    if isinstance(sampler, batches.Poisson):
        masks = itertools.product((True, False), repeat=N)
        return [(np.prod(np.where(m, sampler.rate, 1 - sampler.rate)), m * steps) for m in masks]
    return [(1.0, ())]


def draws(sampler, step, monkeypatch):
    """Every batch of one step, as the auditor wants them."""
    found = []
    for probability, outcome in every_outcome(sampler):
        monkeypatch.setattr(batches, "_generator", lambda seed, epoch, o=outcome: Scripted(o))
        indices, weights = (a[step] for a in sampler.epoch(N, 0, 0))
        held = weights > 0
        found.append(Draw(probability, tuple(indices[held].tolist()), tuple(weights[held].tolist())))
    return found


def regression(normalized=False):
    x = rs.input("x", (2,))
    h = rs.affine(x, 2, name="hidden")
    h = rs.batch_norm(h, name="norm") if normalized else h
    net = rs.Network(x, rs.affine(rs.tanh(h), 1, name="out"))
    return rs.Objective(net, loss=rs.losses.SquaredError(), penalty=rs.penalties.L2(0.3))


def flat(tree):
    return np.concatenate([np.ravel(tree[k]) for k in sorted(tree)])


@pytest.mark.parametrize(
    ("sampler", "scheme"),
    [
        (batches.Shuffled(2), schemes.without_replacement(N, 2)),
        (batches.WithReplacement(3), schemes.with_replacement(N, 3)),
        (batches.Poisson(0.4), schemes.poisson(N, 0.4, "expected size", "zero")),
    ],
    ids=["shuffled", "with replacement", "poisson"],
)
def test_random_samplers_are_unbiased_for_the_gradient_of_the_objective(sampler, scheme, monkeypatch):
    objective = regression()
    params = objective.network.init(seed=0, dtype="float64")
    penalty = flat({k: 0.3 * np.asarray(v) * k.endswith("weight") for k, v in params.items()})
    rows = [flat(objective.value_and_grad(params, X[i : i + 1], Y[i : i + 1])[1]) - penalty for i in range(N)]
    full = flat(objective.value_and_grad(params, X, Y)[1]) - penalty
    found, known = audit(draws(sampler, 0, monkeypatch), rows), audit(scheme, rows)
    assert not found.biased
    np.testing.assert_allclose(found.mean, full, rtol=0, atol=1e-14)
    assert found.variance == pytest.approx(known.variance, rel=1e-12)
    assert (found.empty, found.expected_size) == pytest.approx((known.empty, known.expected_size), rel=1e-12)


def test_the_last_batch_of_a_shuffled_epoch_is_unbiased_and_that_of_a_cycle_is_not(monkeypatch):
    gradients = RNG.normal(size=(N, 3))
    ragged = audit(draws(batches.Shuffled(2), 2, monkeypatch), gradients)
    assert not ragged.biased
    assert ragged.variance == pytest.approx(audit(schemes.without_replacement(N, 1), gradients).variance, rel=1e-12)
    cycle = audit(draws(batches.Cyclic(2), 2, monkeypatch), gradients)
    assert cycle.biased
    assert cycle.shrinkage is None
    np.testing.assert_allclose(cycle.mean, gradients[4], rtol=1e-15)


def step_gradient(objective, params):
    """The gradient that a training step of the engine really takes on a batch, from the move of plain SGD."""

    def gradient(batch):
        rows, rate = list(batch), 2.0**-10
        found = rs.fit(
            objective,
            (X[rows], Y[rows]),
            optimizer=rs.optimizers.SGD(rate),
            batches=rs.batches.Cyclic(len(rows)),
            steps=1,
            params=params,
            progress=False,
        ).params
        own = objective.network.graph.parameters
        return flat({k: (np.asarray(params[k]) - np.asarray(found[k])) / rate for k in own})

    return gradient


@pytest.mark.parametrize("normalized", [False, True])
def test_a_training_step_decomposes_unless_a_batch_is_normalized(normalized):
    objective = regression(normalized)
    params = objective.network.init(seed=0, dtype="float64")
    found = check_decomposition(step_gradient(objective, params), 5, smallest=2)
    assert found.decomposes is not normalized
    assert ("batch normalization does this" in found.explain()) is normalized
    assert found.worst > 1e-3 if normalized else found.worst < 1e-10
