"""Columns of real numbers are streamed from Parquet as `read_parquet` reads them, column by column or all at once."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import reseau as rs
from reseau.data.readers import arrow
from reseau.errors import DataError

ROWS = 700

COLUMNS = {
    "float32": pa.array(np.random.default_rng(0).normal(size=ROWS).astype(np.float32)),
    "float64": pa.array(np.random.default_rng(1).normal(size=ROWS) * 1e-300),
    "whole": pa.array(np.arange(ROWS)),
    "blank": pa.array([None if i == 5 else i / 7 for i in range(ROWS)]),
    "nan": pa.array([float("nan") if i == 650 else i / 9 for i in range(ROWS)]),
    "large": pa.array([1e39 if i == 300 else i / 9 for i in range(ROWS)]),
    "infinite": pa.array([float("inf") if i == 300 else i / 9 for i in range(ROWS)]),
}
TARGETS = {"number": pa.array(np.arange(ROWS) / 3), "class": pa.array(["u", "v"] * (ROWS // 2))}


@pytest.mark.parametrize("target", list(TARGETS))
@pytest.mark.parametrize(
    "names", [("float32",), ("float32", "float64"), ("float64", "whole"), ("float32", "blank"), ("nan", "float64")]
)
def test_a_stream_has_the_numbers_of_the_file(tmp_path, names, target, monkeypatch):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({n: COLUMNS[n] for n in names} | {"y": TARGETS[target]}), path, row_group_size=333)
    whole = rs.data.read_parquet(path, "y", missing="impute")
    found = []
    monkeypatch.setattr(
        "reseau.data.streams.parquet_blocks.real_numbers", lambda *a: found.append(arrow.real_numbers(*a)) or found[-1]
    )
    X, y = rs.data.stream(path, missing="impute").arrays()
    assert (found[0] is not None) == (set(names) <= {"float32", "float64", "nan"})
    assert X.dtype == whole.features.dtype
    assert y.dtype == whole.target.dtype
    np.testing.assert_array_equal(X, whole.features)
    np.testing.assert_array_equal(y, whole.target)


@pytest.mark.parametrize("name", ["large", "infinite", "blank", "nan"])
def test_what_is_refused_is_refused_with_its_place(tmp_path, name):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"float32": COLUMNS["float32"], name: COLUMNS["float32"], "y": TARGETS["number"]}), path)
    recipe = rs.data.read_parquet(path, "y").recipe
    pq.write_table(pa.table({"float32": COLUMNS["float32"], name: COLUMNS[name], "y": TARGETS["number"]}), path)
    with pytest.raises(DataError, match=f"column '{name}', row [0-9]+: "):
        rs.data.stream(path, recipe=recipe).arrays()
