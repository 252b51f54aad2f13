"""Numbers with units beside them: units of one quantity are a number, others are asked about, names stay texts."""

import math

import numpy as np
import pandas as pd
import pytest

import reseau as rs
from reseau.data.table.units import number_and_unit
from tools.refusals import refused


def column(tmp_path, cells, target=None, **settings):
    path = tmp_path / "t.csv"
    cells = [*cells]
    y = target or [str(i % 7 + 0.5 * i) for i in range(len(cells))]
    path.write_text("w;y\n" + "".join(f"{c};{v}\n" for c, v in zip(cells, y, strict=True)))
    return rs.data.read_csv(path, "y", **{"task": "regression"} | settings)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["5 kg", "7,5 kg", "12 kg", "0,25 kg"], [5, 7.5, 12, 0.25]),
        (["12ms", "7.5ms", "1000ms", "3 ms"], [12, 7.5, 1000, 3]),
        (["36 months", "60 months", "12 months", "1 month"], [36, 60, 12, 1]),
        (["-5 °C", "21.5 °C", "+3 °C", "0°C"], [-5, 21.5, 3, 0]),
        (["110 km/h", "95 km/h", "50 km/h", "130 km/h"], [110, 95, 50, 130]),
        (["1.234,5 m²", "80,5 m²", "2.000,0 m²", "9,5 m^2"], [1234.5, 80.5, 2000, 9.5]),
        (["1 lb", "2 lbs", "3.5 lbs", "4 lb"], [1, 2, 3.5, 4]),
        (["4 doors", "2 doors", "5 doors", "3 doors"], [4, 2, 5, 3]),
    ],
)
def test_one_unit_is_a_column_of_numbers(tmp_path, cells, numbers):
    table = column(tmp_path, cells * 3)
    assert table.recipe.columns[0].kind == "number"
    assert table.features[:, 0].tolist() == numbers * 3
    unit = number_and_unit(cells[0]).unit
    shown = {"°c": "°C"}.get(unit, unit)
    assert f"column 'w' holds numbers in {shown}, written as 1" in table.recipe.decisions()[0]
    assert rs.data.Recipe.from_json(table.recipe.to_json()) == table.recipe


@pytest.mark.parametrize(
    ("cells", "units", "line"),
    [
        (["5 kg", "12 lb", "7 kg", "2 kg"], "kg, lb", 3),
        (["5 kg", "300 g", "7", "2 kg"], "g, kg, and none", 3),
        (["5 kg", "7 kg", "3", "2 kg"], "kg, and none", 2),
        (["12 m", "3 min", "4 m", "5 m"], "m, min", 3),
        (["2 gb", "512 mb", "4 gb", "1 gb"], "gb, mb", 3),  # of bits or of bytes
        (["5 MW", "7 MW", "300 mW", "2 MW"], "MW, mW", 4),
    ],
)
@pytest.mark.parametrize("auto", [False, True])
def test_several_units_are_asked_about_with_their_place(tmp_path, cells, units, line, auto):
    said = refused(column, tmp_path, cells * 3, auto=auto, text="one-hot")
    assert f"numbers in different units ({units})" in said
    assert f"column 'w', line {line}" in said
    assert "give the column in one unit" in said
    target = refused(column, tmp_path, ["1", "2", "3", "4"] * 3, target=cells * 3, auto=auto, task="auto")
    assert f"({units})" in target


def test_units_that_stand_for_one_quantity_together_are_numbers(tmp_path):
    for cells, numbers in (
        (["$350K", "$1.2M", "$900", "$2B"], [350e3, 1.2e6, 900, 2e9]),
        (["48.9° N", "33.5° S", "0.5 N", "12° S"], [48.9, -33.5, 0.5, -12]),
        (["12.5E", "170.25W", "3 E", "7° W"], [12.5, -170.25, 3, -7]),
        (["5 kg", "300 g", "1,5 t", "20mg"], [5, 0.3, 1500, 2e-5]),
        (["3 lbs", "8 oz", "1.5 lb", "4 oz"], [3, 0.5, 1.5, 0.25]),
        (["1.5 km", "300 m", "20 cm", "5mm"], [1500, 300, 0.2, 0.005]),
        (["1.5 L", "500 ml", "33 cl", "2l"], [1.5, 0.5, 0.33, 2]),
        (["1.2 s", "350 ms", "20µs", "3 seconds"], [1.2, 0.35, 2e-5, 3]),
        (["2GB", "512 MB", "1.5 TB", "100 KB"], [2000, 512, 1.5e6, 0.1]),
        (["5 kW", "300 W", "1.2 MW", "7 kW"], [5, 0.3, 1200, 7]),
        (["5 kWh", "300 Wh", "1.2 MWh", "7 kWh"], [5, 0.3, 1200, 7]),
        (["2.4 GHz", "900 MHz", "32 kHz", "50 Hz"], [2400, 900, 0.032, 5e-5]),
        (["5 V", "300 mV", "1.2 kV", "7 V"], [5, 0.3, 1200, 7]),
        (["5 A", "300 mA", "1.2 A", "7 mA"], [5, 0.3, 1.2, 0.007]),
        (["1 bar", "1013 hPa", "300 kPa", "12 mbar"], [100, 101.3, 300, 1.2]),
        (["1:30:00", "26:00:00", "0:45:00", "100:15:00"], [1.5, 26, 0.75, 100.25]),
        (["59:48", "1:02:03", "48:00", "1:30:00"], [59.8, 62.05, 48, 90]),
        (["5:12 min/km", "6:30 min/km", "4:45 min/km", "5:00 min/km"], [5.2, 6.5, 4.75, 5]),
        (["2h 30m", "19h", "45m", "1h 6m"], [2.5, 19, 0.75, 1.1]),
        (["1 Tag 6 Std.", "2 Tage", "3 Stunden", "30 min"], [30, 48, 3, 0.5]),
        (["90 s", "2 min", "1 min 30 s", "1 h"], [0.025, 1 / 30, 0.025, 1]),
        (["5'6\"", "6'0\"", "5' 9''", "6 ft 3 in"], [5.5, 6, 5.75, 6.25]),
        (["48°30'N", "3°15'S", "0°45'N", "12°0'S"], [48.5, -3.25, 0.75, -12]),
        (["48°30′36″N", "3°15′N", "0°45′N", "12° 6.0' N"], [48.51, 3.25, 0.75, 12.1]),
        (["48°30′36″", "3°15′", "0°45′", "12°"], [48.51, 3.25, 0.75, 12]),
        (["1,244.50 CR", "12.00 DR", "3.25 CR", "1.00 DR"], [1244.5, -12, 3.25, -1]),
        (["1.244,50 H", "12,00 S", "3,25 H", "1,00 S"], [1244.5, -12, 3.25, -1]),
        (["(1997)", "(2003)", "(1984)", "(2011)"], [1997, 2003, 1984, 2011]),
        (["7.5/10", "9/10", "10/10", "0.5/10"], [7.5, 9, 10, 0.5]),
        (["4.2 out of 5", "3 of 5", "1.5 / 5", "5 of 5"], [4.2, 3, 1.5, 5]),
        (["4,2 von 5 Sternen", "3,0 von 5 Sternen", "1,5 von 5 Sternen", "5 von 5 Sternen"], [4.2, 3, 1.5, 5]),
        (["€ 55,-", "€ 1.200,-", "€ 7,50", "€ 3,–"], [55, 1200, 7.5, 3]),
        (["31 кг", "7,5 кг", "100 кг", "1 кг"], [31, 7.5, 100, 1]),
        (["84歳", "7歳", "30歳", "1歳"], [84, 7, 30, 1]),
        (["۱۲٫۵ kg", "۱٬۲۳۴٫۵ kg", "۷ kg", "۰٫۲۵ kg"], [12.5, 1234.5, 7, 0.25]),
    ):
        quoted = [f'"{c.replace(chr(34), chr(34) * 2)}"' for c in cells * 3]
        assert column(tmp_path, quoted).features[:4, 0] == pytest.approx(numbers, abs=1e-12), cells


def test_what_only_looks_like_a_quantity_of_several_parts_is_none(tmp_path):
    for cells in (["3/4 inch", "1/2 inch", "5/8 inch"], ["120/80", "130/85", "140/90"], ["2 d", "3D", "b"]):
        assert len(column(tmp_path, cells * 8, text="one-hot").recipe.columns[0].categories) == 3
    accounts = column(tmp_path, ["(1,997)", "2,003", "(12)", "5"] * 3)
    assert accounts.features[:4, 0].tolist() == [-1997, 2003, -12, 5]


def test_minutes_that_may_be_hours_are_asked_about(tmp_path):
    for auto in (False, True):
        said = refused(column, tmp_path, ["1:02:03", "5:12", "0:59:30"] * 8, auto=auto)
        assert "column 'w', line 3: '5:12': hours and minutes, or minutes and seconds? Others have three parts" in said
        assert "0:05:12, or leave the column out with --drop" in said
    clear = column(tmp_path, ["1:02:03", "0:05:12", "0:59:30"] * 8)
    assert clear.features[1, 0] == pytest.approx(5 / 60 + 12 / 3600, abs=1e-12)


def test_a_target_with_a_unit_is_a_number(tmp_path):
    cells = [f"{3 * i % 50 + 0.5} kg" for i in range(60)]
    table = column(tmp_path, range(60), target=cells, task="auto")
    assert table.classes == ()
    assert table.target[:3].tolist() == [0.5, 3.5, 6.5]


def test_another_unit_than_that_of_training_is_refused_and_not_read(tmp_path):
    recipe = column(tmp_path, ["5 kg", "7.5 kg", "12 kg", "1 kg"] * 3).recipe
    new = tmp_path / "new.csv"
    for cell in ("300 g", "heavy"):
        new.write_text(f"w;y\n{cell};1\n")
        said = refused(rs.data.read_rows, rs.data.read_sheet(new, delimiter=";"), recipe, target=False)
        assert "is not a number in the notation" in said
    new.write_text("w;y\n6.5kg;1\n")
    assert rs.data.read_rows(rs.data.read_sheet(new, delimiter=";"), recipe, target=False).features.tolist() == [[6.5]]


def test_a_stray_cell_among_units_is_told(tmp_path):
    said = refused(column, tmp_path, ["5 kg", "7 kg", "12 kg"] * 8 + ["heavy"], text="one-hot")
    assert "line 26: 'heavy' is not a number, as most of the column is" in said
    table = column(tmp_path, ["5 kg", "7 kg", "12 kg"] * 8 + ["heavy"], auto=True)
    assert math.isnan(table.features[24, 0])


@pytest.mark.parametrize(
    "cells",
    [
        ["1st floor", "2nd floor", "3rd floor"],
        ["4WD", "2WD", "AWD"],
        ["3D", "2D", "1D"],
        ["12 rue Hoche", "3 place Foch", "7 quai Sud"],
        ["10+ years", "< 1 year", "n/a yet"],
        ["9 am or so", "3 pm", "noon"],
        ["B12", "C3", "A1"],
    ],
)
def test_names_with_digits_stay_texts(tmp_path, cells):
    table = column(tmp_path, cells * 8, text="one-hot")
    assert len(table.recipe.columns[0].categories) == 3


def test_frames_with_units_are_read_alike():
    frame = pd.DataFrame({"w": ["5 kg", "7.5 kg", None, "1 kg"] * 5, "y": np.arange(20.0)})
    sheet = rs.data.sheet_of(frame)
    recipe = rs.data.learn_recipe(sheet, "y", missing="impute")
    values = rs.data.read_rows(sheet, recipe).features[:4, 0]
    np.testing.assert_array_equal(values, [5, 7.5, np.nan, 1])
