"""The tangent kernel: JAX's own Jacobian, the closed form of its limit, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau.errors import UnsupportedError
from reseau.theory import arc_cosine, tangent_kernel
from tools.refusals import refused


def test_it_is_the_product_of_the_jacobians_that_jax_gives():
    x = rs.input("x", (4, 4, 1))
    net = rs.Network(x, rs.tanh(rs.affine(rs.flatten(rs.relu(rs.batch_norm(rs.conv(x, 2, 3)))), 2)))
    params, rng = net.init(0), np.random.default_rng(0)
    X, Z = rng.normal(size=(3, 4, 4, 1)), rng.normal(size=(3, 4, 4, 1))
    found = tangent_kernel(net, params, X, Z)
    with jax.enable_x64(True):
        wide = {k: jnp.asarray(np.asarray(v, np.float64)) for k, v in params.items()}
        own = {k: wide[k] for k in net.graph.parameters}

        every = jax.jit(lambda rows: jax.jacrev(lambda p: net.forward(wide | p, rows).output)(own))

        def jacobian(rows):
            made = every(rows)
            return np.concatenate([np.asarray(v).reshape(len(rows), 2, -1) for v in made.values()], 2)

        expected = np.einsum("ncp,mdp->nmcd", jacobian(jnp.asarray(X)), jacobian(jnp.asarray(Z)))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    both = tangent_kernel(net, params, X)
    np.testing.assert_allclose(both, np.transpose(both, (1, 0, 3, 2)), rtol=1e-10, atol=1e-12)
    assert np.linalg.eigvalsh(both.transpose(0, 2, 1, 3).reshape(6, 6)).min() > -1e-10


def test_of_a_wide_layer_it_is_near_its_closed_form():
    width, rng = 20_000, np.random.default_rng(1)
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, width, name="in")), 1, name="out"))
    params = {
        "in.weight": rng.normal(size=(3, width)),
        "in.bias": rng.normal(size=width),
        "out.weight": rng.normal(size=(width, 1)) / np.sqrt(width),
        "out.bias": np.zeros(1),
    }
    X = rng.normal(size=(5, 3))
    # the derivatives by the outer weights are `width` activations, those by the inner ones are one in the mean
    found = (tangent_kernel(net, params, X) - 1) / width
    inner = arc_cosine(X, X, degree=0) * (X @ X.T + 1) / width
    np.testing.assert_allclose(found, arc_cosine(X, X) + inner, rtol=0.1)


def test_rows_in_blocks_and_what_is_refused():
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(x, 1))
    params, X = net.init(), np.random.default_rng(0).normal(size=(150, 2))
    np.testing.assert_allclose(tangent_kernel(net, params, X), X @ X.T + 1, rtol=1e-12)
    y = rs.affine(x, 1)
    two = rs.Network(x, (y, rs.relu(y)))
    with pytest.raises(UnsupportedError, match="2 outputs"):
        tangent_kernel(two, two.init(), X)
    assert "NaN" in refused(tangent_kernel, net, params, np.full((1, 2), np.nan)).replace("not finite", "NaN")
    assert "2 inputs" not in refused(tangent_kernel, net, params, (X, X))
