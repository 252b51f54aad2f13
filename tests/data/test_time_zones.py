"""Times that name a zone and times that name none are never taken for each other; the oracle is pandas."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reseau import data
from reseau.data.table.recipe import Recipe
from tools.refusals import refused

LOCAL = pd.date_range("2024-01-05 03:10", periods=60, freq="37h")
PARIS = LOCAL.tz_localize("Europe/Paris")
DAYS = LOCAL.strftime("%Y-%m-%d")

ZONED = {
    "offsets": PARIS.map(lambda when: when.isoformat()),
    "UTC": PARIS.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ"),
    "New York": PARIS.tz_convert("America/New_York").map(lambda when: when.isoformat(" ")),
    "typed": PARIS,
    "typed in UTC": PARIS.tz_convert("UTC"),
}
BARE = {"texts": LOCAL.strftime("%Y-%m-%d %H:%M:%S"), "typed": LOCAL, "typed in ns": LOCAL.astype("datetime64[ns]")}


def sheet_of(cells):
    """A table of a column of these cells and a target."""
    return data.sheet_of(pd.DataFrame({"t": cells, "y": np.arange(len(cells)) % 2}))


def learned(cells):
    """What is remembered of a table of these cells, as it is read from a model file."""
    return Recipe.from_json(data.learn_recipe(sheet_of(cells), "y").to_json())


def parts(table):
    return dict(zip([c.part for c in table.recipe.columns], table.features.T, strict=True))


@pytest.mark.parametrize("trained", ZONED)
@pytest.mark.parametrize("new", ZONED)
def test_one_instant_is_the_same_numbers_in_every_zone(trained, new):
    found = parts(data.read_rows(sheet_of(ZONED[new]), learned(ZONED[trained]), target=False))
    utc = PARIS.tz_convert("UTC")
    np.testing.assert_allclose(found["hour"], utc.hour + utc.minute / 60)
    np.testing.assert_array_equal(found["weekday"], utc.day_of_week)
    np.testing.assert_array_equal(found["month"], utc.month)


@pytest.mark.parametrize("zoned", ZONED)
@pytest.mark.parametrize("bare", BARE)
def test_a_time_with_a_zone_and_one_without_are_refused_for_each_other_and_the_cures_work(zoned, bare):
    recipe = learned(ZONED[zoned])
    message = refused(data.read_rows, sheet_of(BARE[bare]), recipe, target=False)
    assert "column 't', row 1: '2024-01-05" in message
    assert "names no time zone, and the training rows do" in message
    cured = [f"{cell}+01:00" for cell in BARE["texts"]]
    np.testing.assert_allclose(
        parts(data.read_rows(sheet_of(cured), recipe, target=False))["hour"], (LOCAL.hour + LOCAL.minute / 60 - 1) % 24
    )
    recipe = learned(BARE[bare])
    message = refused(data.read_rows, sheet_of(ZONED[zoned]), recipe, target=False)
    assert "names a time zone, and the training rows name none" in message
    cured = PARIS.tz_localize(None)
    np.testing.assert_allclose(
        parts(data.read_rows(sheet_of(cured), recipe, target=False))["hour"], LOCAL.hour + LOCAL.minute / 60
    )


@pytest.mark.parametrize("cells", [ZONED["offsets"], ZONED["typed"], BARE["texts"], BARE["typed"]])
def test_days_without_a_time_of_day_are_read_beside_both(cells):
    for days in (DAYS, LOCAL.normalize(), pa.array(LOCAL.date)):
        sheet = data.sheet_of(pa.table({"t": pa.array(days) if isinstance(days, pd.Index) else days, "y": [0, 1] * 30}))
        found = parts(data.read_rows(sheet, learned(cells), target=False))
        np.testing.assert_array_equal(found["month"], LOCAL.month)
        np.testing.assert_array_equal(found["hour"], 0)


@pytest.mark.parametrize("most", ["zoned", "bare"])
def test_a_column_of_both_is_asked_about_and_blank_where_the_usual_decision_is_taken(tmp_path, most):
    odd, even = (BARE["texts"], ZONED["UTC"]) if most == "zoned" else (ZONED["UTC"], BARE["texts"])
    cells = [odd[i] if i % 5 == 0 else even[i] for i in range(60)]
    pd.DataFrame({"t": cells, "y": np.arange(60) % 2}).to_csv(tmp_path / "t.csv", index=False)
    kind = "with its time zone" if most == "zoned" else "without a time zone"
    assert f"line 2: {cells[0]!r} is not a date {kind}, as most of the column is" in refused(
        data.read_csv, tmp_path / "t.csv", "y"
    )
    table = data.read_csv(tmp_path / "t.csv", "y", auto=True)
    np.testing.assert_array_equal(np.isnan(parts(table)["hour"]), np.arange(60) % 5 == 0)
    assert any("and 11 other cells cannot be read: blank" in note for note in table.recipe.notes)


def test_a_day_behind_a_month_and_a_zone_is_still_asked(tmp_path):
    cells = [f"0{1 + i % 9}/0{1 + i % 7}/2024 10:00:00 UTC" for i in range(40)]
    pd.DataFrame({"t": cells, "y": np.arange(40) % 2}).to_csv(tmp_path / "t.csv", index=False)
    assert "could be either of two dates" in refused(data.read_csv, tmp_path / "t.csv", "y")
    for dates, pattern in (("dmy", "%d/%m/%Y %H:%M:%S UTC"), ("mdy", "%m/%d/%Y %H:%M:%S UTC")):
        found = parts(data.read_csv(tmp_path / "t.csv", "y", dates=dates))
        np.testing.assert_array_equal(found["month"], pd.to_datetime(cells, format=pattern).month)


def test_parts_of_a_table_that_differ_in_their_zone_are_refused(tmp_path):
    for name, cells in (("a", LOCAL), ("b", PARIS)):
        table = pa.table({"t": pa.Array.from_pandas(cells), "y": np.arange(60) % 2})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    rows = data.stream(tmp_path, target="y")
    assert "is not a date without a time zone" in refused(lambda: rows.recipe)
