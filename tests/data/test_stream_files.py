"""Files of a stream: that they changed is found, each is opened as little as can be, and damage is one clear error."""

import os
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import reseau as rs
from reseau.batches import Shuffled
from reseau.data import stream
from reseau.data.streams import npy_blocks as npy
from reseau.data.streams import parquet_blocks as parquet
from reseau.errors import DataError
from reseau.optimizers import SGD

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((53, 4)), RNG.integers(0, 3, 53)
SETTINGS = {"missing": "impute", "text": "one-hot"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """53 rows in three pairs of files, in blocks of 5 rows."""
    monkeypatch.setattr(npy, "BYTES_A_BLOCK", 5 * 4 * 8)
    (tmp_path / "rows").mkdir()
    save(tmp_path / "rows", X, Y)
    return tmp_path / "rows"


def save(path, inputs, targets, cuts=(20, 27)):
    for k, (x, y) in enumerate(zip(np.split(inputs, cuts), np.split(targets, cuts), strict=True)):
        np.save(path / f"X-{k:03}.npy", x)
        np.save(path / f"y-{k:03}.npy", y)


def fit(data, **settings):
    x = rs.input("x", (4,))
    objective = rs.Objective(rs.Network(x, rs.affine(x, 3)), rs.losses.CrossEntropy())
    return rs.fit(objective, data, optimizer=SGD(0.1), batches=Shuffled(8), progress=False, **settings)


def table(n=53):
    kinds = np.array(["u", "v", None, "w"], object)[RNG.integers(0, 4, n)]
    return pa.table({"size": RNG.standard_normal(n), "kind": kinds, "y": RNG.choice(["no", "yes"], n)})


def changed(folder, name, rows):
    """Another value in a row of a file, whose name, size and header stay."""
    values = np.load(folder / name)
    values[rows] += 100
    np.save(folder / name, values)


@pytest.mark.parametrize(("name", "rows"), [("X-000.npy", 19), ("X-002.npy", slice(1, None)), ("X-001.npy", [0, 6])])
def test_rows_that_changed_under_the_same_names_are_no_resumption(folder, tmp_path, name, rows):
    checkpoints = tmp_path / "checkpoints"
    fit(stream(folder), checkpoint=checkpoints, epochs=1)
    before = stream(folder).fingerprint()
    times = (folder / name).stat()
    changed(folder, name, rows)
    os.utime(folder / name, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (folder / name).stat().st_size == times.st_size
    assert stream(folder).fingerprint() != before
    with pytest.raises(DataError, match="data"):
        fit(stream(folder), checkpoint=checkpoints, epochs=2)


def test_a_file_that_was_written_again_is_no_resumption(folder):
    one = stream(folder)
    assert stream(folder).fingerprint() == one.fingerprint()
    os.utime(folder / "X-001.npy", ns=(1, 1))
    assert stream(folder).fingerprint() != one.fingerprint()


def test_a_file_that_changes_while_it_is_read_is_one_clear_error(folder, tmp_path):
    data = stream(folder)
    np.save(folder / "X-001.npy", X[20:27] + 1)
    with pytest.raises(DataError, match=r"X-001.npy: it was changed while it was read"):
        data.arrays()
    path = tmp_path / "t.parquet"
    pq.write_table(table(), path, row_group_size=7)
    tables = stream(path, **SETTINGS)
    pq.write_table(table(), path, row_group_size=7)
    with pytest.raises(DataError, match=r"t.parquet: it was changed while it was read"):
        tables.arrays()


@pytest.mark.parametrize("shape", ["'shape': ((40, 3 , ", "'shape': [40, 3", "'shape': (40, 3), }}\\"])
def test_a_header_that_is_no_literal_is_one_clear_error(tmp_path, shape):
    np.save(tmp_path / "y.npy", np.zeros(40))
    text = f"{{'descr': '<f8', 'fortran_order': False, {shape}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(40 * 3 * 8)
    (tmp_path / "X.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"X.npy: it is not a whole .npy file: its header is damaged"):
        stream(tmp_path)


def test_rows_that_are_held_out_in_part_are_read_from_few_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(npy, "BYTES_A_BLOCK", 10 * 4 * 8)
    rows = RNG.standard_normal((4000, 4))
    save(tmp_path, rows, rows[:, 0], cuts=())
    training, held_out = stream(tmp_path).split(0.5, seed=0, most=100)
    assert len(training.blocks) == 400
    assert (len(training), len(held_out)) == (3900, 100)
    assert 16 <= sum(n > 0 for n in held_out.counts) <= 21
    read, plain = [], npy.NpyFile.read
    monkeypatch.setattr(npy.NpyFile, "read", lambda *given: read.append(given) or plain(*given))
    x, _ = held_out.arrays()
    assert len(read) <= 2 * 21
    assert {*map(bytes, x)} < {*map(bytes, rows)}


USES = {
    "rows": lambda data: data.arrays(),
    "recipe": lambda data: data.recipe,
    "held out": lambda data: data.split(0.5, seed=0, most=20)[1].arrays(),
    "fingerprint": lambda data: data.fingerprint(),
    "twice": lambda data: (data.arrays(), data.arrays()),
}


@pytest.mark.parametrize("use", USES)
def test_the_footer_of_a_file_is_read_once(tmp_path, monkeypatch, use):
    pq.write_table(table(90), tmp_path / "t.parquet", row_group_size=1)
    footers, opens = [], parquet._open
    monkeypatch.setattr(parquet, "_open", lambda file, footer=None: footers.append(footer) or opens(file, footer))
    data = stream(tmp_path / "t.parquet", **SETTINGS)
    USES[use](data)
    assert footers[0] is None
    assert len({id(footer) for footer in footers[1:]}) <= 1
    assert footers.count(None) == 1


class Watched:
    """A file that notes the threads which read it."""

    closed = False

    def __init__(self, file, threads):
        self.file, self.threads = file, threads

    def __getattr__(self, name):
        self.threads.add(threading.get_ident())
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


READ = {
    "a stream of Parquet": ("streams.parquet_blocks", lambda path: stream(path, target="c8").arrays()),
    "Parquet": ("readers.arrow", lambda path: rs.data.read_parquet(path, "c8")),
    "Arrow": ("readers.arrow", lambda path: rs.data.read_arrow(path, "c8")),
}


@pytest.mark.parametrize("name", READ)
def test_no_thread_but_the_reader_s_holds_a_file(tmp_path, monkeypatch, name):
    # pyarrow's threads abort a process that ends while they hold a file of Python's: 15 of 60 died by SIGABRT
    rows, threads, (module, read) = pa.table({f"c{i}": RNG.standard_normal(2000) for i in range(9)}), set(), READ[name]
    if name == "Arrow":
        feather.write_feather(rows, tmp_path / "t", chunksize=100)
    else:
        pq.write_table(rows, tmp_path / "t", row_group_size=100)
    monkeypatch.setattr(f"reseau.data.{module}.open", lambda *given: Watched(open(*given), threads), raising=False)  # noqa: SIM115
    read(tmp_path / "t")
    assert threads == {threading.get_ident()}
