"""Projections equal to the theory's, feasible at every step, and training that reaches certified optima."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import reseau as rs
from reseau.constraints import OutputProx, PathNormBall, PathNormProx, Proximal, ScaledBias, project_l1
from reseau.errors import DataError, GraphError
from reseau.optimizers import SGD, Adam, Projected
from reseau.theory import ShallowNetwork, frank_wolfe_penalized
from reseau.theory.shallow import projections as theory

R, N, STRENGTH = 1.5, 30, 1e-2
RNG = np.random.default_rng(0)
X = np.sort(RNG.uniform(-1, 1, N))[:, None]
Y = np.sin(4 * X[:, 0]) + 0.2 * RNG.normal(size=N)


def shallow(width, outputs=1, d=1, **last):
    x = rs.input("x", (d,))
    h = rs.relu(rs.affine(x, width, name="hidden"))
    return rs.Network(x, rs.affine(h, outputs, name="out", **({"bias": False} | last)))


def start(net, seed=0):
    rng, params = np.random.default_rng(seed), net.init(seed, "float64")
    spread = {"hidden.bias": rng.normal(size=params["hidden.bias"].shape) / 2}
    return {k: np.array(v) for k, v in (params | spread).items()}


def rows_of(params):
    """Outputs (m, C) and neurons (m, d + 1), as the theory has them."""
    return np.asarray(params["out.weight"]), np.column_stack([params["hidden.weight"].T, params["hidden.bias"]])


def risk(net, params, radius=R):
    f = ShallowNetwork.from_network(net, params, radius)
    return 0.5 * np.mean((f(X) - Y) ** 2), f.path_norm


def trained(net, optimizer, steps, seed=0):
    objective = rs.Objective(net, loss=rs.losses.SquaredError())
    batches = rs.batches.Cyclic(N)
    begin = start(net, seed)
    return rs.fit(objective, (X, Y), optimizer=optimizer, batches=batches, steps=steps, params=begin, progress=False)


SIZES = arrays(np.float64, st.integers(1, 8), elements=st.floats(0, 1e6) | st.sampled_from([0.0, 1.0, 2.0]))


project = jax.jit(project_l1)


@given(SIZES, st.sampled_from([0.0, 0.5, 1.0, 3.0, 1e5, np.inf]))
@settings(max_examples=200, deadline=None)
def test_the_l1_projection_is_the_theorys(sizes, bound):
    ours = np.asarray(project(sizes, bound))
    np.testing.assert_allclose(
        ours, theory.project_l1(sizes, min(bound, 1e300)), rtol=1e-12, atol=1e-12 * sizes.max(initial=1)
    )
    assert ours.sum() <= bound * (1 + 1e-15)
    if sizes.sum() <= bound:
        np.testing.assert_array_equal(ours, sizes)


def test_the_least_number_is_not_inside_the_ball_of_radius_zero():
    np.testing.assert_array_equal(project(np.array([5e-324, 1e-310]), 0.0), 0.0)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("bound", [0.0, 2.0, 1e3])
def test_the_ball_is_the_product_of_the_theorys_projections(outputs, bound):
    net = shallow(7, outputs, d=2)
    params = start(net)
    params["out.weight"] *= 4
    eta, v = rows_of(params)
    ours, units = rows_of(PathNormBall(net, bound)(params))
    np.testing.assert_allclose(ours, theory.project_l1(eta, bound), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(units, theory.project_neurons(1e6 * v), rtol=1e-13)
    again = rows_of(PathNormBall(net, bound)(PathNormBall(net, bound)(params)))
    np.testing.assert_allclose(again[0], ours, rtol=1e-14)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("step", [0.0, 0.3, 0.9, 2.0, 10.0])
def test_the_proximal_maps_are_the_theorys(outputs, step):
    net = shallow(9, outputs, d=2)
    params = start(net)
    params["out.weight"][3], params["hidden.weight"][:, 4], params["hidden.bias"][4] = 0.0, 0.0, 0.0
    eta, v = rows_of(params)
    np.testing.assert_allclose(
        rows_of(OutputProx(net, 0.5)(params, step))[0], theory.prox_l1(eta, 0.5 * step), rtol=1e-13, atol=1e-16
    )
    coupled = theory.prox_coupled(eta, v, 0.5 * step)
    for mine, theirs in zip(rows_of(PathNormProx(net, 0.5)(params, step)), coupled, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-15)


def test_a_whole_fit_stays_inside():
    net = shallow(20)
    objective = rs.Objective(net, loss=rs.losses.SquaredError())
    optimizer = ScaledBias(Projected(Adam(0.05), PathNormBall(net, 3.0)), net, R)
    batches, norms = rs.batches.Shuffled(8), []
    params = start(net)
    run = rs.train(objective, (X, Y), optimizer=optimizer, batches=batches, epochs=60, params=params, each_epoch=True)
    for record in run:
        f = ShallowNetwork.from_network(net, record.params, R)
        np.testing.assert_allclose(f.neuron_norms, 1.0, rtol=1e-14)
        norms.append(f.path_norm)
    assert len(norms) >= 60
    assert max(norms) <= 3.0 * (1 + 1e-14)
    assert min(norms[5:]) > 2.9  # the constraint is active: this is not the inside


@pytest.mark.usefixtures("optimized")
def test_constrained_training_reaches_the_certified_optimum_and_the_retraction_does_not():
    net, best = shallow(60), frank_wolfe_penalized(X, Y, STRENGTH, R, tolerance=1e-10)
    assert best.certified
    # no network of this path norm has less risk than the penalized optimum, up to the gap
    bound = best.network.path_norm
    least = best.objective - STRENGTH * bound
    ball = PathNormBall(net, bound)
    loss, norm = risk(net, trained(net, ScaledBias(Projected(SGD(0.05), ball), net, R), 100_000).params)
    assert norm <= bound * (1 + 1e-14)
    assert -best.gap <= loss - least <= 1e-8

    def retracted(params):
        """The numpy theory's retraction: η takes up ν before it is projected."""
        nu = jnp.sqrt(jnp.sum(params["hidden.weight"] ** 2, axis=0) + params["hidden.bias"] ** 2)
        return ball(params | {"out.weight": params["out.weight"] * nu[:, None]})

    params = trained(net, ScaledBias(Projected(SGD(0.05), retracted), net, R), 100_000).params
    assert risk(net, params)[0] - least > 1e-2


@pytest.mark.usefixtures("optimized")
@pytest.mark.parametrize(("kind", "steps"), [("coupled", 100_000), ("unit neurons", 200_000)])
def test_penalized_training_reaches_the_certified_optimum(kind, steps):
    net = shallow(100)
    best = frank_wolfe_penalized(X, Y, STRENGTH, R, tolerance=1e-10)
    assert best.certified
    if kind == "coupled":
        inner = Proximal(SGD(0.1), PathNormProx(net, STRENGTH))
    else:
        inner = Projected(Proximal(SGD(0.02), OutputProx(net, STRENGTH)), PathNormBall(net))
    loss, norm = risk(net, trained(net, ScaledBias(inner, net, R), steps).params)
    assert -best.gap <= loss + STRENGTH * norm - best.objective <= 1e-8


def test_a_scaled_bias_is_another_feature():
    """A step with the bias in units of R is the step of a network that reads (x, R) and has no bias."""
    net = shallow(4)
    params = start(net)
    objective = rs.Objective(net, loss=rs.losses.SquaredError())
    x = rs.input("x", (2,))
    lifted = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 4, bias=False, name="hidden")), 1, bias=False, name="out"))
    other = {
        "hidden.weight": np.vstack([params["hidden.weight"], params["hidden.bias"] / R]),
        "out.weight": params["out.weight"],
    }
    Z = np.column_stack([X, np.full(N, R)])
    settings = {"batches": rs.batches.Cyclic(N), "steps": 50, "progress": False}
    for optimizer in (SGD(0.05, momentum=0.9), Adam(0.01)):
        ours = rs.fit(objective, (X, Y), optimizer=ScaledBias(optimizer, net, R), params=params, **settings).params
        theirs = rs.fit(
            rs.Objective(lifted, loss=rs.losses.SquaredError()), (Z, Y), optimizer=optimizer, params=other, **settings
        ).params
        np.testing.assert_allclose(ours["hidden.bias"], R * theirs["hidden.weight"][1], rtol=1e-9)
        np.testing.assert_allclose(ours["hidden.weight"][0], theirs["hidden.weight"][0], rtol=1e-9)


def test_the_step_follows_the_schedule():
    net = shallow(3)
    zero = {k: np.zeros_like(v) for k, v in start(net).items()}
    optimizer = Proximal(SGD(rs.optimizers.Step(0.5, every=2, factor=0.1)), OutputProx(net, 1.0))
    params = start(net) | {"out.weight": np.full((3, 1), 4.0)}
    sizes = []
    for t in range(4):
        params, _ = optimizer.update(params, zero, {}, jnp.asarray(t))
        sizes.append(float(params["out.weight"][0, 0]))
    np.testing.assert_allclose(sizes, [3.5, 3.0, 2.95, 2.9], rtol=1e-12)


def test_bad_settings_are_refused():
    net = shallow(3)
    x = rs.input("x", (1,))
    with pytest.raises(DataError, match="plain SGD"):
        Proximal(SGD(0.1, momentum=0.9), OutputProx(net, 1.0))
    with pytest.raises(DataError, match="plain SGD"):
        Proximal(Adam(0.1), OutputProx(net, 1.0))
    with pytest.raises(DataError, match="at least 0"):
        PathNormBall(net, -1.0)
    with pytest.raises(DataError, match="at least 0"):
        PathNormProx(net, float("nan"))
    with pytest.raises(DataError, match="a positive finite radius"):
        ScaledBias(SGD(0.1), net, 0.0)
    with pytest.raises(GraphError, match="last layer has a bias"):
        PathNormBall(shallow(3, bias=True), 1.0)
    deep = rs.Network(x, rs.affine(rs.relu(rs.affine(rs.relu(rs.affine(x, 3)), 3)), 1, bias=False))
    with pytest.raises(GraphError, match="one hidden layer"):
        PathNormBall(deep, 1.0)
    unbiased = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3, bias=False)), 1, bias=False))
    with pytest.raises(GraphError, match="no bias"):
        ScaledBias(SGD(0.1), unbiased, 2.0).init({})
