"""Training: equal to a loop written by hand, compiled once, the same bits for the same seed, and calm under failure."""

import os
import signal
import sys
import threading
from contextlib import contextmanager
from itertools import pairwise
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import reseau as rs
from reseau.batches import Cyclic, Poisson, Shuffled, WithReplacement
from reseau.errors import DataError, DivergenceError
from reseau.optimizers import SGD, Adam, Clipped
from reseau.training import training_run
from reseau.training.progress import progress_of

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((53, 4)), RNG.integers(0, 3, 53)


def classifier(**settings):
    x = rs.input("x", (4,))
    net = rs.Network(x, rs.affine(rs.tanh(rs.affine(x, 5, name="hidden")), 3, name="logits"))
    return rs.Objective(net, rs.losses.CrossEntropy(), **settings)


def fit(objective, data=(X, Y), **settings):
    settings = {"optimizer": SGD(0.1), "batches": Shuffled(8), "epochs": 3, "progress": False} | settings
    return rs.fit(objective, data, **settings)


@contextmanager
def counted_compilations():
    """Names of the programs compiled inside."""
    names, record = [], jax.monitoring.register_event_duration_secs_listener

    def listen(event, duration, **data):
        if live and event == "/jax/core/compile/backend_compile_duration":
            names.append(data.get("fun_name", "?"))

    live = [True]
    record(listen)
    yield names
    live.clear()


def same_bits(a, b):
    return all(np.array_equal(a[k], b[k]) for k in a) and a.keys() == b.keys()


@pytest.mark.parametrize("sampler", [Shuffled(8), Cyclic(8), WithReplacement(8), Poisson(0.15)], ids=repr)
@pytest.mark.parametrize("weighted", [False, True])
def test_equal_to_a_loop_by_hand_last_partial_batch_included(sampler, weighted):
    objective = classifier(penalty=rs.penalties.L2(0.01))
    start = objective.network.init(5, dtype="float64")
    weight = RNG.exponential(size=53) if weighted else np.ones(53)
    scaled = weight / weight.mean()
    params, optimizer = start, optax.adam(0.01)
    state, losses = optimizer.init(params), []

    @jax.jit
    @jax.value_and_grad
    def step_objective(params, rows, batch_weights):
        h = jnp.tanh(jnp.asarray(X)[rows] @ params["hidden.weight"] + params["hidden.bias"])
        u = h @ params["logits.weight"] + params["logits.bias"]
        each = jax.nn.logsumexp(u, axis=1) - u[jnp.arange(len(rows)), jnp.asarray(Y)[rows]]
        return (batch_weights * each).sum() + 0.005 * sum(
            (params[k] ** 2).sum() for k in ("hidden.weight", "logits.weight")
        )

    for epoch in range(3):
        indices, weights = sampler.epoch(53, 9, epoch)
        values, sizes = [], []
        for rows, w in zip(indices, weights, strict=True):
            value, grads = step_objective(params, rows, w * scaled[rows])
            moves, state = optimizer.update(grads, state, params)
            params = optax.apply_updates(params, moves)
            values.append(float(value))
            sizes.append((w > 0).sum())
        losses.append(np.average(values, weights=sizes))
    result = fit(objective, params=start, optimizer=Adam(0.01), batches=sampler, seed=9,
                 sample_weight=weight if weighted else None)  # fmt: skip
    for name in params:
        np.testing.assert_allclose(result.params[name], params[name], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(result.history["loss"], losses, rtol=1e-9)
    assert result.history["epoch"].tolist() == [1, 2, 3]
    assert (result.stopped, result.steps) == ("finished", 3 * sampler.steps(53))


@pytest.mark.parametrize("sampler", [Shuffled(8), Cyclic(8), Poisson(0.15)], ids=repr)
@pytest.mark.parametrize("length", [{"epochs": 40}, {"steps": 101}])
def test_one_compilation_for_a_whole_fit(sampler, length):
    objective = classifier()
    params = objective.network.init()
    length = {"epochs": None} | length
    with counted_compilations() as names:
        fit(objective, params=params, batches=sampler, optimizer=SGD(0.1, momentum=0.9), **length)
    assert len(names) == 1, names
    with counted_compilations() as names:
        fit(objective, params=params, batches=sampler, optimizer=SGD(0.1, momentum=0.9), seed=3, **length)
    assert names == []


def test_the_count_of_compilations_can_fail():
    with counted_compilations() as names:
        jax.jit(lambda v: v * 3 + 1)(np.ones(7))
    assert len(names) == 1


def convolutional():
    x = rs.input("image", (6, 6, 1))
    h = rs.relu(rs.batch_norm(rs.conv(x, 3, (3, 3))))
    h = rs.dropout(rs.flatten(rs.max_pool(h, (2, 2))), 0.3)
    return rs.Objective(rs.Network(x, rs.affine(h, 3)), rs.losses.CrossEntropy())


@pytest.mark.parametrize("make", [classifier, convolutional])
def test_the_same_seed_gives_the_same_bits_wherever_chunks_are_cut(make, monkeypatch):
    data = (X, Y) if make is classifier else (RNG.standard_normal((53, 6, 6, 1)), Y)
    results = []
    for seconds in (0.1, 1e-9, 1e-3):
        monkeypatch.setattr(training_run, "SECONDS_A_CHUNK", seconds)
        results.append(fit(make(), data, epochs=6, seed=4))
    for other in results[1:]:
        assert same_bits(results[0].params, other.params)
        assert same_bits(results[0].history, other.history)
    assert not same_bits(results[0].params, fit(make(), data, epochs=6, seed=5).params)


def test_train_yields_records_and_leaves_the_given_parameters_alone():
    objective = classifier()
    start = objective.network.init(1)
    before = {k: np.array(v) for k, v in start.items()}
    records, kept = [], []
    for record in rs.train(
        objective, (X, Y), optimizer=SGD(0.1), batches=Shuffled(8), epochs=5, params=start, each_epoch=True
    ):
        records.append(record)
        kept.append(record.params)
    assert records[-1].epoch == 5
    assert records[-1].step == 35
    assert sum(len(r.losses) for r in records) == 5
    assert [r.step for r in records] == sorted(r.step for r in records)
    assert same_bits(before, {k: np.asarray(v) for k, v in start.items()})
    assert same_bits(kept[-1], fit(objective, params=start, epochs=5).params)
    assert np.isfinite(kept[0]["hidden.weight"]).all()


def test_steps_may_end_within_an_epoch():
    result = fit(classifier(), epochs=None, steps=10)
    assert result.steps == 10
    assert len(result.history["loss"]) == 2


def test_validation_and_early_stopping_return_the_best_epoch():
    objective = classifier()
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 3, 53)  # labels without a pattern: what is learned is only noise
    held_out = (rng.standard_normal((40, 4)), rng.integers(0, 3, 40))
    result = fit(objective, (X, noise), optimizer=Adam(0.05), epochs=400, validation=held_out, patience=5)
    losses = result.history["validation_loss"]
    assert result.stopped == "early"
    assert len(losses) == losses.argmin() + 1 + 5
    assert objective.evaluate(result.params, *held_out)["loss"] == pytest.approx(losses.min(), rel=1e-6)
    assert set(result.history) == {"epoch", "loss", "validation_loss", "validation_accuracy"}


def test_divergence_names_epoch_step_and_node_and_keeps_the_last_good_parameters():
    x = rs.input("x", (1,))
    h = rs.square(rs.affine(x, 1, name="line"), name="square")
    objective = rs.Objective(rs.Network(x, h), rs.losses.SquaredError())
    data = (np.linspace(1, 2, 16)[:, None], np.zeros(16))
    with pytest.raises(DivergenceError) as failure:
        fit(objective, data, optimizer=SGD(1e3), batches=Cyclic(4), epochs=50)
    error = failure.value
    assert error.node in ("line", "square", "squared_error_1")
    assert f"epoch {error.epoch + 1}, step {error.step % 4 + 1} of 4" in str(error)
    assert repr(error.node) in str(error)
    assert all(np.isfinite(v).all() for v in error.params.values())
    assert np.isfinite(objective.value_and_grad(error.params, *data)[0])
    good = fit(objective, data, optimizer=SGD(1e3), batches=Cyclic(4), epochs=None, steps=max(error.step - 1, 1))
    if error.step > 1:
        assert same_bits(good.params, error.params)


def test_the_last_good_parameters_are_the_same_wherever_a_copy_was_taken(monkeypatch):
    x = rs.input("x", (1,))
    objective = rs.Objective(rs.Network(x, rs.square(rs.affine(x, 1, name="line"))), rs.losses.SquaredError())
    data = (np.linspace(1, 2, 16)[:, None], np.zeros(16))
    errors = []
    for seconds in (np.inf, -1.0):  # no copy, so from the start; a copy before each step, the one that fails too
        monkeypatch.setattr(training_run, "SECONDS_A_SNAPSHOT", seconds)
        monkeypatch.setattr(training_run, "SECONDS_A_CHUNK", 1e-9)
        with pytest.raises(DivergenceError) as failure:
            fit(objective, data, optimizer=SGD(0.5), batches=Cyclic(4), epochs=50)
        errors.append(failure.value)
    assert str(errors[0]) == str(errors[1])
    assert same_bits(errors[0].params, errors[1].params)
    assert np.isfinite(objective.value_and_grad(errors[1].params, *data)[0])


@pytest.mark.parametrize(
    "optimizer",
    [
        Adam(1e-3),
        rs.optimizers.AdamW(1e-3),
        rs.optimizers.RMSProp(1e-3),
        rs.optimizers.Adagrad(1e-3),
        rs.optimizers.Grouped((("*.bias", SGD(1e-3)),), rest=Adam(1e-3)),
        optax.adam(1e-3),
    ],
    ids=lambda o: type(o).__name__,
)
def test_squares_of_derivatives_that_overflow_are_a_divergence(optimizer):
    x = rs.input("x", (4,))
    objective = rs.Objective(rs.Network(x, rs.affine(x, 3, name="line")), rs.losses.CrossEntropy())
    rows = (X * 1e22).astype("f4")
    more = {"validation": (rows, Y), "patience": 1} if isinstance(optimizer, Adam) else {}
    with pytest.raises(
        DivergenceError, match=r"what the optimizer keeps of the derivative at 'line\.weight'"
    ) as failure:
        fit(objective, (rows, Y), params=objective.network.init(), optimizer=optimizer, **more)
    error = failure.value
    assert (error.node, error.what, error.step) == ("line.weight", "state", 0)
    assert same_bits(error.params, {k: np.asarray(v) for k, v in objective.network.init().items()})
    if isinstance(optimizer, Adam):  # the cure
        clipped = fit(objective, (rows, Y), optimizer=Clipped(optimizer, norm=1.0), epochs=2)
        assert not same_bits(clipped.params, error.params)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e19, 1e25, 3e38])
def test_a_gradient_of_any_length_is_clipped_to_the_norm(size):
    g = np.array([3.0, -4.0, 0.0], "f4") / 5 * np.float32(size)
    moved, _ = Clipped(SGD(1.0), norm=0.5).update({"w": np.zeros(3, "f4")}, {"w": g}, None, 0)
    np.testing.assert_allclose(moved["w"], -g if size < 0.5 else [-0.3, 0.4, 0], rtol=1e-6)


def test_a_state_that_is_infinite_before_the_first_step_is_meant_to_be():
    optimizer = optax.chain(optax.adam(1e-3), optax.contrib.reduce_on_plateau())

    class Kept(rs.optimizers.Optimizer):
        def init(self, params):
            return optimizer.init(params)

        def update(self, params, grads, state, t):
            return params, state

    assert fit(classifier(), optimizer=Kept(), epochs=1).stopped == "finished"


def test_parameters_that_the_last_step_made_infinite_are_a_divergence():
    x = rs.input("x", (1,))
    objective = rs.Objective(rs.Network(x, rs.affine(x, 1, name="line")), rs.losses.SquaredError())
    data = (np.full((4, 1), 1e10, "f4"), np.zeros(4, "f4"))
    start = {"line.weight": np.full((1, 1), 1e5, "f4"), "line.bias": np.zeros(1, "f4")}
    with pytest.raises(DivergenceError, match=r"the value at 'line\.weight' \(parameter\) is not finite") as failure:
        fit(objective, data, params=start, optimizer=SGD(1e20), batches=Cyclic(4), epochs=1)
    assert same_bits(failure.value.params, start)


def test_the_first_node_that_is_not_finite_is_named():
    x = rs.input("x", (2,))
    h = rs.log(rs.affine(x, 3, name="line"), name="logarithm")
    objective = rs.Objective(rs.Network(x, rs.affine(h, 1)), rs.losses.SquaredError())
    with pytest.raises(DivergenceError, match="the value at 'logarithm' \\(log\\) is not finite"):
        fit(objective, (X[:, :2], Y.astype(float)))


def test_a_derivative_that_is_not_finite_is_named_too():
    x = rs.input("x", (1,))
    root = rs.apply(lambda v: jnp.sqrt(jnp.abs(v)), rs.affine(x, 1, name="line", bias=False), name="root")
    objective = rs.Objective(rs.Network(x, root), rs.losses.SquaredError())
    with pytest.raises(DivergenceError, match="the derivative at 'line'"):
        fit(objective, (np.zeros((8, 1)), np.ones(8)))


@pytest.mark.posix
def test_ctrl_c_returns_what_was_learned():
    objective = classifier()
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    result = fit(objective, epochs=10_000_000)
    assert result.stopped == "interrupted"
    assert 0 < result.steps < 70_000_000
    assert len(result.history["loss"]) == result.steps // 7
    assert np.isfinite(result.params["hidden.weight"]).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_optax_transformation_and_a_clipped_gradient_are_accepted():
    a = fit(classifier(), optimizer=optax.chain(optax.clip_by_global_norm(0.1), optax.sgd(0.5)))
    b = fit(classifier(), optimizer=Clipped(SGD(0.5), norm=0.1))
    for name in a.params:
        np.testing.assert_allclose(a.params[name], b.params[name], rtol=1e-5, atol=1e-7)


def test_batch_statistics_ignore_the_padding_and_are_kept_running():
    x = rs.input("x", (4,))
    net = rs.Network(x, rs.batch_norm(x, momentum=0.5, name="norm"))
    objective = rs.Objective(net, rs.losses.SquaredError())
    rate = 1e-12  # the parameters stand still, the statistics move
    result = fit(objective, (X, X), optimizer=SGD(rate), batches=Cyclic(50), epochs=1,
                 params=net.init(dtype="float64"))  # fmt: skip
    mean, variance = np.zeros(4), np.ones(4)
    for rows in (X[:50], X[50:]):
        mean, variance = 0.5 * mean + 0.5 * rows.mean(axis=0), 0.5 * variance + 0.5 * rows.var(axis=0)
    np.testing.assert_allclose(result.params["norm.mean"], mean, rtol=1e-10)
    np.testing.assert_allclose(result.params["norm.variance"], variance, rtol=1e-10)
    standard = [(rows - rows.mean(axis=0)) / np.sqrt(rows.var(axis=0) + 1e-5) for rows in (X[:50], X[50:])]
    loss = 0.5 * (((np.vstack(standard) - X) ** 2).sum(axis=1)).mean()
    assert result.history["loss"][0] == pytest.approx(loss, rel=1e-9)


def test_dropout_acts_in_training_and_not_in_use():
    x = rs.input("x", (400,))
    net = rs.Network(x, rs.dropout(x, 0.25))
    objective = rs.Objective(net, rs.losses.SquaredError())
    ones = np.ones((100, 400))
    np.testing.assert_array_equal(net(net.init(), ones), 1.0)
    w = rs.affine(
        rs.dropout(x, 0.25), 1, name="sum", bias=False, weight=rs.parameter(None, (400, 1), rs.initializers.ones)
    )
    objective = rs.Objective(rs.Network(x, w), rs.losses.SquaredError())
    result = fit(objective, (ones, 400 * np.ones(100)), optimizer=SGD(1e-12), batches=Cyclic(100), epochs=200)
    # 400 kept entries of 1 / 0.75 each: variance 400 · 0.25 / 0.75, hence half of it as the mean loss
    assert result.history["loss"].mean() == pytest.approx(0.5 * 400 / 3, rel=0.02)
    assert len(set(result.history["loss"].tolist())) == 200


@pytest.mark.parametrize("sampler", [Shuffled(1), Cyclic(8), WithReplacement(3), Poisson(0.5)], ids=repr)
@pytest.mark.parametrize("rows", [1, 2])
def test_one_row_is_data_too(sampler, rows):
    result = fit(classifier(), (X[:rows], Y[:rows]), batches=sampler, epochs=5)
    assert np.isfinite(result.history["loss"]).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": None}, "how long to train"),
        ({"epochs": 3, "steps": 4}, "one of the two"),
        ({"epochs": 0}, "whole number from 1"),
        ({"epochs": 2.5}, "whole number from 1"),
        ({"patience": 3}, "patience needs validation"),
        ({"optimizer": "adam"}, "cannot train with 'adam'"),
    ],
)
def test_senseless_settings_are_one_clear_error(settings, message):
    with pytest.raises(DataError, match=message):
        fit(classifier(), **settings)


def test_progress_is_quiet_lines_where_there_is_no_terminal(capfd):
    fit(classifier(), epochs=40, progress=True)
    lines = capfd.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 11
    assert lines[-1].startswith("epoch 40 of 40  loss ")
    fit(classifier(), progress=False)
    assert capfd.readouterr().err == ""
    with progress_of(60_000, 20, shown=True) as show:
        show(30_001, {})
    assert capfd.readouterr().err.startswith("epoch 1,500 of 3,000")


KERNELS = {
    "Jupyter": ("IPython", {"get_ipython": lambda: SimpleNamespace(kernel=object())}),
    "marimo": ("marimo", {"running_in_notebook": lambda: True}),
    "a shell of IPython": ("IPython", {"get_ipython": SimpleNamespace}),
    "a script that imports marimo": ("marimo", {"running_in_notebook": lambda: False}),
}


def test_progress_may_be_shown_elsewhere(capfd):
    shown = []
    fit(classifier(), epochs=20, progress=lambda step, numbers: shown.append((step, dict(numbers))))
    steps = [step for step, _ in shown]
    assert steps == sorted(set(steps))
    assert steps[-1] == 140  # 53 rows in batches of 8, 20 times
    assert all(np.isfinite(numbers["loss"]) for _, numbers in shown)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kernel", KERNELS)
def test_progress_in_a_notebook_is_one_line_that_is_written_over(kernel, capfd, monkeypatch):
    name, functions = KERNELS[kernel]
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(**functions))
    monkeypatch.setattr(training_run, "SECONDS_A_CHUNK", 1e-9)
    fit(classifier(), epochs=40, progress=True)
    told = capfd.readouterr().err
    if kernel in ("Jupyter", "marimo"):
        (line,) = told.rstrip("\n").split("\n")
        parts = line.split("\r")[1:]
        assert len(parts) >= 40
        assert all(len(before) <= len(after) for before, after in pairwise(parts))  # nothing of it stays beside
        assert parts[-1].startswith("█" * 20 + " epoch 40 of 40  loss ")
    else:
        assert "\r" not in told


@pytest.mark.parametrize("scale", [1e20, 1e30])
@pytest.mark.parametrize("deep", [False, True])
def test_a_running_statistic_that_leaves_the_finite_numbers_is_divergence(scale, deep):
    rows = scale * np.random.default_rng(0).standard_normal((64, 3))
    x = rs.input("x", (3,))
    read = rs.affine(x, 3, name="first") if deep else x
    objective = rs.Objective(rs.Network(x, rs.affine(rs.batch_norm(read, name="norm"), 1)), rs.losses.SquaredError())
    with pytest.raises(
        DivergenceError, match=r"batch_variance.* is not finite\n  fix: .* inputs of unit scale"
    ) as caught:
        fit(objective, (rows, np.zeros((64, 1))), epochs=3)
    assert all(np.isfinite(value).all() for value in caught.value.params.values())
    fit(objective, (rows / scale, np.zeros((64, 1))), epochs=3)  # the cure


def test_dropout_follows_its_schedule():
    x = rs.input("x", (2000,))
    net = rs.Network(x, rs.sum(rs.dropout(x, 0.5), name="total") * rs.parameter("w", (), rs.initializers.zeros))
    X, y = np.ones((1, 2000)), np.ones(1)

    def moves(dropout):
        objective = rs.Objective(net, loss=rs.losses.SquaredError(), dropout=dropout)
        run = rs.train(objective, (X, y), optimizer=SGD(1e-12), batches=Cyclic(1), epochs=20, each_epoch=True)
        steps = np.diff([0.0, *(float(record.params["w"]) for record in run)])
        return steps / 1e-12  # the sum of what was not dropped, doubled

    always, falling = moves(None), moves(rs.optimizers.FlatCosine(1.0, 20))
    assert 40 < np.abs(always - 2000).max() < 400
    np.testing.assert_array_equal(falling[:10], always[:10])
    assert 0 < abs(falling[19] - 2000) < 60
    with pytest.raises(DataError, match="dropout=FlatCosine"):
        rs.Objective(net, loss=rs.losses.SquaredError(), dropout=0.5)


def test_an_averaging_optimizer_returns_and_measures_the_average():
    from reseau.optimizers import Averaged

    x = rs.input("x", (1,))
    objective = rs.Objective(rs.Network(x, rs.affine(x, 1, name="line")), loss=rs.losses.SquaredError())
    X = np.linspace(-1, 1, 64)[:, None]
    data = (X, 3 * X)
    wanted = {"optimizer": SGD(0.1), "batches": Cyclic(16), "epochs": 30, "progress": False}
    plain = rs.fit(objective, data, **wanted)
    wanted["optimizer"] = Averaged(SGD(0.1), 0.99)
    mean = rs.fit(objective, data, validation=data, patience=30, **wanted)
    weight = float(mean.params["line.weight"][0, 0])
    assert weight < float(plain.params["line.weight"][0, 0])  # it comes behind
    assert objective.evaluate(mean.params, *data)["loss"] == pytest.approx(min(mean.history["validation_loss"]))


def test_the_best_epoch_may_be_that_of_the_highest_accuracy():
    x = rs.input("x", (2,))
    objective = rs.Objective(rs.Network(x, rs.affine(x, 2, name="line")), loss=rs.losses.CrossEntropy())
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    y = (X[:, 0] + rng.standard_normal(60) > 0).astype(int)
    data = (X[:30], y[:30])
    wanted = {"optimizer": SGD(3.0), "epochs": 30, "validation": (X[30:], y[30:]), "patience": 30, "progress": False}
    found = rs.fit(objective, data, best="accuracy", **wanted)
    right = objective.evaluate(found.params, X[30:], y[30:])["accuracy"]
    assert right == pytest.approx(max(found.history["validation_accuracy"]))
    with pytest.raises(DataError, match="fix: best='loss'"):
        rs.fit(objective, data, best="error", **wanted)


def test_a_long_compilation_is_said_before_it_begins(capsys, monkeypatch):
    from reseau.training import progress as words

    assert words.compilation(50, 300, 0) == words.compilation(1600, 3200, 2) == ""
    assert "one program of 400 parameter arrays and 200 operations, about 9 seconds" in words.compilation(400, 200, 0)
    assert "20 different pieces of a network of 800 parameter arrays" in words.compilation(800, 800, 20)
    monkeypatch.setattr(words, "WORTH_A_WORD", 0.01)
    objective = classifier()
    for said in (1, 0):  # what is compiled already is not compiled again
        rs.fit(objective, (X, Y), optimizer=SGD(0.1), epochs=1)
        lines = capsys.readouterr().err.splitlines()
        assert sum(line.startswith("compiling one program of 4 parameter arrays") for line in lines) == said
        assert lines[-1].startswith("epoch 1 of 1")


def test_time_that_compiling_took_leaves_a_fifth_for_steps(monkeypatch):
    ticks, slow, chunk = iter(range(100_000)), [0.0], training_run.TrainingRun.run_chunk

    def waits(run, step, *rest):
        slow[0] += 100 * (step == 0)  # for the compiler
        return chunk(run, step, *rest)

    monkeypatch.setattr(training_run, "time", SimpleNamespace(perf_counter=lambda: next(ticks) + slow[0]))
    monkeypatch.setattr(training_run.TrainingRun, "run_chunk", waits)
    result = fit(classifier(), epochs=2_000, seconds=50.0, validation=(X, Y))
    assert result.stopped == "time"
    assert 110 <= result.seconds < 120
    assert result.steps > 1
