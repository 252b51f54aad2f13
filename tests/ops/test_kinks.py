"""Where a function has a kink or a plateau, which derivative `backward` takes; and behavior for very large inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau import ops
from reseau.ops import Op


def derivative(op: Op, *inputs: object) -> list[np.ndarray]:
    """What `backward` returns for a cotangent of ones."""
    arrays = [jnp.asarray(x, jnp.float64) for x in inputs]
    y = op.forward(*arrays)
    return [np.asarray(c) for c in op.backward(jnp.ones_like(y), y, *arrays)]


@pytest.mark.parametrize(
    ("op", "at", "expected"),
    [
        (ops.Relu(), [0.0, -0.0], [0, 0]),
        (ops.LeakyRelu(0.2), [0.0], [0.2]),
        (ops.Abs(), [0.0], [0]),
        (ops.Clip(-1.0, 2.0), [-1.0, 2.0, -1.1, 2.1], [1, 1, 0, 0]),
        (ops.Sqrt(), [0.0, 4.0], [0, 0.25]),
        (ops.Max((0,)), [1.0, 3.0, 3.0], [0, 0.5, 0.5]),
        (ops.LogSumExp((0,)), [2.0, 2.0], [0.5, 0.5]),
    ],
)
def test_convention_at_a_kink(op: Op, at: list[float], expected: list[float]) -> None:
    (found,) = derivative(op, at)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("op", [ops.Maximum(), ops.Minimum()])
def test_equal_entries_share_the_derivative(op: Op) -> None:
    a, b = derivative(op, [1.0], [1.0])
    assert a == b == 0.5


def test_max_pool_rewards_the_first_largest_entry_in_row_major_order() -> None:
    x = np.array([[5.0, 1.0, 2.0, 7.0], [5.0, 5.0, 7.0, 7.0]])[None, :, :, None]
    (found,) = derivative(ops.MaxPool(2), x)
    np.testing.assert_array_equal(found[0, :, :, 0], [[1, 0, 0, 1], [0, 0, 0, 0]])


def test_max_pool_rewards_the_first_also_where_windows_overlap() -> None:
    (found,) = derivative(ops.MaxPool(2, 1), np.ones((1, 2, 3, 1)))
    np.testing.assert_array_equal(found[0, :, :, 0], [[1, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("op", [ops.Step(), ops.Sign()])
def test_step_and_sign_pass_the_derivative_within_one(op: Op) -> None:
    assert op.proxy
    (found,) = derivative(op, [-1.5, -1.0, 0.0, 0.3, 1.0, 1.5])
    np.testing.assert_array_equal(found, [0, 1, 1, 1, 1, 0])


def test_values_of_step_sign_and_round() -> None:
    x = jnp.array([-1.5, -0.0, 0.0, 0.5, 2.5])
    np.testing.assert_array_equal(ops.Step().forward(x), [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(ops.Sign().forward(x), [-1, 0, 0, 1, 1])
    np.testing.assert_array_equal(ops.Round().forward(x), [-2, 0, 0, 0, 2])


def test_round_is_the_identity_going_back() -> None:
    assert ops.Round.proxy
    (found,) = derivative(ops.Round(), [-7.2, 0.5, 1e6])
    np.testing.assert_array_equal(found, [1, 1, 1])


def test_a_proxy_keeps_value_and_shape_and_replaces_the_derivative() -> None:
    op = ops.Proxy(ops.Step(), lambda g, y, x: (3 * g,))
    assert op.proxy
    assert op.name == "step"
    assert op.shape(("batch", 4)) == ("batch", 4)
    np.testing.assert_array_equal(op.forward(jnp.array([-1.0, 2.0])), [0, 1])
    (found,) = derivative(op, [-5.0, 5.0])
    np.testing.assert_array_equal(found, [3, 3])


LARGE = [-1e4, -100.0, -30.0, 0.0, 30.0, 100.0, 1e4]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "op",
    [
        *(ops.Sigmoid(), ops.Tanh(), ops.Softplus(), ops.Gelu(), ops.Gelu(True)),
        *(ops.Softmax(), ops.LogSoftmax(), ops.LogSumExp(), ops.LayerNorm()),
    ],
    ids=str,
)
def test_large_inputs_give_finite_values_and_derivatives(op: Op, dtype: type) -> None:
    x = jnp.asarray([LARGE], dtype)
    inputs = [x, *[jnp.ones(len(LARGE), dtype)] * 2] if isinstance(op, ops.LayerNorm) else [x]
    y = op.forward(*inputs)
    assert bool(jnp.isfinite(y).all())
    for c in op.backward(jnp.ones_like(y), y, *inputs):
        assert bool(jnp.isfinite(c).all())


def test_tails_keep_their_digits() -> None:
    """`1 - sigmoid(x)` is `exp(-x)` far out, and `softplus(x)` is `exp(x)` far left: neither may round to 0."""
    (found,) = derivative(ops.Sigmoid(), [-40.0, 40.0])
    np.testing.assert_allclose(found, np.exp(-40.0), rtol=1e-12)
    np.testing.assert_allclose(ops.Softplus().forward(jnp.array([-40.0])), np.exp(-40.0), rtol=1e-12)
    np.testing.assert_allclose(derivative(ops.Gelu(), [-10.0])[0], [-7.2e-22], rtol=0.1)


def test_log_softmax_of_a_hopeless_class_is_its_distance() -> None:
    y = ops.LogSoftmax().forward(jnp.array([[0.0, 1e4]]))
    np.testing.assert_array_equal(y, [[-1e4, 0.0]])


def test_random_mask_keeps_the_mean_and_repeats_itself() -> None:
    key = jax.random.key_data(jax.random.key(5))
    x = jnp.ones((1000, 200))
    op = ops.RandomMask(0.3, salt=2)
    y = op.forward(x, key)
    assert set(np.unique(y)) == {0.0, 1 / 0.7}
    # 200 000 independent entries: five standard deviations of the mean
    assert abs(float(y.mean()) - 1) < 5 * np.sqrt(0.3 / 0.7 / x.size)
    np.testing.assert_array_equal(op.backward(x, y, x, key)[0], y)
    np.testing.assert_array_equal(op.forward(x.astype(jnp.float32), key) == 0, y == 0)
    assert not np.array_equal(ops.RandomMask(0.3, salt=3).forward(x, key), y)


def test_rows_that_are_not_present_do_not_count() -> None:
    rng = np.random.default_rng(0)
    real, padding = rng.normal(size=(5, 3, 2)), 1e3 * rng.normal(size=(3, 3, 2))
    x, present = jnp.asarray(np.concatenate([real, padding])), jnp.asarray([1.0] * 5 + [0.0] * 3)
    mean, variance = ops.BatchMean().forward(x, present), ops.BatchVariance().forward(x, present)
    np.testing.assert_allclose(mean, real.mean((0, 1)))
    np.testing.assert_allclose(variance, real.var((0, 1)))
    for op, y in ((ops.BatchMean(), mean), (ops.BatchVariance(), variance)):
        assert not np.asarray(op.backward(jnp.ones(2), y, x, present)[0][5:]).any()


def test_embedding_shows_an_index_out_of_range_as_nan_and_trains_no_row_by_it() -> None:
    table = jnp.arange(6.0).reshape(3, 2)
    indices = jnp.array([2, 3, -1])
    y = ops.Embedding().forward(indices, table)
    np.testing.assert_array_equal(y, [[4, 5], [np.nan, np.nan], [np.nan, np.nan]])
    _, found = ops.Embedding().backward(jnp.ones_like(y), y, indices, table)
    np.testing.assert_array_equal(found, [[0, 0], [0, 0], [1, 1]])


def test_softmax_of_large_equal_products_is_even(optimized) -> None:
    x = rs.input("x", 1000)
    draws = np.random.default_rng(0).random((12, 2))
    for scale, value in draws * [0.01, 1e25]:
        h = x * float(scale)
        net = rs.Network(x, [rs.softmax(h), rs.log_softmax(h), rs.log_sum_exp(h, 1)])
        rows = np.full((1, 1000), value)
        shares, logs, total = (np.asarray(y) for y in net({}, rows))
        np.testing.assert_allclose(shares, 0.001, rtol=1e-5)
        np.testing.assert_allclose(logs, -np.log(1000), rtol=1e-5)
        np.testing.assert_allclose(total, value * scale, rtol=1e-5)


def test_softmax_of_nothing_is_nothing() -> None:
    assert ops.LogSumExp((1,)).forward(jnp.zeros((2, 0))).tolist() == [-np.inf, -np.inf]
    assert ops.Softmax().forward(jnp.zeros((2, 0))).shape == ops.LogSoftmax().forward(jnp.zeros((2, 0))).shape == (2, 0)
