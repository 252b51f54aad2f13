"""Batches cut in shards: the same steps but for the order of sums."""

import jax
import numpy as np
import pytest

import reseau as rs
from reseau.data.streams.parquet_blocks import ParquetBlock
from reseau.distributed.team import ALONE, Team
from reseau.errors import DataError, DivergenceError
from reseau.training.pairwise import Sums
from reseau.training.sharded import Cut
from reseau.training.sharded_feed import ShardedStream


@pytest.fixture(scope="module")
def problem():
    generator = np.random.default_rng(0)
    X, y = generator.standard_normal((50, 3)).astype("f4"), generator.standard_normal(50).astype("f4")
    x = rs.input("x", (3,))
    network = rs.Network(x, rs.affine(rs.tanh(rs.affine(x, 5, name="a")), 1, name="b"))
    return rs.Objective(network, rs.losses.SquaredError(), rs.penalties.L2(1e-2)), (X, y)


def run(problem, compute=None, **settings):
    objective, data = problem
    usual = {"batches": rs.batches.Shuffled(17), "epochs": 3, "seed": 1, "progress": False}
    return rs.fit(objective, data, compute=rs.Compute(**compute or {}), **usual | settings)


def same(a, b):
    return all(np.array_equal(a.params[k], b.params[k]) for k in a.params) and np.array_equal(
        a.history["loss"], b.history["loss"]
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"compute": {"shards": 4}},  # which divides neither the batch of 17 nor the last one of 16
        {"compute": {"shards": 16}, "sample_weight": np.linspace(0, 1, 50)},
        {"compute": {"shards": 5}, "batches": rs.batches.Poisson(0.1), "optimizer": rs.optimizers.SGD(0.1)},
        {
            "compute": {"shards": 20},  # more than there are rows
            "validation": (np.ones((7, 3)), np.ones(7)),
            "patience": 9,
        },
    ],
    ids=["plain", "weights", "poisson", "empty shards"],
)
def test_the_steps_are_those_of_whole_batches(problem, settings):
    cut, whole = run(problem, **settings), run(problem, **settings | {"compute": {"shards": 1}})
    assert (cut.shards, whole.shards) == (settings["compute"]["shards"], 1)
    for name, value in whole.params.items():
        np.testing.assert_allclose(cut.params[name], value, rtol=2e-5, atol=2e-6)
    for name, values in whole.history.items():
        np.testing.assert_allclose(cut.history[name], values, rtol=1e-5)


def test_accumulation_has_the_bits_of_the_shards_that_it_is_made_of(problem, tmp_path):
    eight = {"shards": 8}
    by_eight = run(problem, eight)
    assert same(run(problem, eight | {"accumulate": 4}), by_eight)
    assert same(run(problem, {"accumulate": 8}), by_eight)
    run(problem, eight, epochs=1, checkpoint=tmp_path)
    gone_on = run(problem, checkpoint=tmp_path)  # which knows in how many shards it began
    assert gone_on.shards == 8
    assert same(gone_on, by_eight)
    with pytest.raises(DataError, match="another run: shards differs"):
        run(problem, {"shards": 4}, checkpoint=tmp_path)


def test_bfloat16_products_are_those_of_jax_and_parameters_stay_in_float32(problem):
    objective, (X, y) = problem
    params = objective.network.init(3)
    settings = {"optimizer": rs.optimizers.SGD(0.1), "batches": rs.batches.Cyclic(50), "steps": 1, "epochs": None}
    result = run(problem, {"products": "bfloat16"}, params=params, **settings)

    def product(x, weight, bias):
        half = (a.astype("bfloat16") for a in (x, weight, bias))
        x, weight, bias = half
        return (x @ weight + bias).astype("float32")

    def value(params):
        hidden = jax.numpy.tanh(product(X, params["a.weight"], params["a.bias"]))
        found = product(hidden, params["b.weight"], params["b.bias"])[:, 0]
        weights = sum((params[name] ** 2).sum() for name in ("a.weight", "b.weight"))
        return 0.5 * ((found - y) ** 2).mean() + 0.5e-2 * weights

    loss, grads = jax.jit(jax.value_and_grad(value))({k: jax.numpy.asarray(v) for k, v in params.items()})
    np.testing.assert_allclose(result.history["loss"], [loss], rtol=1e-5)
    for name, before in params.items():
        assert result.params[name].dtype == np.float32
        step = (before - result.params[name]) / np.float32(0.1)
        np.testing.assert_allclose(step, grads[name], rtol=0.02, atol=2e-3)
    with pytest.raises(DataError, match="products='float8' cannot be used"):
        run(problem, {"products": "float8"})
    with pytest.raises(DataError, match="keeps parameters in float32, and these are float16"):
        run(problem, {"products": "bfloat16"}, params={k: np.asarray(v, "f2") for k, v in params.items()})


def test_each_row_of_a_stream_comes_once_an_epoch(problem, tmp_path):
    rows = np.arange(90, dtype="f4")
    for i, part in enumerate(np.split(rows, [20, 21, 64])):
        np.save(tmp_path / f"X-{i}.npy", np.stack([part] * 3, 1))
        np.save(tmp_path / f"y-{i}.npy", part)
    stream = rs.data.stream(tmp_path, window=16 * 16 * 7)
    cut = Cut(7, True, ALONE, tuple(jax.local_devices()[:1]))
    feed = ShardedStream(problem[0], stream, rs.batches.Shuffled(21), 0, np.dtype("f4"), cut)
    seen, weights, step = [], [], 0
    while step < 2 * feed.in_epoch:
        count = min(feed.left(step), 2)
        shares, plan = feed.examples(step, 2 * feed.in_epoch), feed.plan(step, 1, count, (1, 3))
        for s in range(count):
            indices = plan.indices[0, s].reshape(7, -1)
            row = np.concatenate([shares.of[k].targets[0][indices[k]].ravel() for k in range(7)])
            seen += row[plan.weights[0, s] > 0].tolist()
            weights.append(plan.weights[0, s].sum())
        step += count
    feed.close()
    assert sorted(seen[:90]) == sorted(seen[90:]) == rows.tolist()
    assert seen[:90] != seen[90:]
    np.testing.assert_allclose(weights, 1, rtol=1e-6)
    assert feed.share(0, feed.in_epoch) == 1


def test_each_process_reads_the_row_groups_of_its_shards_alone(problem, tmp_path, monkeypatch):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = np.arange(120, dtype="f4")
    table = pa.table({name: rows for name in "abcy"})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=10)
    stream = rs.data.stream(tmp_path / "t.parquet", target="y", task="regression", window=20 * 16 * 6)
    assert stream.recipe is not None  # learned of all rows, once
    read, batches = [], ParquetBlock.batches

    def counted(block, start, columns):
        for batch, first in batches(block, start, columns):
            read.extend(range(first, first + batch.num_rows))
            yield batch, first

    monkeypatch.setattr(ParquetBlock, "batches", counted)
    for rank in range(3):
        cut = Cut(6, True, Team(rank, 3), tuple(jax.local_devices()[:1]))
        feed = ShardedStream(problem[0], stream, rs.batches.Shuffled(12), 0, np.dtype("f4"), cut)
        assert set(read) <= set(range(10))  # the first rows say what an example is
        read.clear()
        for step in range(feed.in_epoch):
            feed.examples(step, feed.in_epoch)
        feed.close()
        assert sorted(read) == list(range(40 * rank, 40 * rank + 40))
        read.clear()


def test_a_stream_of_fewer_rows_than_shards_or_processes_is_refused_with_a_cure(problem, tmp_path):
    np.save(tmp_path / "X.npy", np.ones((3, 3), "f4"))
    np.save(tmp_path / "y.npy", np.ones(3, "f4"))
    stream = rs.data.stream(tmp_path)
    for size, cure in ((2, "shards=3 or fewer"), (4, "3 processes and devices or fewer, with shards=3")):
        cut = Cut(8, True, Team(0, size), tuple(jax.local_devices()[:1]))
        with pytest.raises(DataError, match=f"3 rows cannot be cut in 8 shards\n  fix: {cure}"):
            ShardedStream(problem[0], stream, rs.batches.Shuffled(2), 0, np.dtype("f4"), cut)
    run((problem[0], stream), {"shards": 3}, epochs=1)


@pytest.mark.parametrize("shards", range(1, 20))
def test_shards_are_added_in_one_order_however_many_processes_have_them(shards):
    def by_halves(first, size):
        if size == 1:
            return str(first)
        if first + size // 2 >= shards:  # there is no right half
            return by_halves(first, size // 2)
        return f"({by_halves(first, size // 2)} + {by_halves(first + size // 2, size // 2)})"

    for size in range(1, shards + 1):
        cuts = [Cut(shards, True, Team(rank, size), ()) for rank in range(size)]
        assert [shard for cut in cuts for shard in cut.own] == list(range(shards))
        received = Sums("({} + {})".format)
        for rank, cut in enumerate(cuts):
            sums = Sums("({} + {})".format)
            for shard in cut.own:
                sums.add(shard, str(shard))
            assert 1 <= len(sums.blocks) <= cut.most_sent
            assert [(block.first, block.size) for block in sums.blocks] == cut.sent(rank)
            for block in sums.blocks:
                received.add(block.first, block.value, block.size)
        assert received.total() == by_halves(0, 32)
    assert Cut(8, True, Team(0, 2), ()).most_sent == Cut(8, True, Team(0, 8), ()).most_sent == 1


def test_a_step_that_diverges_is_named_as_without_shards(problem):
    settings = {"optimizer": rs.optimizers.SGD(1e15), "epochs": 30}
    errors = []
    for shards in (1, 4):
        with pytest.raises(DivergenceError) as found:
            run(problem, {"shards": shards}, **settings)
        errors.append((found.value.step, found.value.node))
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    ("settings", "said", "cure"),
    [
        ({"shards": 0}, "shards=0 cannot be used", {"shards": 1}),
        ({"shards": True}, "shards=True cannot be used", {"shards": 1}),
        ({"accumulate": 2.5}, "accumulate=2.5 cannot be used", {"accumulate": 8}),
        (
            {"shards": 6, "accumulate": 4},
            "6 shards cannot be taken in 4 parts\n  fix: shards=8",
            {"shards": 8, "accumulate": 4},
        ),
        ({"devices": 99}, "devices=99, and there are", {"devices": 1}),
    ],
)
def test_settings_that_cannot_be_used_are_refused_with_a_cure(problem, settings, said, cure):
    with pytest.raises(DataError, match=said):
        run(problem, settings)
    run(problem, cure, epochs=1)
