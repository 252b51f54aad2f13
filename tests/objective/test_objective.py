"""The objective: a weighted mean plus the whole penalty, exactly, whatever the batch."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import reseau as rs
from reseau import ops

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((50, 4)), RNG.integers(0, 3, 50)


def classifier(**settings):
    x = rs.input("x", (4,))
    net = rs.Network(x, rs.affine(rs.tanh(rs.affine(x, 5, name="hidden")), 3, name="logits"))
    return rs.Objective(net, rs.losses.CrossEntropy(), **settings)


def by_hand(params, X, Y, weight, strength):
    h = jnp.tanh(X @ params["hidden.weight"] + params["hidden.bias"])
    u = h @ params["logits.weight"] + params["logits.bias"]
    losses = jax.nn.logsumexp(u, axis=1) - u[jnp.arange(len(u)), Y]
    squares = sum((params[k] ** 2).sum() for k in ("hidden.weight", "logits.weight"))
    return (weight * losses).sum() / weight.sum() + strength / 2 * squares


@pytest.mark.parametrize("keep", ["all", "sqrt"])
@pytest.mark.parametrize("weighted", [False, True])
def test_value_and_gradient_are_those_of_the_formula(keep, weighted):
    objective = classifier(penalty=rs.penalties.L2(0.3), keep=keep)
    params = objective.network.init(1, dtype="float64")
    weight = RNG.exponential(size=50) if weighted else None
    value, grads = objective.value_and_grad(params, X, Y, sample_weight=weight)
    expected, slopes = jax.value_and_grad(by_hand)(params, X, Y, np.ones(50) if weight is None else weight, 0.3)
    assert float(value) == pytest.approx(float(expected), rel=1e-12)
    for name, slope in slopes.items():
        np.testing.assert_allclose(grads[name], slope, rtol=1e-10, atol=1e-13)


def test_the_gradient_of_the_penalty_does_not_depend_on_the_batch():
    with_penalty, without = classifier(penalty=rs.penalties.L2(0.3)), classifier()
    params = without.network.init(1, dtype="float64")
    for rows in (1, 7, 50):
        a = with_penalty.value_and_grad(params, X[:rows], Y[:rows])[1]
        b = without.value_and_grad(params, X[:rows], Y[:rows])[1]
        np.testing.assert_allclose(a["hidden.weight"] - b["hidden.weight"], 0.3 * params["hidden.weight"], rtol=1e-9)
        np.testing.assert_allclose(a["hidden.bias"] - b["hidden.bias"], 0, atol=1e-12)


def test_a_weight_of_zero_is_an_absent_row():
    objective = classifier()
    params = objective.network.init(1, dtype="float64")
    weight = np.r_[np.ones(30), np.zeros(20)]
    a = objective.value_and_grad(params, X, Y, weight)
    b = objective.value_and_grad(params, X[:30], Y[:30])
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-14), a, b)


def test_evaluate_counts_every_row_once_across_blocks():
    objective = classifier()
    params = objective.network.init(1, dtype="float64")
    many = RNG.standard_normal((2500, 4))
    labels = RNG.integers(0, 3, 2500)
    measured = objective.evaluate(params, many, labels)
    right = np.asarray(objective.network(params, many)).argmax(axis=1) == labels
    assert measured["accuracy"] == pytest.approx(right.mean(), abs=1e-12)
    assert measured["loss"] == pytest.approx(float(objective.value_and_grad(params, many, labels)[0]), rel=1e-12)


def test_columns_that_differ_by_an_axis_do_not_broadcast_to_a_square():
    x = rs.input("x", (4,))
    objective = rs.Objective(rs.Network(x, rs.affine(x, 1, name="line")), rs.losses.SquaredError())
    params = objective.network.init(1, dtype="float64")
    y = RNG.standard_normal(50)
    residuals = np.asarray(objective.network(params, X))[:, 0] - y
    for shape in (y, y[:, None]):
        value, _ = objective.value_and_grad(params, X, shape)
        assert float(value) == pytest.approx(0.5 * (residuals**2).mean(), rel=1e-12)


def test_several_outputs_sum_their_losses():
    x = rs.input("x", (4,))
    h = rs.tanh(rs.affine(x, 5))
    net = rs.Network(x, (rs.affine(h, 3, name="class"), rs.affine(h, 1, name="value")))
    objective = rs.Objective(net, (rs.losses.CrossEntropy(), rs.losses.SquaredError()))
    params = net.init(dtype="float64")
    y = RNG.standard_normal(50)
    value, _ = objective.value_and_grad(params, X, (Y, y))
    measured = objective.evaluate(params, X, (Y, y))
    assert sorted(measured) == ["accuracy 0", "loss 0", "loss 1"]
    assert float(value) == pytest.approx(measured["loss 0"] + measured["loss 1"], rel=1e-12)
    read = objective.read(X, (Y, y), None, np.dtype("float64"))
    assert objective.value(params, read) == pytest.approx(float(value), rel=1e-12)
    with pytest.raises(rs.errors.DataError, match="2 outputs and the objective 1 losses"):
        rs.Objective(net, rs.losses.CrossEntropy())


@pytest.mark.parametrize(
    ("X", "y", "weight", "message"),
    [
        (X[:, :3], Y, None, r"input 'x' reads \(batch, 4\), got \(50, 3\)"),
        (X[0], Y, None, r"add the batch axis"),
        (X[:0], Y[:0], None, "no row"),
        (X, Y[:49], None, "targets have 49 rows, the first input has 50"),
        (X, Y.astype(str), None, "not numbers"),
        (X.astype(object), Y, None, "wants numbers, got an array of object"),
        (X, Y, np.ones(3), r"sample_weight has the shape \(3,\)"),
        (X, Y, -np.ones(50), "sample_weight is -1 in row 0"),
        (X, Y, np.zeros(50), "every row has the weight 0"),
        (
            np.where(np.arange(200).reshape(50, 4) == 9, np.nan, X),
            Y,
            None,
            r"input 'x' holds nan, which is not finite, in row 2, place \(1,\)",
        ),
        (X, np.r_[np.nan, Y[1:]], None, r"target holds nan, which is not finite, in row 0"),
    ],
)
def test_bad_data_is_one_clear_error(X, y, weight, message):
    objective = classifier()
    with pytest.raises(rs.errors.DataError, match=message):
        objective.value_and_grad(objective.network.init(), X, y, weight)


def test_parameters_of_another_network_are_refused():
    objective = classifier()
    params = objective.network.init()
    with pytest.raises(rs.errors.DataError, match=r"missing 'hidden\.bias'; unknown 'hidden\.b'"):
        objective.value_and_grad({k[:8] if k == "hidden.bias" else k: v for k, v in params.items()}, X, Y)
    with pytest.raises(
        rs.errors.DataError, match=r"'hidden.weight' has the shape \(5, 4\), the network wants \(4, 5\)"
    ):
        objective.network(params | {"hidden.weight": params["hidden.weight"].T}, X)


def test_a_strength_multiplies_the_penalty():
    shared, own = classifier(penalty=rs.penalties.L2(1.0)), classifier(penalty=rs.penalties.L2(0.25))
    params = shared.network.init(0, "float64")
    examples = shared.read(X, Y, None, np.dtype("float64"))
    value, grads = shared.differentiate(params, examples, strength=0.25)
    wanted, slopes = own.value_and_grad(params, X, Y)
    assert float(value) == pytest.approx(float(wanted), rel=1e-15)
    assert shared.value(params, examples, strength=0.25) == pytest.approx(float(wanted), rel=1e-12)
    for name, slope in slopes.items():
        np.testing.assert_allclose(grads[name], slope, rtol=1e-12, atol=1e-15)


def used(objective, times):
    """An objective whose nodes and programs were made."""
    params = objective.network.init(1, dtype="float64")
    if times > 0:
        objective.value_and_grad(params, X, Y)
        objective.evaluate(params, X, Y)
        objective.diagnose(params, X, Y)
    if times > 1:
        rs.fit(objective, (X, Y), epochs=1, progress=False)
    return objective


OBJECTIVES = {
    "plain": classifier,
    "penalty": lambda: classifier(penalty=rs.penalties.L1(0.1) + rs.penalties.L2(0.2)),
    "less memory": lambda: classifier(keep="sqrt"),
    "states and dropout": lambda: rs.Objective(
        rs.Network(x := rs.input("x", (4,)), rs.affine(rs.dropout(rs.batch_norm(rs.affine(x, 5)), 0.2), 3)),
        rs.losses.CrossEntropy(),
    ),
}


@pytest.mark.parametrize(
    ("name", "times"),
    [("plain", 0), ("plain", 1), ("plain", 2), ("penalty", 1), ("less memory", 0), ("states and dropout", 2)],
)
def test_copies_compute_the_same_and_train_the_same(name, times):
    objective = used(OBJECTIVES[name](), times)
    params = objective.network.init(1, dtype="float64")
    value, grads = objective.value_and_grad(params, X, Y)
    ways = [lambda o: pickle.loads(pickle.dumps(o)), copy.deepcopy, copy.copy]
    for way in ways if name == "plain" else ways[:1]:
        copied = way(objective)
        found, slopes = copied.value_and_grad(params, X, Y)
        assert float(found) == float(value)
        for key, slope in grads.items():
            np.testing.assert_array_equal(slopes[key], slope)
        if times == 2 and way is ways[0]:
            ours, theirs = (rs.fit(o, (X, Y), epochs=1, seed=3, progress=False) for o in (objective, copied))
            assert list(ours.history["loss"]) == list(theirs.history["loss"])


def joined(v):
    """The rows less their mean: each row's loss depends on the others."""
    return v - rs.apply_op(ops.Mean((0,), True), v)


class Active(rs.penalties.Penalty):
    """A penalty of a person's own on the outputs of the batch."""

    def node(self, graph):
        return 0.1 * rs.apply_op(ops.Mean((0, 1)), rs.square(graph.outputs[0]))


class Ranked(rs.losses.SquaredError):
    """A loss of a person's own that compares each row with the mean of the batch."""

    def forward(self, scores, target):
        return super().forward(scores - scores.mean(0), target)

    backward = ops.Op.backward


@pytest.mark.parametrize("rows", [9, 53])
@pytest.mark.parametrize("case", ["apart", "joined network", "joined loss"])
def test_values_of_any_number_of_rows_are_those_of_the_rows_alone(rows, case):
    v = rs.input("v", (4,))
    h = joined(v) if case == "joined network" else v
    net = rs.Network(v, rs.affine(rs.tanh(rs.affine(h, 3, name="hidden")), 2, name="line"))
    loss = Ranked() if case == "joined loss" else rs.losses.SquaredError()
    objective = rs.Objective(net, loss, rs.penalties.L2(0.1))
    rng, params = np.random.default_rng(rows), net.init(0, "float64")
    X, y, weights = rng.standard_normal((rows, 4)), rng.standard_normal((rows, 2)), rng.uniform(0.1, 1, rows)

    def each(params):
        h = X - X.mean(0) if case == "joined network" else X
        u = jnp.tanh(h @ params["hidden.weight"] + params["hidden.bias"]) @ params["line.weight"] + params["line.bias"]
        return ((u - u.mean(0) if case == "joined loss" else u) - y) ** 2 @ np.full(2, 0.5)

    share = weights / weights.sum()
    assert objective.by_rows == (case == "apart")
    assert objective.evaluate(params, X, y, weights)["loss"] == pytest.approx(float(share @ each(params)), rel=1e-12)
    value, _ = objective.value_and_grad(params, X, y, weights)
    found, slopes = jax.value_and_grad(lambda p: share @ each(p))(params)
    plain = rs.Objective(net, loss).value_and_grad(params, X, y, weights)
    assert float(plain[0]) == pytest.approx(float(found), rel=1e-12)
    assert float(value) > float(found)  # the penalty is not multiplied by the rows beside
    for name in slopes:
        np.testing.assert_allclose(plain[1][name], slopes[name], rtol=1e-9, atol=1e-13)


def test_a_penalty_that_reads_the_rows_reads_those_rows_alone():
    v = rs.input("v", (2,))
    net = rs.Network(v, rs.affine(v, 1))
    objective = rs.Objective(net, rs.losses.SquaredError(), Active())
    params, rows = net.init(0, "float64"), np.random.default_rng(0).standard_normal((9, 2))
    outputs = np.asarray(net(params, rows))
    assert not objective.by_rows
    value, _ = objective.value_and_grad(params, rows, np.zeros(9))
    assert float(value) == pytest.approx(0.5 * (outputs**2).mean() + 0.1 * (outputs**2).mean(), rel=1e-12)


def test_objectives_compile_for_a_few_lengths_only():
    v = rs.input("v", (2,))
    objective = rs.Objective(rs.Network(v, rs.affine(v, 1)), rs.losses.SquaredError())
    params, rows = objective.network.init(), np.ones((64, 2))
    for n in (1, 2, 9, 10, 33, 35, 37, 38, 39, 40):
        objective.evaluate(params, rows[:n], rows[:n, 0])
        objective.value_and_grad(params, rows[:n], rows[:n, 0])
    for program in (objective._measure, objective._value_and_grad):
        assert len(program.programs.made) == 4  # for 1, 2, 10 and 40 rows
