"""Tables with typed columns: Parquet, Arrow and data frames, and the survey that learns from pieces."""

import datetime
import decimal
import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reseau import data
from reseau.data.table.columns import as_numbers, spelled
from reseau.errors import DataError
from tools.refusals import refused

FRAME = pd.DataFrame(
    {
        "age": [31, 44, 29, 51],
        "city": ["Paris", None, " Paris", "Nice"],
        "income": [2100.5, np.nan, 2500, 3000],
        "owner": [True, False, True, True],
        "size": pd.Categorical(["s", "l", "s", None], ["s", "m", "l"]),
        "bought": [1, 0, 1, 0],
    }
)
RAW = [[31, 1, 2100.5, 1, 1], [44, np.nan, np.nan, 0, 0], [29, 1, 2500, 1, 1], [51, 0, 3000, 1, np.nan]]


def written(path):
    """The table in the format that the suffix names."""
    table = pa.Table.from_pandas(FRAME, preserve_index=False)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path, row_group_size=3)
    elif path.suffix == ".feather":
        pyarrow.feather.write_feather(table, path)
    else:
        with pa.ipc.new_stream(str(path), table.schema) as stream:
            stream.write_table(table, max_chunksize=3)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".arrow"])
def test_every_format_gives_the_same_table(tmp_path, suffix):
    read = data.read_parquet if suffix == ".parquet" else data.read_arrow
    table = read(written(tmp_path / f"t{suffix}"), "bought", text="one-hot", missing="impute")
    np.testing.assert_array_equal(table.features, RAW)
    assert [c.categories for c in table.recipe.columns] == [(), ("Nice", "Paris"), (), (), ("l", "s")]
    assert table.classes == ("0", "1")
    assert table.target.tolist() == [1, 0, 1, 0]
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    again = data.read_rows(data.read_sheet(tmp_path / "t.csv"), table.recipe)
    np.testing.assert_array_equal(again.features, RAW)
    np.testing.assert_array_equal(again.target, table.target)


def test_only_the_columns_that_are_needed_are_read(tmp_path):
    sheet = data.read_sheet(written(tmp_path / "t.parquet"), columns=["income", "absent", "age"])
    assert sheet.names == ("age", "income")
    dated = FRAME.assign(day=datetime.date(2020, 1, 1))
    recipe = data.learn_recipe(data.sheet_of(FRAME[["age", "bought"]]), "bought")
    wanted = [c.name for c in recipe.columns]
    assert data.read_rows(data.sheet_of(dated, columns=wanted), recipe, target=False).features[:, 0].tolist() == [
        *(31, 44, 29, 51)
    ]


def test_the_types_of_numbers():
    table = pa.table(
        {
            "i": pa.array([1, None, 3], pa.int8()),
            "u": pa.array([1, 2, 2**53], pa.uint64()),
            "h": pa.array(np.array([0.5, 1, 2], np.float16)),
            "d": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3")]),
            "b": [True, None, False],
            "n": pa.nulls(3),
        }
    )
    columns = data.sheet_of(table).columns
    np.testing.assert_array_equal(
        np.stack([as_numbers(c)[0] for c in columns], 1),
        [[1, 1, 0.5, 1.25, 1, np.nan], [np.nan, 2, 1, np.nan, np.nan, np.nan], [3, 2.0**53, 2, -3, 0, np.nan]],
    )


def test_a_typed_text_is_a_text_even_if_a_numeral():
    sheet = data.sheet_of(pa.table({"zip": ["01234", "98765", "01234"], "y": [0.5, 1.5, 2]}))
    assert "column 'zip', row 1: '01234' is a code, which as a number would be another" in refused(
        data.learn_recipe, sheet, "y"
    )
    assert data.learn_recipe(sheet, "y", text="one-hot").columns[0].categories == ("01234", "98765")


AMOUNTS = [f"{x:,.2f}" for x in np.exp(np.random.default_rng(0).normal(6, 2, 60))]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (AMOUNTS, "number"),
        ([*AMOUNTS[1:], " "], "number"),
        ([a.replace(",", " ").replace(".", ",") for a in AMOUNTS], "number"),
        ([f"{k}.{j}" for k in range(1, 6) for j in range(12)] * 3, "category"),  # versions: 1.1 is not 1.10
        ([f"0{k}.5" for k in range(60)] * 3, "category"),
        ([str(k % 30 + 10) for k in range(60)], "category"),  # whole numbers may be codes
        (["0.5", "1.5", "2.5"] * 20, "category"),
    ],
)
def test_amounts_that_are_stored_as_texts_are_read_as_in_a_csv_file(texts, kind, tmp_path):
    frame = pd.DataFrame({"paid": texts, "y": np.arange(0.0, len(texts))})
    (column,) = data.learn_recipe(data.sheet_of(frame), "y", auto=True, task="regression").columns
    assert column.kind == kind
    if kind == "category":
        return
    frame.to_csv(tmp_path / "t.csv", index=False)
    sheets = data.sheet_of(frame), data.read_sheet(tmp_path / "t.csv")
    one, other = (data.read_rows(s, data.learn_recipe(s, "y", auto=True, task="regression")).features for s in sheets)
    np.testing.assert_array_equal(one, other)
    assert np.isnan(one).sum() == sum(not t.strip() for t in texts)


def test_truths_are_numbers_among_the_features_and_classes_as_a_target(tmp_path):
    frame = pd.DataFrame({"a": [True, False, None, True], "y": [True, False, False, True]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    for sheet in (data.sheet_of(frame), data.read_sheet(tmp_path / "t.csv")):
        table = data.read_rows(sheet, data.learn_recipe(sheet, "y", missing="impute"))
        np.testing.assert_array_equal(table.features[:, 0], [1, 0, np.nan, 1])
        assert (table.classes, table.target.tolist()) == (("False", "True"), [1, 0, 0, 1])


def test_whole_numbers_may_be_categories():
    sheet = data.sheet_of(pd.DataFrame({"k": pd.Categorical([3, 1, 3]), "y": [0.5, 1.5, 2]}))
    recipe = data.learn_recipe(sheet, "y", text="one-hot")
    assert recipe.columns[0].categories == ("1", "3")
    plain = data.sheet_of(pd.DataFrame({"k": [1, 2, 3]}))
    assert data.read_rows(plain, recipe, target=False).features[:, 0].tolist() == [0, 2, 1]


def test_texts_that_are_numbers_serve_a_model_that_reads_numbers():
    recipe = data.learn_recipe(data.sheet_of(FRAME[["income", "bought"]].dropna()), "bought", task="regression")
    texts = data.sheet_of(pa.table({"income": ["1", "2.5"]}))
    assert data.read_rows(texts, recipe, target=False).features[:, 0].tolist() == [1, 2.5]
    wrong = data.sheet_of(pa.table({"income": ["1", "much"]}), start=10)
    assert "column 'income', row 12: 'much' is not a number" in refused(data.read_rows, wrong, recipe, target=False)


TYPES = {
    "list": (pa.array([[1, 2]]), "column 'a' holds list"),
    "lists of lists": (pa.array([[["x"]]]), "give it one number or one text a row; or leave the column out: --drop a "),
    "bytes": (pa.array([b"1"]), "fix: decode it to text"),
    "large": (pa.array([2**53 + 1]), "row 1: 9007199254740993 is beyond 2**53"),
    "negative": (pa.array([-(2**53) - 1]), "row 1: -9007199254740993 is beyond 2**53"),
}


@pytest.mark.parametrize("what", TYPES)
def test_types_that_are_refused(what):
    array, expected = TYPES[what]
    assert expected in refused(data.sheet_of, pa.table({"a": array, "b": [1]}))


def test_nested_columns_are_one_each_and_lists_of_texts_are_texts(tmp_path):
    rows = [{"geo": {"lat": i, "at": {"z": -i}}, "tags": ["u", "v"][: i % 3], "n": [i], "y": i % 2} for i in range(6)]
    table = pa.Table.from_pylist(rows)
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for path in (tmp_path / "t.parquet", tmp_path / "t.jsonl"):
        assert "column 'n' holds list" in refused(data.read_sheet, path)
        sheet = data.read_sheet(path, without=("n",))
        assert sheet.names == ("geo.lat", "geo.at.z", "tags", "y")
        assert sheet.column("geo.at.z").tolist() == [0, -1, -2, -3, -4, -5]
        assert [spelled(sheet.column("tags"), i) for i in range(3)] == ["", "u", "u, v"]
        assert data.read_sheet(path, columns=("geo.lat",)).column("geo.lat").tolist() == [0, 1, 2, 3, 4, 5]
    assert data.sheet_of(table.to_batches()[0], without=("n",)).names == sheet.names


FRAMES = {
    "mixed": (pd.DataFrame({"a": pd.Series([1, "x", 2.5], dtype=object)}), "column 'a' cannot be read"),
    "objects": (pd.DataFrame({"a": [object()]}), "column 'a' cannot be read"),
    "twice": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "columns 1 and 2 are both called 'a'"),
    "no name": (pd.DataFrame({"": [1]}), "column 1 has no name"),
    "array": (np.ones((2, 2)), "it is ndarray, not a table"),
    "huge": (pd.DataFrame({"a": pd.Series([2**70, 1], dtype=object)}), "column 'a' cannot be read"),
}


@pytest.mark.parametrize("what", FRAMES)
def test_frames_that_are_refused(what):
    frame, expected = FRAMES[what]
    assert expected in refused(data.sheet_of, frame)


def test_tables_without_rows(tmp_path):
    pyarrow.parquet.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "t.parquet")
    assert "it has no rows" in refused(data.read_parquet, tmp_path / "t.parquet", "a")
    assert "it cannot be read" in refused(data.read_parquet, tmp_path / "absent.parquet", "a")
    assert "it has no rows" in refused(
        data.Survey("a").add(data.sheet_of(FRAME[["age", "city"]].rename(columns={"age": "a"})[:0])).recipe
    )


# Surveys


CELLS = st.one_of(st.none(), st.floats(-1e30, 1e30), st.floats(1e6, 1e6 + 1))
ROWS = st.lists(st.tuples(CELLS, st.sampled_from(["u", "v", "w", None]), st.sampled_from([0, 1, 2])), min_size=6)


def what_fails(survey):
    """Why it gives no recipe; nothing where it does."""
    try:
        survey.recipe()
    except DataError as error:
        return str(error)
    return ""


@settings(deadline=None, max_examples=150)
@given(ROWS, st.lists(st.integers(0, 30), max_size=4), st.sampled_from(["drop", "impute"]))
def test_pieces_give_the_recipe_of_the_whole(rows, cuts, missing):
    frame = pd.DataFrame(rows, columns=["a", "b", "y"]).astype({"a": float, "b": "string"})
    whole = data.Survey("y", "classification", missing, "one-hot").add(data.sheet_of(frame))
    ends = [0, *sorted(cuts), len(frame)]
    parts = data.Survey("y", "classification", missing, "one-hot")
    for start, stop in pairwise(ends):
        parts = parts.add(data.sheet_of(frame[start:stop], start=start))
    if what_fails(whole) or what_fails(parts):
        assert what_fails(parts) == what_fails(whole)
        return
    expected, found = whole.recipe(), parts.recipe()
    assert found.classes == expected.classes
    for ours, theirs in zip(found.columns, expected.columns, strict=True):
        assert (ours.name, ours.categories, ours.blanks) == (theirs.name, theirs.categories, theirs.blanks)
    kept = frame.dropna() if missing == "drop" else frame
    scale = kept["a"].abs().max()
    assert found.columns[0].mean == pytest.approx(kept["a"].mean(), rel=1e-12, abs=1e-12 * scale)
    assert found.columns[0].deviation == pytest.approx(kept["a"].std(ddof=0), rel=1e-9, abs=1e-9 * scale)
    assert set(found.columns[1].categories) == set(kept["b"].dropna())


def test_deviations_far_from_zero_are_exact_in_pieces():
    values = 1e9 + np.random.default_rng(0).normal(size=10_000)
    survey = data.Survey("y", "regression")
    for part in np.split(values, 100):
        survey = survey.add(data.sheet_of(pd.DataFrame({"a": part, "y": np.arange(len(part))})))
    assert survey.recipe().columns[0].deviation == pytest.approx(values.std(), rel=1e-7)


def test_parts_that_do_not_agree():
    first = data.Survey("y").add(data.sheet_of(FRAME[["age", "bought"]].set_axis(["a", "y"], axis=1)))
    other = data.sheet_of(pd.DataFrame({"b": [1], "y": [0]}), "part 2")
    assert "part 2: it and the table differ in column 'a'" in refused(first.add, other)
    text = data.sheet_of(pd.DataFrame({"a": ["x"], "y": [0]}), "part 2")
    assert "part 2: column 'a', row 1: 'x' is a text, and other rows hold numbers" in refused(first.add, text)
    extra = data.sheet_of(pd.DataFrame({"a": [1], "y": [0]}), "part 2")
    assert first.add(extra).rows == 5


@settings(deadline=None, max_examples=50)
@given(arrays.arrays(np.float64, st.tuples(st.integers(2, 20), st.integers(1, 4)), elements=st.floats(-1e38, 1e38)))
def test_numbers_come_out_as_they_went_in(values):
    frame = pd.DataFrame(values, columns=[f"c{i}" for i in range(values.shape[1])]).assign(y=range(len(values)))
    sheet = data.sheet_of(frame)
    table = data.read_rows(sheet, data.learn_recipe(sheet, "y", task="regression"))
    np.testing.assert_array_equal(table.features, values)


WORDS = st.one_of(st.none(), st.sampled_from(["red", "deep blue", "Grün", 'a "b"', "x,y", "-", "1a"]))
MIXED = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(-1e30, 1e30)),
        st.integers(-(2**53), 2**53),
        st.one_of(st.none(), st.booleans()),
        WORDS,
        st.integers(0, 2),
    ),
    min_size=3,
    max_size=15,
)


@settings(deadline=None, max_examples=60)
@given(MIXED)
def test_csv_and_parquet_of_one_frame_are_one_table(tmp_path_factory, rows):
    frame = pd.DataFrame(rows, columns=list("fibty"))
    frame = frame.astype({"f": float, "b": "boolean", "t": "string"})
    folder = tmp_path_factory.mktemp("t")
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_parquet(folder / "t.parquet", index=False)
    options = {"task": "classification", "missing": "impute", "text": "one-hot"}
    what = [
        refusal(read, path, **options)
        for read, path in ((data.read_csv, folder / "t.csv"), (data.read_parquet, folder / "t.parquet"))
    ]
    if any(what):
        assert what[0].partition("\n")[0] == what[1].partition("\n")[0]
        return
    csv = data.read_csv(folder / "t.csv", "y", **options)
    typed = data.read_parquet(folder / "t.parquet", "y", **options)
    assert csv.recipe == typed.recipe
    np.testing.assert_array_equal(csv.features, typed.features)
    np.testing.assert_array_equal(csv.target, typed.target)
    known = frame["t"].dropna()
    np.testing.assert_array_equal(csv.features[:, 0], frame["f"])
    assert csv.recipe.columns[3].categories == tuple(sorted(set(known)))


def refusal(read, path, **options):
    """What it says without the file's name; nothing where it reads the table."""
    try:
        read(path, "y", **options)
    except DataError as error:
        return str(error).replace(str(path), "")
    return ""


def test_a_data_frame_is_read_as_its_csv_file_is(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    one = data.from_frame(FRAME, "bought", auto=True)
    other = data.read_csv(tmp_path / "t.csv", "bought", auto=True)
    assert one.recipe == other.recipe
    np.testing.assert_array_equal(one.features, other.features)
    with pytest.raises(DataError, match=r"the table: it is list, not a table\n  fix: give a pyarrow Table"):
        data.from_frame([[1, 2]], "bought")
