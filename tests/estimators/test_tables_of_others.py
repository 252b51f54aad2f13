"""Tables of pyarrow, polars and pandas as the estimators read them: numbers to the same bits, dates refused."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.neural_network import MLPClassifier

from reseau import NetworkClassifier, NetworkRegressor
from reseau.errors import DataError
from tools.refusals import refused

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.RandomState(0).randn(24, 2)
SIDES = (X[:, 0] > 0).astype(int)
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}

NUMBERS = {
    "pyarrow table": pa.table({"a": X[:, 0], "b": X[:, 1]}),
    "pyarrow table in pieces": pa.concat_tables(
        [pa.table({"a": part[:, 0], "b": part[:, 1]}) for part in (X[:9], X[9:])]
    ),
    "polars": pl.DataFrame({"a": X[:, 0], "b": X[:, 1]}),
    "pandas": pd.DataFrame({"a": X[:, 0], "b": X[:, 1]}),
    "pandas of arrow": pd.DataFrame({"a": X[:, 0], "b": X[:, 1]}).astype(pd.ArrowDtype(pa.float64())),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_table_of_numbers_is_its_array(name):
    table = NUMBERS[name]
    MLPClassifier(**QUICK).fit(table, SIDES)
    model = NetworkClassifier(**QUICK).fit(table, SIDES)
    plain = NetworkClassifier(**QUICK).fit(X, SIDES)
    assert list(model.feature_names_in_) == ["a", "b"]
    np.testing.assert_array_equal(model.predict_proba(table), plain.predict_proba(X))
    for other in NUMBERS.values():
        np.testing.assert_array_equal(model.predict_proba(other), plain.predict_proba(X))


@pytest.mark.parametrize("name", NUMBERS)
def test_targets_in_a_column(name):
    column = {"pyarrow": pa.chunked_array([X[:, 0]]), "polars": pl.Series(X[:, 0])}.get(
        name.split()[0], pd.Series(X[:, 0])
    )
    found = NetworkRegressor(**QUICK).fit(X, column).predict(X)
    np.testing.assert_array_equal(found, NetworkRegressor(**QUICK).fit(X, X[:, 0]).predict(X))


FAR = SIDES + 2**53  # as floats they would be one number
LABELS = {
    "nullable": (pd.Series(FAR, dtype="Int64"), FAR),
    "nullable, without sign": (
        pd.Series([2**63 + int(s) for s in SIDES], dtype="UInt64"),
        SIDES.astype("u8") + np.uint64(2**63),
    ),
    "of arrow": (pd.Series(FAR, dtype="int64[pyarrow]"), FAR),
    "a column of a frame": (pd.DataFrame({"y": pd.Series(FAR, dtype="Int64")}), FAR),
    "nullable truths": (pd.Series(SIDES > 0, dtype="boolean"), SIDES > 0),
    "truths of arrow": (pd.Series(SIDES > 0, dtype="bool[pyarrow]"), SIDES > 0),
    "Python's own": (pd.Series([int(f) for f in FAR], dtype=object), FAR),
    "texts of NumPy": (np.where(SIDES, "b", "a").astype(np.dtypes.StringDType()), np.where(SIDES, "b", "a")),
    "small and nullable": (pd.Series(SIDES, dtype="Int8"), SIDES.astype("i1")),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("name", LABELS)
def test_labels_of_pandas_own_types_are_classes_of_the_same_type(name):
    given, plain = LABELS[name]
    model, wanted = (NetworkClassifier(**QUICK).fit(X, y) for y in (given, plain))
    assert model.classes_.dtype == wanted.classes_.dtype
    np.testing.assert_array_equal(model.classes_, np.unique(plain))
    np.testing.assert_array_equal(model.predict(X), wanted.predict(X))
    part = NetworkClassifier(**QUICK).partial_fit(X, given, classes=np.unique(plain)).partial_fit(X, given)
    np.testing.assert_array_equal(part.classes_, np.unique(plain))


def test_a_missing_text_of_numpy_is_said_to_be_missing():
    texts = np.array(["a", "b", np.nan] * 8, np.dtypes.StringDType(na_object=np.nan))
    assert "there is no label in row 2" in refused(NetworkClassifier(**QUICK).fit, X, texts)


def test_several_labels_of_pandas_own_types():
    both = np.c_[SIDES, 1 - SIDES]
    frame = pd.DataFrame(both, columns=["a", "b"]).astype("Int64")
    found, wanted = (NetworkClassifier(**QUICK).fit(X, y).predict_proba(X) for y in (frame, both))
    np.testing.assert_array_equal(found, wanted)


DAYS = [date(2020, 1, 1) + timedelta(days=i) for i in range(24)]
TIMES = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(24)]
LENGTHS = [timedelta(minutes=i) for i in range(24)]
HOURS = [time(i % 24) for i in range(24)]
DATES = {
    f"{kind} of {what}": table({"number": X[:, 0], what: values})
    for kind, table in (("polars", pl.DataFrame), ("pyarrow", pa.table), ("pandas", pd.DataFrame))
    for what, values in (("days", DAYS), ("times", TIMES), ("lengths", LENGTHS), ("hours", HOURS))
} | {
    "polars without another column": pl.DataFrame({"day": DAYS}),
    "polars of structures": pl.DataFrame({"a": [{"u": 1.0}] * 24}),
    "polars of lists": pl.DataFrame({"a": [[1.0]] * 24}),
    "pyarrow of structures": pa.table({"a": [{"u": 1.0}] * 24}),
    "pandas of periods": pd.DataFrame({"a": pd.period_range("2020", periods=24, freq="D")}),
    "pandas of arrow's days": pd.DataFrame({"a": pd.array(DAYS, dtype=pd.ArrowDtype(pa.date32()))}),
    "an array of objects": np.array([[day] for day in DAYS], object),
    "an array of NumPy's dates as objects": np.array([[np.datetime64(day)] for day in DAYS], object),
    "a list": [[day] for day in DAYS],
    "a list of NumPy's dates": [[np.datetime64(day)] for day in DAYS],
    "a list of NumPy's lengths beside numbers": [[1.0, np.timedelta64(i, "D")] for i in range(24)],
}  # fmt: skip


@pytest.mark.parametrize("name", DATES)
def test_dates_and_records_are_refused(name):
    assert "dates or records" in refused(NetworkClassifier(**QUICK).fit, DATES[name], SIDES)
    with pytest.raises(DataError, match="dates or records"):
        NetworkClassifier(**QUICK).fit(X, SIDES).predict(DATES[name])


@pytest.mark.parametrize("column", [pl.Series(DAYS), pa.array(DAYS), pd.Series(TIMES), DAYS, np.array(DAYS, "M8[D]")])
def test_targets_that_are_dates_are_refused(column):
    for kind in (NetworkRegressor, NetworkClassifier):
        assert "y holds dates" in refused(kind(**QUICK).fit, X, column)


def test_the_cure_of_dates_works():
    days = np.array(DAYS, "M8[D]")
    numbers = (days - days.min()) / np.timedelta64(1, "D")
    assert NetworkRegressor(**QUICK).fit(numbers[:, None] / 24, X[:, 0]).n_iter_ == 2
