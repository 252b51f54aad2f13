"""Streams: each row once an epoch, the same bits as from memory, bounded memory, and one clear error for bad files."""

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reseau as rs
from reseau.batches import Cyclic, Poisson, Shuffled, WithReplacement
from reseau.data import stream
from reseau.data.streams import npy_blocks as npy
from reseau.data.streams import parquet_blocks as parquet
from reseau.data.streams.read_order import Windows
from reseau.data.streams.stream import Stream
from reseau.errors import DataError, DivergenceError, FileError
from reseau.optimizers import SGD
from reseau.training import training_run

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((53, 4)), RNG.integers(0, 3, 53)
WINDOW = 16 * 4 * (4 + 1)  # bytes of 16 rows


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """53 rows in three pairs of files, in blocks of 5 rows."""
    monkeypatch.setattr(npy, "BYTES_A_BLOCK", 5 * 4 * 8)
    save(tmp_path, X, Y)
    return tmp_path


def save(path, inputs, targets, cuts=(20, 27)):
    for k, (x, y) in enumerate(zip(np.split(inputs, cuts), np.split(targets, cuts), strict=True)):
        np.save(path / f"X-{k:03}.npy", x)
        np.save(path / f"y-{k:03}.npy", y)


def classifier():
    x = rs.input("x", (4,))
    return rs.Objective(rs.Network(x, rs.affine(rs.tanh(rs.affine(x, 5)), 3)), rs.losses.CrossEntropy())


def fit(data, objective=None, **settings):
    settings = {"optimizer": SGD(0.1, momentum=0.9), "batches": Shuffled(8), "epochs": 2, "progress": False} | settings
    return rs.fit(objective or classifier(), data, **settings)


def same_bits(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("reseau-stream")]


# the order


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any),
    st.integers(1, 40),
    st.booleans(),
    st.integers(0, 2**63),
    st.integers(0, 3),
)
def test_each_row_comes_once_an_epoch(counts, rows, shuffled, seed, epoch):
    windows = Windows(tuple(counts), rows, shuffled, seed)
    seen = []
    for w in range(windows.in_epoch):
        pieces = windows.pieces(epoch, w)
        placed = [(p.block, i) for p in pieces for i in range(p.start, p.stop)]
        assert len(placed) == windows.size(w) == (rows if w < windows.in_epoch - 1 else len(placed))
        assert sorted(windows.order(epoch, w)) == list(range(len(placed)))
        assert pieces == windows.pieces(epoch, w)
        seen += [placed[i] for i in windows.order(epoch, w)]
    all_rows = [(b, i) for b, n in enumerate(counts) for i in range(n)]
    assert sorted(seen) == all_rows
    if not shuffled:
        assert seen == all_rows


def test_epochs_seeds_and_windows_differ():
    windows = Windows((50,) * 40, 400, True, 7)
    assert windows.pieces(0, 0) != windows.pieces(1, 0)
    assert windows.order(0, 0).tolist() != windows.order(0, 1).tolist()
    assert windows.order(0, 0).tolist() != windows.order(1, 0).tolist()
    assert windows.pieces(0, 0) != Windows((50,) * 40, 400, True, 8).pieces(0, 0)
    assert len({p.block for p in windows.pieces(0, 0)}) >= 8


def places_of(windows, epoch):
    """Rows of an epoch in their order, as places in the whole."""
    begins = np.cumsum([0, *windows.counts])
    order = []
    for w in range(windows.in_epoch):
        placed = np.concatenate([np.arange(p.start, p.stop) + begins[p.block] for p in windows.pieces(epoch, w)])
        order.append(placed[windows.order(epoch, w)])
    return np.concatenate(order)


# training


def test_a_stream_in_order_trains_to_the_same_bits_as_arrays(folder):
    a = fit((X, Y), batches=Cyclic(8), epochs=5)
    b = fit(stream(folder, window=WINDOW), batches=Cyclic(8), epochs=5)
    assert same_bits(a.params, b.params)
    np.testing.assert_allclose(a.history["loss"], b.history["loss"], rtol=1e-12)
    assert (a.steps, a.history["epoch"].tolist()) == (b.steps, b.history["epoch"].tolist())


@pytest.mark.parametrize("window", [WINDOW, 2**20])
def test_a_shuffled_stream_trains_on_its_rows_in_the_order_of_its_windows(folder, window):
    data = stream(folder, window=window)
    rows = 16 if window == WINDOW else 53
    order = np.concatenate([places_of(Windows(data.counts, rows, True, 3), epoch)[:48] for epoch in (0, 1)])
    objective = classifier()
    once = fit(data, objective, steps=6, epochs=None, seed=3)
    by_hand = fit((X[order], Y[order]), objective, steps=6, epochs=None, seed=3, batches=Cyclic(8))
    assert same_bits(once.params, by_hand.params)
    # the seventh batch of an epoch holds 5 rows; the second epoch begins after it
    first = fit((X[places_of(Windows(data.counts, rows, True, 3), 0)],
                 Y[places_of(Windows(data.counts, rows, True, 3), 0)]), objective, epochs=1, seed=3,
                batches=Cyclic(8), optimizer=SGD(0.1))  # fmt: skip
    second = fit((X[order[48:]], Y[order[48:]]), objective, params=first.params, steps=6, epochs=None,
                 batches=Cyclic(8), optimizer=SGD(0.1))  # fmt: skip
    both = fit(data, objective, steps=13, epochs=None, seed=3, optimizer=SGD(0.1))
    assert same_bits(both.params, second.params)


def test_the_same_bits_wherever_chunks_are_cut(folder, monkeypatch):
    results = []
    for seconds in (0.1, 1e-9, 1e-3):
        monkeypatch.setattr(training_run, "SECONDS_A_CHUNK", seconds)
        results.append(fit(stream(folder, window=WINDOW), epochs=6, seed=4))
    for other in results[1:]:
        assert same_bits(results[0].params, other.params)
        assert same_bits(results[0].history, other.history)


def test_one_compilation_for_all_windows(folder):
    names = []

    def listen(event, duration, **data):
        if event == "/jax/core/compile/backend_compile_duration":
            names.append(data.get("fun_name", "?"))

    objective = classifier()
    start = objective.network.init()
    jax.monitoring.register_event_duration_secs_listener(listen)
    fit(stream(folder, window=WINDOW), objective, epochs=6, params=start)
    jax.monitoring.unregister_event_duration_listener(listen)
    assert len(names) == 1, names


def test_images_whole_numbers_and_validation(tmp_path):
    images, labels = RNG.integers(0, 255, (40, 6, 6), dtype=np.uint8), RNG.integers(0, 3, 40).astype(np.uint8)
    np.save(tmp_path / "X.npy", images)
    np.save(tmp_path / "y.npy", labels)
    x = rs.input("image", (6, 6, 1))
    objective = rs.Objective(rs.Network(x, rs.affine(rs.flatten(x), 3)), rs.losses.CrossEntropy())
    held_out = (images[:10, ..., None], labels[:10])
    rate = SGD(1e-5)
    a = fit(stream(tmp_path), objective, batches=Cyclic(8), optimizer=rate, validation=held_out)
    b = fit((images[..., None], labels), objective, batches=Cyclic(8), optimizer=rate, validation=held_out)
    assert same_bits(a.params, b.params)
    assert same_bits(a.history, b.history)


def test_a_stream_follows_a_width_set_for_one_thread(folder):
    with jax.enable_x64(False):
        result = fit(stream(folder, window=WINDOW))
    assert result.params["affine_1.weight"].dtype == np.float32


@pytest.mark.parametrize("steps", [3, 7, 10])
def test_a_run_goes_on_from_any_step(folder, tmp_path, steps):
    data, whole = stream(folder, window=WINDOW), {"epochs": None, "steps": 30}
    once = fit(data, **whole)
    fit(data, **whole | {"steps": steps}, checkpoint=tmp_path / "checkpoints")
    resumed = fit(data, **whole, checkpoint=tmp_path / "checkpoints")
    assert same_bits(once.params, resumed.params)
    assert same_bits(once.history, resumed.history)
    other = stream(folder, window=2 * WINDOW)
    with pytest.raises(DataError, match="checkpoint of another run"):
        fit(other, **whole, checkpoint=tmp_path / "checkpoints")


def test_divergence_is_found_by_replay(folder, monkeypatch):
    monkeypatch.setattr(training_run, "SECONDS_A_SNAPSHOT", 0.0)
    x = rs.input("x", (4,))
    objective = rs.Objective(rs.Network(x, rs.square(rs.affine(x, 3, name="line"))), rs.losses.CrossEntropy())
    with pytest.raises(DivergenceError) as streamed:
        fit(stream(folder, window=WINDOW), objective, optimizer=SGD(3.0), batches=Cyclic(8), epochs=50)
    with pytest.raises(DivergenceError) as resident:
        fit((X, Y), objective, optimizer=SGD(3.0), batches=Cyclic(8), epochs=50)
    assert str(streamed.value) == str(resident.value)
    assert same_bits(streamed.value.params, resident.value.params)
    assert threads() == []


@dataclass(frozen=True)
class Watched:
    """A block that notes what is read."""

    rows: int
    log: list
    header = ""

    def read(self, start, recipe):
        self.log.append((threading.current_thread().name, start))
        yield np.zeros((self.rows - start, 4)), np.zeros(self.rows - start, int)


def test_the_next_window_is_read_ahead_and_no_further_one(caplog):
    log = []
    caplog.set_level(logging.INFO, "reseau")
    data = Stream((Watched(16, log),) * 3, window=WINDOW)
    records = rs.train(classifier(), data, optimizer=SGD(0.1), batches=Cyclic(8), epochs=2)
    assert threads() == []
    next(records)
    threads()[0].join(0.5)  # it lives on, and has had time
    assert [start for _, start in log] == [0, 0, 0]
    assert {part[0] for part in log[1:]} == {"reseau-stream_0"}
    records.close()
    assert threads() == []
    assert caplog.messages[-1].startswith("waited ")


def test_what_fits_in_one_window_is_read_once():
    log = []
    fit(Stream((Watched(24, log), Watched(10, log))), epochs=20)
    assert len(log) == 3  # the first row, and two blocks


@pytest.mark.posix
def test_ctrl_c_ends_the_thread(folder):
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    result = fit(stream(folder, window=WINDOW), epochs=10_000_000)
    assert result.stopped == "interrupted"
    assert result.steps > 0
    assert threads() == []


def test_an_error_of_the_thread_is_the_callers(folder):
    data = stream(folder, window=WINDOW)
    (folder / "X-002.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"X-002.npy: it was changed while it was read"):
        fit(data, batches=Cyclic(8))
    assert threads() == []


@pytest.mark.parametrize(
    ("row", "place", "value", "message"),
    [
        (41, 2, np.nan, r"X-002.npy, row 14: input 'x' holds nan, which is not finite, in place \(2,\)"),
        (0, 0, np.inf, r"X-000.npy, row 0: input 'x' holds inf"),
        (25, None, 3, r"X-001.npy, row 5: CrossEntropy over 3 scores wants classes 0 … 2"),
    ],
)
def test_a_bad_row_is_named_with_its_file(tmp_path, row, place, value, message):
    x, y = X.copy(), Y.copy()
    if place is None:
        y[row] = value
    else:
        x[row, place] = value
    save(tmp_path, x, y)
    with pytest.raises(DataError, match=message):
        fit(stream(tmp_path, window=WINDOW))


def test_numbers_too_large_for_float32_are_refused(tmp_path):
    x = X.copy()
    x[30, 1] = 1e300
    save(tmp_path, x, Y)
    objective = classifier()
    start = objective.network.init(0, dtype="float32")
    with pytest.raises(DataError, match=r"X-002.npy, row 3: input 'x' holds inf"):
        fit(stream(tmp_path, window=WINDOW), objective, params=start)


@pytest.mark.parametrize("sampler", [Poisson(0.1), WithReplacement(8)], ids=repr)
def test_samplers_that_draw_from_all_rows_are_refused(folder, sampler):
    with pytest.raises(DataError, match=r"read in windows.*\n  fix: batches.Shuffled"):
        fit(stream(folder), batches=sampler)


def test_weights_and_shapes_that_do_not_fit_are_refused(folder, tmp_path):
    with pytest.raises(DataError, match="all weigh the same"):
        fit(stream(folder), sample_weight=np.ones(53))
    x = rs.input("x", (3,))
    objective = rs.Objective(rs.Network(x, rs.affine(x, 3)), rs.losses.CrossEntropy())
    with pytest.raises(DataError, match=r"X-000.npy, row 0: input 'x' reads \(batch, 3\), got \(1, 4\)"):
        fit(stream(folder), objective)


# files


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<i2", "u1", "?"])
def test_blocks_hold_the_rows_of_the_files(tmp_path, monkeypatch, dtype):
    monkeypatch.setattr(npy, "BYTES_A_BLOCK", 100)
    x = (10 * X).astype(dtype)
    save(tmp_path, x, Y)
    data = stream(tmp_path)
    assert (len(data), len(data.blocks) > 3) == (53, True)
    for ours, theirs in zip(data.arrays(), (x, Y), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert data.example[0].dtype == x.dtype


def header(shape, descr="'<f8'", by_columns=False, version=(1, 0)):
    text = f"{{'descr': {descr}, 'fortran_order': {by_columns}, 'shape': {shape}, }}\n".encode()
    length = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + length + text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a whole .npy file"),
        (b"PK\x03\x04" * 9, "not a whole .npy file"),
        (header((53, 4)) + bytes(100), r"promises float64 of shape \(53, 4\), 1696 bytes, but 100 follow"),
        (header((2**62, 2**62)) + bytes(100), "promises"),
        (header((53, 4)) + bytes(53 * 4 * 8 + 1), "but 1697 follow"),
        (header((53, 4), "'|O'") + bytes(53 * 4 * 8), "it holds object"),
        (header((53, 4), "'<U8'") + bytes(53 * 4 * 32), "it holds <U8"),
        (header((53, 4), "[('a', '<f8')]") + bytes(53 * 4 * 8), "it holds"),
        (header((53, 4), by_columns=True) + bytes(53 * 4 * 8), r"column by column.*\n  fix: np.save"),
        (header((53, -4)) + bytes(53 * 4 * 8), "it holds float64 of shape"),
        (header((0, 4)), "at least one row"),
        (header(()) + bytes(8), "at least one row"),
        (header((53,)) + bytes(53 * 8), r"X.npy: its shape is \(53,\)"),
        (header((53, 4), version=(3, 0)) + bytes(53 * 4 * 8), "version"),
        (header((53, 4), version=(9, 0)) + bytes(53 * 4 * 8), "not a whole .npy file"),
        (header("(53, __import__('os').getpid())") + bytes(99), "not a whole .npy file"),
        (header((53, 4))[:40], "not a whole .npy file"),
        (header((52, 4)) + bytes(52 * 4 * 8), "it has 53 rows, X.npy has 52"),
    ],
)
def test_damaged_files_are_one_clear_error(tmp_path, content, message):
    (tmp_path / "X.npy").write_bytes(content)
    np.save(tmp_path / "y.npy", Y)
    with pytest.raises(DataError, match=message):
        stream(tmp_path)


def test_folders_that_cannot_be_streamed_are_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        stream(tmp_path / "absent")
    with pytest.raises(DataError, match=r"neither X\*.npy nor"):
        stream(tmp_path)
    np.save(tmp_path / "X-1.npy", X)
    with pytest.raises(DataError, match=r"fix: save them as y-1\.npy beside it"):
        stream(tmp_path)
    np.save(tmp_path / "y-1.npy", Y)
    np.save(tmp_path / "X-2.npy", X[:, :3])
    np.save(tmp_path / "y-2.npy", Y)
    with pytest.raises(DataError, match="rows of one shape and one type"):
        stream(tmp_path)
    with pytest.raises(DataError, match="holds nothing"):
        stream(tmp_path, window=0)


def test_a_fingerprint_knows_names_sizes_window_and_splits(folder):
    one = stream(folder)
    assert one.fingerprint() == stream(folder).fingerprint()
    assert one.fingerprint() != stream(folder, window=WINDOW).fingerprint()
    assert one.fingerprint() != one.split(0.5, 0)[0].fingerprint()
    np.save(folder / "X-001.npy", X[:9])
    np.save(folder / "y-001.npy", Y[:9])
    assert one.fingerprint() != stream(folder).fingerprint()


# tables


def table(n=53):
    kinds = np.array(["u", "v", None, "w"], object)[RNG.integers(0, 4, n)]
    count = pa.array([None if RNG.random() < 0.2 else int(v) for v in RNG.integers(0, 9, n)])
    return pa.table({"size": RNG.standard_normal(n), "kind": kinds, "count": count, "y": RNG.choice(["no", "yes"], n)})


SETTINGS = {"missing": "impute", "text": "one-hot"}


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """The table in one file, and in a folder of three files, in row groups of 7 rows that are read 3 at a time."""
    monkeypatch.setattr(parquet, "BYTES_A_PART", 3 * 4 * 8)
    whole = table()
    pq.write_table(whole, tmp_path / "whole.parquet", row_group_size=7)
    (tmp_path / "parts").mkdir()
    for k, first in enumerate((0, 20, 27)):
        rows = whole.slice(first, [20, 7, 26][k])
        pq.write_table(rows, tmp_path / "parts" / f"part-{k}.parquet", row_group_size=7)
    return tmp_path


@pytest.mark.parametrize("name", ["parts", "whole.parquet"])
def test_a_streamed_table_is_the_table_that_is_read_at_once(parts, name):
    data = stream(parts / name, **SETTINGS)
    at_once = rs.data.read_parquet(parts / "whole.parquet", "y", **SETTINGS)
    assert len(data.blocks) > 7
    assert (data.recipe.classes, data.recipe.shape) == (at_once.recipe.classes, at_once.recipe.shape)
    for ours, theirs in zip(data.recipe.columns, at_once.recipe.columns, strict=True):
        assert (ours.name, ours.categories, ours.blanks) == (theirs.name, theirs.categories, theirs.blanks)
        assert (ours.mean, ours.deviation) == pytest.approx((theirs.mean, theirs.deviation), rel=1e-12)
    x, y = data.arrays()
    np.testing.assert_array_equal(x, at_once.features)
    np.testing.assert_array_equal(y, at_once.target)


def on_table(recipe):
    x, h = rs.data.preprocess(recipe)
    return rs.Objective(rs.Network(x, rs.affine(h, 2)), rs.losses.CrossEntropy())


def test_a_streamed_table_trains_to_the_same_bits(parts):
    data = stream(parts / "parts", **SETTINGS, window=WINDOW)
    objective = on_table(data.recipe)
    for sampler in (Cyclic(8), Shuffled(8)):
        order = places_of(Windows(data.counts, 16, sampler != Cyclic(8), 0), 0)
        x, y = data.arrays()
        a = fit(data, objective, batches=sampler, epochs=1)
        b = fit((x[order], y[order]), objective, batches=Cyclic(8), epochs=1)
        assert same_bits(a.params, b.params)


def test_a_recipe_is_learned_from_the_rows_that_stay(parts):
    training, held_out = stream(parts / "parts", **SETTINGS).split(0.3, seed=0)
    expected = rs.data.read_parquet(parts / "whole.parquet", "y", **SETTINGS)
    begins = np.cumsum([0, *(block.rows for block in training.blocks)])
    stays = np.concatenate([training.kept(b) + begins[b] for b in range(len(training.blocks))])
    fitted = expected.rows(stays).fitted().recipe
    assert [c.mean for c in training.recipe.columns] == pytest.approx([c.mean for c in fitted.columns])
    assert [c.blanks for c in training.recipe.columns] == [c.blanks for c in fitted.columns]
    assert held_out.recipe == training.recipe
    assert len(held_out.arrays()[0]) == 16
    again = stream(parts / "whole.parquet", recipe=training.recipe)
    np.testing.assert_array_equal(again.arrays()[0], expected.under(training.recipe).features)


def test_a_window_that_begins_within_a_row_group_does_not_read_it_again(parts, monkeypatch):
    opened, opens = [], parquet._open
    data = stream(parts / "whole.parquet", **SETTINGS, window=WINDOW)
    objective = on_table(data.recipe)
    monkeypatch.setattr(parquet, "_open", lambda file, footer=None: opened.append(file.name) or opens(file, footer))
    fit(data, objective, batches=Cyclic(8), epochs=1)
    assert len(opened) == 1 + len(data.blocks)


def test_tables_that_cannot_be_streamed_are_one_clear_error(parts):
    with pytest.raises(DataError, match=r"counted before they are read\n  fix: missing='impute'"):
        stream(parts / "parts", missing="drop")
    with pytest.raises(DataError, match=r"part-0.parquet: there is no column 'price'"):
        _ = stream(parts / "parts", target="price").recipe
    with pytest.raises(DataError, match=r"for 3 reasons\n(.*\n)*    column 'kind', row \d+: '[uvw]' is not a number"):
        _ = stream(parts / "parts").recipe
    pq.write_table(table().drop_columns("size"), parts / "parts" / "part-9.parquet")
    with pytest.raises(DataError, match=r"part-9.parquet: it and .* differ in column 'size'"):
        _ = stream(parts / "parts", **SETTINGS).recipe
    np.save(parts / "parts" / "X.npy", X)
    with pytest.raises(DataError, match=r"it holds both X\*.npy and \*.parquet"):
        stream(parts / "parts")


@pytest.mark.parametrize("place", ["all", "head", "middle", "footer", "cut"])
def test_damaged_parquet_files_are_one_clear_error(tmp_path, place):
    path = tmp_path / "t.parquet"
    pq.write_table(table(2000), path, row_group_size=500, write_page_checksum=True)
    good = path.read_bytes()
    data = stream(path, **SETTINGS)
    shapes = [a.shape for a in data.arrays()]
    low, high = {"all": (0, 1), "head": (0, 0.01), "middle": (0.3, 0.6), "footer": (0.9, 1), "cut": (0, 1)}[place]
    told = []
    for seed in range(30):
        rng, bad = np.random.default_rng(seed), bytearray(good)
        at = int(rng.integers(int(low * len(bad)), max(int(high * len(bad)), 1)))
        bad[at] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(bad[:at] if place == "cut" else bad))
        for read in (lambda: stream(path, **SETTINGS).arrays(), data.arrays):
            try:
                assert [a.shape for a in read()] == shapes
            except DataError as error:
                told.append(str(error))
    assert len(told) > 10
    assert all("t.parquet: " in said and "fix: " in said for said in told)


def test_a_row_group_that_promises_too_much_is_refused(parts, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_ROWS", 6)
    with pytest.raises(DataError, match=r"row group 0 promises 7 rows, at most 6 are read\n  fix: .*row_group_size"):
        stream(parts / "whole.parquet")


# splits


def test_a_split_shares_out_every_row(folder):
    data = stream(folder)
    training, test = data.split(0.3, seed=1)
    training, valid = training.split(0.25, seed=1)
    (x_test, y_test), (x_valid, y_valid) = test.arrays(), valid.arrays()
    x, y = training.arrays()
    assert (len(training), len(x), len(x_test), len(x_valid)) == (28, 28, 16, 9)
    together = np.concatenate([x, x_test, x_valid])
    np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(X, axis=0))
    by_row = dict(zip(map(bytes, X), Y, strict=True))
    assert [by_row[bytes(row)] for row in together] == [*y, *y_test, *y_valid]
    np.testing.assert_array_equal(data.split(0.3, seed=1)[1].arrays()[0], x_test)
    assert not np.array_equal(data.split(0.3, seed=2)[1].arrays()[0], x_test)


def test_a_split_stays_below_what_memory_may_hold(folder):
    training, held_out = stream(folder).split(0.5, seed=0, most=7)
    assert (len(training), len(held_out)) == (46, 7)
    with pytest.raises(DataError, match="between 0 and 1"):
        training.split(1.0, seed=0)


def test_training_on_a_split_sees_each_kept_row(folder):
    training, _ = stream(folder, window=WINDOW).split(0.3, seed=1)
    x, y = training.arrays()
    a = fit(training, batches=Cyclic(8))
    b = fit((x, y), batches=Cyclic(8))
    assert same_bits(a.params, b.params)


# memory


PEAK = """
import resource, sys, numpy as np, reseau as rs
x = rs.input("x", (256,))
objective = rs.Objective(rs.Network(x, rs.affine(rs.relu(rs.affine(x, 16)), 3)), rs.losses.CrossEntropy())
data = rs.data.stream(sys.argv[1], window=int(sys.argv[2]))
rs.fit(objective, data, batches=rs.batches.Shuffled(512), epochs=2, progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(folder, window):
    """Megabytes that a process which trains on the folder for two epochs holds at most."""
    command = [sys.executable, "-c", PEAK, str(folder), str(window)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def write_rows(folder, files):
    """Files of 65,536 rows of 256 numbers, 64 MiB each."""
    folder.mkdir()
    rows, classes = RNG.standard_normal((2**16, 256), dtype=np.float32), RNG.integers(0, 3, 2**16)
    for k in range(files):
        np.save(folder / f"X-{k:03}.npy", np.roll(rows, k, axis=1))
        np.save(folder / f"y-{k:03}.npy", classes)


def test_memory_does_not_grow_with_the_data(tmp_path):
    write_rows(tmp_path / "large", 4)  # 268 MB
    (tmp_path / "small").mkdir()
    np.save(tmp_path / "small" / "X.npy", np.zeros((512, 256), np.float32))
    np.save(tmp_path / "small" / "y.npy", np.zeros(512, int))
    assert peak(tmp_path / "large", 2**24) < peak(tmp_path / "small", 2**24) + 150


@pytest.mark.slow
def test_ten_gigabytes_are_trained_on_in_less_than_two(tmp_path, record_property):
    if shutil.disk_usage(tmp_path).free < 15e9:
        pytest.skip("needs 15 GB of free disk")
    try:
        write_rows(tmp_path / "rows", 150)
        assert sum(f.stat().st_size for f in (tmp_path / "rows").iterdir()) > 10e9
        megabytes = peak(tmp_path / "rows", 2**27)
    finally:
        shutil.rmtree(tmp_path / "rows")
    record_property("megabytes", megabytes)
    assert megabytes < 2000


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_stream_is_finite_whatever_word_the_input_says(tmp_path, dtype):
    rows = np.ones((20, 3), "f4")
    rows[7, 1] = np.nan
    np.save(tmp_path / "X.npy", rows)
    np.save(tmp_path / "y.npy", np.ones(20, "f4"))
    v = rs.input("v", (3,), dtype=dtype)
    objective = rs.Objective(rs.Network(v, rs.affine(v, 1)), rs.losses.SquaredError())
    with pytest.raises(DataError, match=r"X.npy.*not finite"):
        rs.fit(objective, rs.data.stream(tmp_path), epochs=1, progress=False, params=objective.network.init())


@pytest.mark.parametrize(
    "read",
    [
        lambda path: rs.data.read_csv(path / "absent.csv", "y"),
        lambda path: rs.data.read_csv(path, "y"),  # a folder
        lambda path: rs.data.read_npz(path / "absent.npz"),
        lambda path: rs.data.read_parquet(path / "absent.parquet", "y"),
        lambda path: rs.data.stream(path / "absent"),
        lambda path: rs.load(path / "absent.onnx"),
        lambda path: rs.load(path / "absent.safetensors"),
    ],
)
def test_a_file_that_the_system_refuses_is_also_an_error_of_the_system(tmp_path, read):
    with pytest.raises(OSError, match="fix: ") as caught:
        read(tmp_path)
    assert isinstance(caught.value, FileError)
    assert caught.value.errno in (errno.ENOENT, errno.EISDIR)
