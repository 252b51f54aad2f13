"""Each optimizer equals optax's for 200 steps in float64, and keeps what its theory promises."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import reseau as rs
from reseau.errors import DataError
from reseau.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Averaged,
    Clipped,
    Constant,
    Cosine,
    CosineInLog,
    FlatCosine,
    Grouped,
    InverseTime,
    Optimizer,
    Projected,
    RMSProp,
    Steered,
    Step,
    Warmup,
    as_optimizer,
)

COSINE = optax.cosine_decay_schedule(0.01, 150, alpha=0.1)
PAIRS = {
    "sgd": (SGD(0.05), optax.sgd(0.05)),
    "momentum": (SGD(0.05, momentum=0.9), optax.sgd(0.05, momentum=0.9)),
    "nesterov": (SGD(0.05, momentum=0.9, nesterov=True), optax.sgd(0.05, momentum=0.9, nesterov=True)),
    "adagrad": (
        Adagrad(0.1, epsilon=0.0),
        # optax puts epsilon inside the root and starts from 0.1; with neither, the two conventions are one
        optax.chain(optax.scale_by_rss(initial_accumulator_value=0.0, eps=0.0), optax.scale(-0.1)),
    ),
    "rmsprop": (RMSProp(0.01, decay=0.9), optax.rmsprop(0.01, decay=0.9, eps=1e-8, eps_in_sqrt=False)),
    "adam": (Adam(0.01), optax.adam(0.01)),
    "adam, large epsilon": (Adam(0.01, b1=0.5, b2=0.9, epsilon=0.1), optax.adam(0.01, b1=0.5, b2=0.9, eps=0.1)),
    "adamw": (AdamW(0.01, decay=0.1), optax.adamw(0.01, weight_decay=0.1)),
    "clipped": (Clipped(SGD(0.05), norm=0.5), optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.05))),
    "cosine": (Adam(Cosine(0.01, 150, last=0.001)), optax.adam(COSINE)),
    "groups": (
        Grouped((("a", SGD(0.05, momentum=0.9)), ("*", Adam(0.01))), rest=SGD(1.0)),
        optax.multi_transform({"a": optax.sgd(0.05, momentum=0.9), "b": optax.adam(0.01)}, {"a": "a", "b": "b"}),
    ),
    "from optax": (as_optimizer(optax.adabelief(0.01)), optax.adabelief(0.01)),
}


def gradient(params, t):
    """Of a quadratic that moves with the step, and vanishes in one coordinate."""
    return {
        "a": params["a"] - jnp.sin(t + jnp.arange(3.0)),
        "b": (3 * params["b"] + jnp.cos(2.0 * t)) * jnp.array([[1.0], [0.0]]),
    }


@pytest.mark.parametrize("name", PAIRS)
def test_equal_to_optax_over_200_steps(name):
    ours, theirs = PAIRS[name]
    start = {"a": jnp.array([1.0, -2.0, 0.5]), "b": jnp.array([[0.3, -0.7], [1.1, 2.0]])}

    def mine(carry, t):
        params, state = ours.update(carry[0], gradient(carry[0], t), carry[1], t)
        return (params, state), params

    def peer(carry, t):
        moves, state = theirs.update(gradient(carry[0], t), carry[1], carry[0])
        params = optax.apply_updates(carry[0], moves)
        return (params, state), params

    steps = jnp.arange(200)
    _, a = jax.lax.scan(mine, (start, jax.tree.map(jnp.asarray, ours.init(start))), steps)
    _, b = jax.lax.scan(peer, (start, theirs.init(start)), steps)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12), a, b)


@pytest.mark.parametrize("name", [n for n in PAIRS if n != "from optax"])
def test_float32_stays_float32(name):
    ours, _ = PAIRS[name]
    params = {"a": jnp.ones(3, jnp.float32)}
    state = jax.tree.map(jnp.asarray, ours.init(params))
    moved, after = ours.update(params, params, state, jnp.int32(3))
    assert {v.dtype for v in jax.tree.leaves((moved, after))} == {np.dtype("float32")}


@pytest.mark.parametrize("inner", [SGD(0.05, momentum=0.9, nesterov=True), Adam(0.05)], ids=repr)
def test_a_steered_rate_is_that_of_the_state(inner):
    params, grads = {"x": jnp.arange(3.0)}, {"x": jnp.array([1.0, -2.0, 0.5])}
    steered = Steered(replace(inner, learning_rate=1.0))
    rate, before, state = steered.init(params)
    assert (float(rate), int(before)) == (1.0, 0)
    mine, _ = steered.update(params, grads, (jnp.asarray(0.05), jnp.int32(3), state), jnp.int32(4))
    theirs, _ = inner.update(params, grads, inner.init(params), jnp.int32(7))
    np.testing.assert_allclose(mine["x"], theirs["x"], rtol=1e-15)
    with pytest.raises(DataError, match="schedule already"):
        Steered(SGD(Cosine(0.1, 10)))


def run(optimizer: Optimizer, grads) -> np.ndarray:
    params, path = {"x": jnp.zeros(())}, []
    state = optimizer.init(params)
    for t, g in enumerate(grads):
        params, state = optimizer.update(params, {"x": jnp.asarray(g)}, state, jnp.int32(t))
        path.append(float(params["x"]))
    return np.array(path)


def test_first_steps_are_those_of_the_papers():
    assert run(Adam(0.1, epsilon=0.0), [-7.0])[0] == pytest.approx(0.1)
    assert run(Adam(0.1, epsilon=0.0), [1e-9])[0] == pytest.approx(-0.1)
    assert run(RMSProp(0.1, decay=0.9, epsilon=0.0), [5.0])[0] == pytest.approx(-0.1 / np.sqrt(0.1))
    assert run(Adagrad(0.1, epsilon=0.0), [5.0, 5.0])[1] == pytest.approx(-0.1 * (1 + 1 / np.sqrt(2)))


def test_adam_ignores_a_rescaling_of_the_coordinates():
    grads = np.random.default_rng(0).standard_normal(50)
    np.testing.assert_allclose(run(Adam(0.1, epsilon=0.0), grads), run(Adam(0.1, epsilon=0.0), 1e3 * grads), rtol=1e-10)


def test_a_coordinate_without_gradient_stays_even_with_epsilon_zero():
    for optimizer in (Adagrad(0.1, epsilon=0.0), RMSProp(0.1, epsilon=0.0), Adam(0.1, epsilon=0.0)):
        np.testing.assert_array_equal(run(optimizer, [0.0, 0.0]), 0.0)


@pytest.mark.parametrize("seed", range(30))
def test_adagrad_keeps_its_regret_bound(seed):
    """Duchi, Hazan and Singer (2011): on a box of width D, `Σ g_t (x_t - x) <= √2 D ‖g_{1:T}‖₂` with rate D / √2."""
    rng = np.random.default_rng(seed)
    grads = rng.standard_normal(100) * rng.choice([0.01, 1, 10], 100) + rng.choice([-1, 0, 1])
    width = 2.0
    inside = Projected(Adagrad(width / np.sqrt(2), epsilon=0.0), lambda p: {"x": jnp.clip(p["x"], -1, 1)})
    points = np.concatenate([[0.0], run(inside, grads)[:-1]])
    regret = max((grads * (points - x)).sum() for x in (-1.0, 1.0))
    assert regret <= np.sqrt(2) * width * np.linalg.norm(grads)


def test_adam_can_fail_to_converge_where_adagrad_does_not():
    """Reddi, Kale and Kumar (2018): gradients 3, -1, -1 on [-1, 1]; the best point is -1."""

    def tail(optimizer):
        def step(carry, t):
            g = {"x": jnp.where(t % 3 == 0, 3.0, -1.0)}
            params, state = optimizer.update(carry[0], g, carry[1], t)
            return (params, state), params["x"]

        start = {"x": jnp.zeros(())}
        _, path = jax.lax.scan(step, (start, jax.tree.map(jnp.asarray, optimizer.init(start))), jnp.arange(30_000))
        return float(path[-3000:].mean())

    def box(p):
        return {"x": jnp.clip(p["x"], -1, 1)}

    rate = InverseTime(0.5, 0.01)
    assert tail(Projected(Adam(rate, b1=0.0, b2=0.1, epsilon=0.0), box)) > 0.9
    assert tail(Projected(Adagrad(0.5, epsilon=0.0), box)) < -0.9


def test_schedules_at_their_landmarks():
    t = jnp.arange(0, 12)
    np.testing.assert_allclose(Constant(0.3)(t), 0.3)
    np.testing.assert_allclose(InverseTime(1.0, 0.5)(t)[:3], [1, 1 / 1.5, 0.5])
    np.testing.assert_allclose(Cosine(1.0, 10)(t)[jnp.array([0, 5, 10, 11])], [1, 0.5, 0, 0], atol=1e-15)
    np.testing.assert_allclose(Step(1.0, 4)(t)[jnp.array([0, 3, 4, 8])], [1, 1, 0.1, 0.01])
    np.testing.assert_allclose(Warmup(4, 2.0)(t)[:6], [0.5, 1, 1.5, 2, 2, 2])


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(0.0), lambda: SGD(-1), lambda: SGD(float("nan")), lambda: SGD(0.1, momentum=1.0),
        lambda: SGD(0.1, nesterov=True), lambda: Adam(0.1, b1=1.0), lambda: Adam(0.1, epsilon=-1e-3),
        lambda: AdamW(0.1, decay=-1), lambda: Clipped(SGD(0.1), 0), lambda: Cosine(0.1, 0),
        lambda: Warmup(Cosine(0.1, 9), 4),
        lambda: as_optimizer("adam"), lambda: as_optimizer(Adam),
    ],
)  # fmt: skip
def test_senseless_settings_are_refused(make):
    with pytest.raises(DataError):
        make()


@pytest.mark.parametrize(
    "optimizer",
    [
        Adam(1e-3),
        AdamW(1e-3),
        RMSProp(1e-3),
        Adagrad(1e-2),
        Clipped(Adam(1e-3), norm=1.0),
        SGD(Cosine(1e-2, 100), momentum=0.9),
    ],
    ids=repr,
)
def test_half_precision_is_trained_with_averages_in_single(optimizer):
    x = rs.input("x", (4,))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 8)), 3))
    rng = np.random.default_rng(0)
    X, start = rng.standard_normal((64, 4)), net.init(0, dtype="float16")
    y = np.argmax(X[:, :3], axis=1)
    half = rs.fit(
        rs.Objective(net, rs.losses.CrossEntropy()),
        (X, y),
        params=start,
        optimizer=optimizer,
        epochs=10,
        progress=False,
    )
    assert all(value.dtype == np.float16 for value in half.params.values())
    single = rs.fit(
        rs.Objective(net, rs.losses.CrossEntropy()),
        (X, y),
        params={name: np.float32(value) for name, value in start.items()},
        optimizer=optimizer,
        epochs=10,
        progress=False,
    )
    np.testing.assert_allclose(half.history["loss"], single.history["loss"], rtol=0.02)


def test_schedules_of_the_papers_are_their_formulas():
    s = np.linspace(0, 1, 101)
    t = np.round(s * 1000)
    coslog = 0.04 * 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * s)))
    np.testing.assert_allclose(CosineInLog(0.04, 1000)(t), coslog, rtol=1e-5, atol=1e-7)
    flat = 0.02 * np.where(s < 0.5, 1, 0.5 * (1 + np.cos(np.pi * (2 * s - 1))))
    np.testing.assert_allclose(FlatCosine(0.02, 1000)(t), flat, rtol=1e-5, atol=1e-8)
    for schedule in (CosineInLog(0.04, 1000), FlatCosine(0.02, 1000)):
        assert abs(schedule(2000.0)) < 1e-6
    # each of the four cycles is twice as long as the one before: the rate is 0 at (2^k - 1) / 15
    np.testing.assert_allclose(CosineInLog(1.0, 15)(np.array([0, 1, 3, 7, 15])), 0, atol=1e-6)


def test_a_decay_that_follows_a_schedule_shrinks_by_rate_times_decay():
    ours = AdamW(0.01, decay=FlatCosine(0.2, 10))
    params, state = {"a": jnp.array([1.0, -2.0])}, ours.init({"a": np.array([1.0, -2.0])})
    for t in range(12):
        new, state = ours.update(params, {"a": jnp.zeros(2)}, state, jnp.asarray(t))
        factor = 1 - 0.01 * float(FlatCosine(0.2, 10)(t))
        np.testing.assert_allclose(new["a"], factor * np.asarray(params["a"]), rtol=1e-6)
        params = new


def test_the_average_is_that_of_the_steps_and_what_is_kept():
    ours, plain = Clipped(Averaged(SGD(0.1), decay=0.9), norm=1e9), SGD(0.1)
    start = {"a": jnp.array([1.0, -2.0, 0.5]), "b": jnp.array([[0.3, -0.7], [1.1, 2.0]])}
    params, state, by_hand, twin = start, ours.init(start), start, start
    for t in range(40):
        params, state = ours.update(params, gradient(params, t), state, jnp.asarray(t))
        twin, _ = plain.update(twin, gradient(twin, t), {}, jnp.asarray(t))
        decay = min(0.9, (1 + t) / (10 + t))
        by_hand = {k: decay * v + (1 - decay) * twin[k] for k, v in by_hand.items()}
    for k, v in by_hand.items():
        np.testing.assert_allclose(params[k], twin[k], rtol=1e-6)
        np.testing.assert_allclose(ours.kept(params, state)[k], v, rtol=1e-5)


def test_a_group_without_parameters_is_nothing():
    ours = Grouped((("nothing", Adam(0.1)),), rest=SGD(0.1))
    start = {"a": jnp.ones(3), "b": jnp.ones((2, 1))}
    moved, _ = ours.update(start, start, ours.init(start), jnp.asarray(0))
    np.testing.assert_allclose(moved["a"], 0.9)
    assert list(moved) == ["a", "b"]
