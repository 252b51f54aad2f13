"""Damaged tables: a changed or shortened file gives a table or a `DataError`, and never much memory."""

import sys
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from reseau import data
from reseau.errors import DataError

ROWS = 300
TIMES = 150


def table():
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=ROWS), "k": rng.integers(0, 9, ROWS), "t": rng.choice(list("uvwxyz"), ROWS)}
    categories = pd.Categorical(rng.choice(["p", "q"], ROWS))
    return pa.Table.from_pandas(pd.DataFrame(columns | {"c": categories, "y": rng.integers(0, 2, ROWS)}))


def stream(path):
    with pa.ipc.new_stream(str(path), table().schema) as file:
        file.write_table(table())


def arrays(path, save):
    rng = np.random.default_rng(0)
    save(path, X=rng.normal(size=(ROWS, 3)), y=rng.integers(0, 2, ROWS))


FILES = {
    "snappy.parquet": lambda path: pyarrow.parquet.write_table(table(), path),
    "plain.parquet": lambda path: pyarrow.parquet.write_table(table(), path, compression="none"),
    "lz4.feather": lambda path: pyarrow.feather.write_feather(table(), path),
    "plain.feather": lambda path: pyarrow.feather.write_feather(table(), path, compression="uncompressed"),
    "stream.arrow": stream,
    "plain.npz": lambda path: arrays(path, np.savez),
    "deflated.npz": lambda path: arrays(path, np.savez_compressed),
}


def damaged(whole, rng):
    """The bytes with a few of them changed, mostly where a file describes itself, or cut off."""
    content, n = bytearray(whole), len(whole)
    for _ in range(rng.integers(1, 4)):
        place = rng.choice([rng.integers(n), rng.integers(min(n, 1500)), n - 1 - rng.integers(min(n, 3000))])
        content[place] = rng.integers(256)
    return bytes(content[: rng.integers(n)] if rng.random() < 0.1 else content)


def read(path):
    if path.suffix == ".npz":
        return data.read_npz(path)
    if path.suffix == ".parquet":
        return data.read_parquet(path, "y", text="one-hot", missing="impute")
    return data.read_arrow(path, "y", text="one-hot", missing="impute")


def most_memory():
    """The most that this process has taken, in KiB; 0 on Windows, which does not tell."""
    if sys.platform == "win32":
        return 0
    import resource

    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return taken // 1024 if sys.platform == "darwin" else taken


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_refused(tmp_path, name):
    path = tmp_path / name
    FILES[name](path)
    whole = path.read_bytes()
    assert len(read(path)) == ROWS
    rng = np.random.default_rng(1)
    messages, before = [], most_memory()
    for _ in range(TIMES):
        path.write_bytes(damaged(whole, rng))
        try:
            assert len(read(path)) <= ROWS
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > TIMES / 10
    assert all(m.startswith(f"{path}: ") and "\n  fix: " in m for m in messages)
    assert most_memory() - before < 2**17


def test_an_array_that_declares_more_than_it_holds(tmp_path):
    path = tmp_path / "a.npz"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 4), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64))
    with pytest.raises(DataError, match=r"X.npy declares \(1099511627776, 4\), but has"):
        data.read_npz(path, labeled=False)


def test_files_of_another_kind_than_their_suffix_says(tmp_path):
    for name in FILES:
        for content in (b"", b"text", b"PAR1", b"PAR1" * 20, b"ARROW1\0\0", b"PK\x03\x04", bytes(1000)):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError):
                read(tmp_path / name)
