"""Dates and times, against pandas: year, month, weekday, hour and the days since the first."""

import datetime

import numpy as np
import onnxruntime
import pandas as pd
import polars
import pyarrow as pa
import pytest

import reseau as rs
from reseau import data
from tools.refusals import refused

WHEN = pd.date_range("2019-11-28 09:30", periods=80, freq="31h")

FORMS = {
    "ISO": "%Y-%m-%d",
    "ISO with time": "%Y-%m-%dT%H:%M:%S",
    "SQL": "%Y-%m-%d %H:%M:%S.%f",
    "slashes": "%Y/%m/%d",
    "German": "%d.%m.%Y",
    "British": "%d/%m/%Y %H:%M",
    "American": "%m/%d/%Y %I:%M %p",
    "named": "%d %b %Y",
    "named in full": "%B %d, %Y",
    "named, dashes": "%b-%d-%Y",
    "two digits": "%d/%m/%y",
    "zone": "%Y-%m-%d %H:%M:%S+02:00",
}


@pytest.mark.parametrize("form", FORMS)
def test_dates_in_texts_become_numbers(tmp_path, form):
    pd.DataFrame({"t": WHEN.strftime(FORMS[form]), "y": np.arange(80) % 2}).to_csv(tmp_path / "t.csv", index=False)
    table = data.read_csv(tmp_path / "t.csv", "y")
    expected = pd.to_datetime(pd.Series(WHEN.strftime(FORMS[form])), format=FORMS[form])
    check(table, expected - pd.Timedelta(hours=2) if form == "zone" else expected)


def read_in_turn(tmp_path, name, cells, rows, **settings):
    """A table with a column of three cells, one after another."""
    lines = (f"{cells[i % 3]};{i};{i % 2}\n" for i in range(rows))
    (tmp_path / "t.csv").write_text(f"{name};n;y\n" + "".join(lines))
    return data.read_csv(tmp_path / "t.csv", "y", **settings)


def check(table, when):
    """The features are the parts of the dates, and the recipe says what they are."""
    parts = dict(zip([c.part for c in table.recipe.columns], table.features.T, strict=True))
    np.testing.assert_array_equal(parts["year"], when.dt.year)
    np.testing.assert_array_equal(parts["month"], when.dt.month)
    np.testing.assert_array_equal(parts["weekday"], when.dt.day_of_week)
    days = (when - when.min().normalize()) / pd.Timedelta(days=1)
    np.testing.assert_allclose(parts["days"], days, atol=1e-9)
    clock = (when - when.dt.normalize()) / pd.Timedelta(hours=1)
    if clock.any():
        np.testing.assert_allclose(parts["hour"], clock, atol=1e-9)
    else:
        assert "hour" not in parts
    assert {c.kind for c in table.recipe.columns} == {"date"}
    assert {c.source for c in table.recipe.columns} == {"t"}


TYPED = {
    "pandas": lambda y: pd.DataFrame({"t": WHEN, "y": y}),
    "pandas in nanoseconds": lambda y: pd.DataFrame({"t": WHEN.astype("datetime64[ns]"), "y": y}),
    "pandas in a zone": lambda y: pd.DataFrame({"t": WHEN.tz_localize("Asia/Tokyo"), "y": y}),
    "pyarrow": lambda y: pa.table({"t": pa.array(WHEN.to_pydatetime(), pa.timestamp("ms")), "y": y}),
    "polars": lambda y: polars.DataFrame({"t": WHEN.to_pydatetime().tolist(), "y": y}),
}


@pytest.mark.parametrize("kind", TYPED)
def test_columns_of_dates_become_the_same_numbers(kind):
    sheet = data.sheet_of(TYPED[kind](np.arange(80) % 2))
    table = data.read_rows(sheet, data.learn_recipe(sheet, "y"))
    when = pd.Series(WHEN)
    check(table, when - pd.Timedelta(hours=9) if "zone" in kind else when)


def test_times_of_day_and_durations(tmp_path):
    clock = [datetime.time(i % 24, 30) for i in range(60)]
    table = pa.table({"c": clock, "d": [datetime.timedelta(hours=6 * i) for i in range(60)], "y": np.arange(60) % 2})
    sheet = data.sheet_of(table)
    found = data.read_rows(sheet, data.learn_recipe(sheet, "y"))
    np.testing.assert_array_equal(found.features, [[i % 24 + 0.5, i / 4] for i in range(60)])
    (tmp_path / "t.csv").write_text("c,y\n" + "".join(f"{c:%H:%M},{i % 2}\n" for i, c in enumerate(clock)))
    texts = data.read_csv(tmp_path / "t.csv", "y")
    np.testing.assert_array_equal(texts.features[:, 0], found.features[:, 0])


@pytest.mark.parametrize("spelling", [str, lambda lasted: str(lasted.to_pytimedelta())], ids=["pandas", "Python"])
def test_durations_of_days_and_hours_as_programs_write_them(tmp_path, spelling):
    lasted = pd.to_timedelta(np.arange(-40, 60) * 4000.5, unit="s")
    pd.DataFrame({"t": map(spelling, lasted), "y": np.arange(100) % 2}).to_csv(tmp_path / "t.csv", index=False)
    table = data.read_csv(tmp_path / "t.csv", "y")
    np.testing.assert_allclose(table.features[:, 0], lasted.total_seconds() / 3600, atol=1e-9)
    assert data.read_csv(tmp_path / "t.csv", "t").target.shape == (100,)


def test_a_day_that_could_be_a_month_is_asked_and_the_cures_work(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("t,y\n" + "".join(f"0{1 + i % 9}/0{1 + i % 7}/2020,{i % 2}\n" for i in range(40)))
    message = refused(data.read_csv, path, "y")
    assert "column 't', line 2: '01/01/2020' could be either of two dates" in message
    months = [c.part for c in data.read_csv(path, "y", dates="dmy").recipe.columns].index("month")
    assert data.read_csv(path, "y", dates="dmy").features[8, months] == 1 + 8 % 7
    assert data.read_csv(path, "y", dates="mdy").features[8, months] == 1 + 8 % 9
    clear = path.read_text() + "25/02/2020,1\n"
    path.write_text(clear)
    assert data.read_csv(path, "y").features[-1, months] == 2


@pytest.mark.parametrize("pattern", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y 10:00:00", "%m/%d/%Y 10:00:00Z"])
def test_one_day_of_each_month_of_several_years_shows_which_number_is_the_month(tmp_path, pattern):
    when = pd.date_range("2019-11-01", periods=40, freq="MS")
    pd.DataFrame({"t": when.strftime(pattern), "y": np.arange(40) % 2}).to_csv(tmp_path / "t.csv", index=False)
    for auto in (False, True):
        table = data.read_csv(tmp_path / "t.csv", "y", auto=auto)
        months = [c.part for c in table.recipe.columns].index("month")
        np.testing.assert_array_equal(table.features[:, months], when.month)
        assert not table.recipe.notes


def test_the_usual_decision_on_dates_that_could_be_two_is_told_and_its_cure_works(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("t,y\n" + "".join(f"0{1 + i % 9}/0{1 + i % 7}/2020,{i % 2}\n" for i in range(40)))
    table = data.read_csv(path, "y", auto=True)
    assert table.recipe.notes == (
        "column 't': '01/01/2020' in line 2 could be either of two dates: day first; --dates mdy (dates='mdy') if not",
    )
    months = [c.part for c in table.recipe.columns].index("month")
    assert table.features[8, months] == 1 + 8 % 7
    told = data.read_csv(path, "y", auto=True, dates="mdy")
    assert told.features[8, months] == 1 + 8 % 9
    assert not told.recipe.notes


def test_a_cell_that_is_no_date_is_told_and_blanks_are_blanks(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"2020-01-{1 + i % 28:02}" for i in range(40)]
    rows[5] = "2020-02-30"
    path.write_text("t,y\n" + "".join(f"{c},{i % 2}\n" for i, c in enumerate(rows)))
    assert "column 't', line 7: '2020-02-30' is not a date, as most of the column is" in refused(
        data.read_csv, path, "y"
    )
    path.write_text(path.read_text().replace("2020-02-30", ""))
    table = data.read_csv(path, "y", missing="impute")
    assert np.isnan(table.features[5]).all()
    assert table.recipe.columns[0].blanks == 1
    _, h = data.preprocess(table.recipe)
    assert h.shape[1] == len(table.recipe.columns) + 1  # one feature says that the date is blank
    assert "holds dates" in refused(data.read_csv, path, "t", missing="drop")


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_dates_go_where_the_network_goes(tmp_path, suffix):
    frame = pd.DataFrame({"t": WHEN, "a": np.arange(80.0), "y": np.arange(80) % 2})
    sheet = data.sheet_of(frame)
    table = data.read_rows(sheet, data.learn_recipe(sheet, "y"))
    x, h = data.preprocess(table.recipe)
    net = rs.Network(x, rs.affine(h, 2))
    params = net.init()
    path = tmp_path / f"net{suffix}"
    net.save(path, params, recipe=table.recipe)
    again, theirs = rs.load(path)
    assert rs.load_recipe(path) == table.recipe
    frame.drop(columns="y").to_csv(tmp_path / "new.csv", index=False)
    new = data.read_rows(data.read_sheet(tmp_path / "new.csv"), rs.load_recipe(path), target=False)
    np.testing.assert_array_equal(new.features, table.features)
    np.testing.assert_allclose(again(theirs, new.features), net(params, table.features), rtol=1e-6)
    if suffix == ".onnx":
        session = onnxruntime.InferenceSession(path)
        fed = dict(
            zip([i.name for i in session.get_inputs()], new.features.T.astype(np.float32)[..., None], strict=True)
        )
        assert next(iter(fed)) == "t (year)"
        np.testing.assert_allclose(session.run(None, fed)[0], net(params, table.features), rtol=1e-4, atol=1e-4)


SAID = {
    "German": ["3. Januar 2022", "17. März 2022", "1. Dez 2023"],
    "French": ["3 janv. 2022", "17 mars 2022", "1er décembre 2023"],
    "Spanish": ["3 de enero de 2022", "17 de marzo de 2022", "1 de diciembre de 2023"],
    "Italian": ["3 gennaio 2022", "17 marzo 2022", "1 dicembre 2023"],
    "Excel": ["3-Jan-22", "17-Mar-22", "1-Dec-23"],
    "American": ["January 3rd, 2022", "Mar 17, 2022", "December 1st, 2023"],
    "a server": ["[03/Jan/2022:00:00:00 +0000]", "[17/Mar/2022:00:00:00 +0000]", "[01/Dec/2023:00:00:00 +0000]"],
    "digits": ["20220103", "20220317", "20231201"],
    "mail": ["Mon, 3 Jan 2022 00:00:00 +0000", "Thu, 17 Mar 2022 00:00:00 GMT", "Fri, 1 Dec 2023 00:00:00 UTC"],
    "a form in the web": [
        "2022/01/03 1:00:00 AM GMT+1",
        "2022/03/17 12:00:00 AM GMT+0",
        "2023/11/30 10:00:00 PM GMT-2",
    ],
    "a computer": ["Mon Jan  3 00:00:00 UTC 2022", "Thu Mar 17 01:00:00 CET 2022", "Thu Nov 30 19:00:00 EST 2023"],
    "Portuguese": ["3 de janeiro de 2022", "17 de março de 2022", "1 de dezembro de 2023"],
    "Dutch": ["3 januari 2022", "17 maart 2022", "1 december 2023"],
    "Russian": ["3 января 2022", "17 марта 2022", "1 декабря 2023"],
    "Polish": ["3 stycznia 2022", "17 marca 2022", "1 grudnia 2023"],
    "Japanese": ["2022年1月3日", "2022年3月17日", "2023年12月1日"],
    "with weekdays": ["Mo, 03.01.2022", "Do, 17.03.2022", "Fr, 01.12.2023"],
    "all of them": ["2022-01-03", "17.03.2022", "Dec 1, 2023"],
}


@pytest.mark.parametrize("how", SAID)
def test_dates_in_the_words_of_others(tmp_path, how):
    table = read_in_turn(tmp_path, "when", SAID[how], 12)
    assert table.names[:4] == tuple(f"when ({part})" for part in ("year", "month", "weekday", "days"))
    assert table.features[:3, :4].tolist() == [[2022, 1, 0, 0], [2022, 3, 3, 73], [2023, 12, 4, 697]]


COARSE = {
    "months": ["2022-01", "2022-03", "2023-12"],
    "slashes": ["01/2022", "03/2022", "12/2023"],
    "Excel": ["Jan-22", "Mar-22", "Dec-23"],
    "Brazil": ["jan/22", "mar/22", "dez/23"],
    "German": ["Januar 2022", "März 2022", "Dez. 2023"],
    "quarters": ["2022Q1", "2022-Q2", "2023 Q4"],
    "quarters first": ["Q1 2022", "Q2 2022", "Q4 2023"],
    "weeks": ["2022-W01", "2022-W11", "2023-W48"],
}
FIRST = {
    "quarters": ["2022-01-01", "2022-04-01", "2023-10-01"],
    "weeks": ["2022-01-03", "2022-03-14", "2023-11-27"],
}


@pytest.mark.parametrize("how", COARSE)
def test_months_quarters_and_weeks_are_their_first_day(tmp_path, how):
    table = read_in_turn(tmp_path, "when", COARSE[how], 12)
    first = pd.to_datetime(pd.Series(FIRST.get(how.split()[0], ["2022-01-01", "2022-03-01", "2023-12-01"])))
    assert table.names[:3] == tuple(f"when ({part})" for part in ("year", "month", "days"))
    expected = np.stack([first.dt.year, first.dt.month, (first - first[0]) / pd.Timedelta(days=1)], axis=1)
    np.testing.assert_array_equal(table.features[:3, :3], expected)
    assert (
        f"column 'when' holds {'quarters' if 'q' in how else 'weeks' if how == 'weeks' else 'months'}"
        in (table.recipe.decisions()[0])
    )


@pytest.mark.parametrize(
    "cells", [["14h30", "7h05", "23h59"], ["14.30 Uhr", "7.05 Uhr", "23.59 Uhr"], ["2pm", "7 am", "12 a.m."]]
)
def test_times_of_day_in_other_words(tmp_path, cells):
    hours = [14, 7, 0] if "pm" in cells[0] else [14.5, 7 + 5 / 60, 23 + 59 / 60]
    assert read_in_turn(tmp_path, "a", cells, 24).features[:3, 0] == pytest.approx(hours, abs=1e-12)


def test_a_range_of_times_is_no_time_with_a_zone(tmp_path):
    cells = ["10:30-12:00", "11:30-13:00", "9:30-14:00"]
    assert len(read_in_turn(tmp_path, "a", cells, 24, text="one-hot").recipe.columns[0].categories) == 3


def test_what_only_looks_like_a_month_is_none(tmp_path):
    for cells in (
        ["2010-11", "2011-12", "2012-13"],
        ["Mar 17", "Apr 3", "May 30"],
        ["Q1", "Q2", "Q3"],
        ["10-20", "<10", ">20"],
    ):
        assert len(read_in_turn(tmp_path, "a", cells, 24, text="one-hot").recipe.columns[0].categories) == 3
    (tmp_path / "t.csv").write_text("2022-01,2022-02,2022-03\n" + "".join(f"{i},{i % 7},{i % 2}\n" for i in range(24)))
    assert data.read_csv(tmp_path / "t.csv", "2022-03").names == ("2022-01", "2022-02")


def test_a_target_of_durations_is_a_number(tmp_path):
    lasted = [f"{i + 20}:{i % 60:02}:30" for i in range(30)]
    (tmp_path / "t.csv").write_text("n,y\n" + "".join(f"{i},{v}\n" for i, v in enumerate(lasted)))
    table = data.read_csv(tmp_path / "t.csv", "y")
    assert table.recipe.task == "regression"
    assert table.target[:2] == pytest.approx([20 + 30 / 3600, 21 + 1 / 60 + 30 / 3600], abs=1e-12)
