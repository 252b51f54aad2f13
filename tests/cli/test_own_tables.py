"""Tables as people have them: asked at once, decided with a word, predicted beside their keys."""

import csv
import io
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tools import forked

QUICK = ("--epochs", 2, "--hidden", 4)


def orders(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "order": [f"{7 * i:05}" for i in range(rows)],
            "when": pd.date_range("2021-03-01 08:00", periods=rows, freq="17h").strftime("%d.%m.%Y %H:%M"),
            "price": [f"{x:,.2f} €".translate(str.maketrans(",.", ".,")) for x in rng.uniform(5, 5000, rows)],
            "city": rng.choice(["Lyon", "Paris", "Nice"], rows),
            "size": rng.uniform(1, 9, rows).round(2),
            "note": [f"call {i} before {i + 3}" for i in range(rows)],
        }
    )
    frame["paid"] = np.where((frame["size"] > 5) ^ (frame["city"] == "Nice"), "yes", "no")
    frame.loc[rng.random(rows) < 0.1, "size"] = np.nan
    frame.loc[3, "city"] = None
    return frame


def write_files():
    orders().to_csv("t.csv", index=False, sep=";")
    orders(30, 1).drop(columns="paid").to_csv("new.csv", index=False, sep=";")


@pytest.fixture
def files():
    write_files()


@pytest.mark.usefixtures("files")
def test_all_problems_are_told_at_once_and_the_cure_works(reseau, tree):
    before = tree()
    result = reseau("train", "t.csv", "--target", "paid", *QUICK)
    assert result.status == 2
    assert "t.csv: it cannot be read as it stands, for 3 reasons\n" in result.err
    for told in ("column 'city', line 5: the cell is blank", "column 'city', line 2: '", "column 'size', line"):
        assert f"\n    {told}" in result.err
    assert tree() == before
    cure = result.err.partition("fix: ")[2].partition(" (")[0].split()
    assert cure == ["--missing", "impute", "--text", "one-hot"]
    assert reseau("train", "t.csv", "--target", "paid", *QUICK, *cure).status == 0


def trained(reseau):
    write_files()
    result = reseau("train", "t.csv", "--target", "paid", "--auto", "--key", "order", "--out", "run", *QUICK)
    assert result.status == 0, result.err
    return result.out


@pytest.fixture
def run(begun):
    return begun(trained)


def test_auto_lists_what_it_decides(run):
    for line in (
        "column 'order' is left out: it names the rows",
        "column 'note' is left out: names or free texts, 120 different ones in 120 rows "
        "(--words note learns from the words that recur)",
        "column 'when' holds dates (day first): year, month, weekday, hour, days",
        "column 'price' holds numbers, written as 1.234,5",
        "column 'city' holds 3 different texts: one 0 or 1 each",
    ):
        assert line in run.splitlines()
    assert "column 'size' is blank or unreadable in " in run


def rows_of(out):
    return list(csv.DictReader(io.StringIO(out)))


@pytest.mark.usefixtures("run")
def test_predictions_stand_beside_their_keys_as_they_are_spelled(reseau):
    rows = rows_of(reseau("predict", "run", "new.csv").out)
    assert [row["order"] for row in rows] == [f"{7 * i:05}" for i in range(30)]
    assert [*rows[0]] == ["order", "predicted paid", "probability of no", "probability of yes"]
    other = rows_of(reseau("predict", "run", "new.csv", "--key", "city,price").out)
    assert [r["city"] for r in other] == orders(30, 1)["city"].fillna("").tolist()
    assert [r["price"] for r in other] == orders(30, 1)["price"].tolist()
    kept = rows_of(reseau("predict", "run", "new.csv", "--keep-columns", "--out", "-").out)
    assert [*kept[0]][:6] == ["order", "when", "price", "city", "size", "note"]
    assert [row["note"] for row in kept] == orders(30, 1)["note"].tolist()
    assert [row["predicted paid"] for row in kept] == [row["predicted paid"] for row in rows]
    assert "no column 'ordr' to write beside" in reseau("predict", "run", "new.csv", "--key", "ordr").err


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("command", ["evaluate", "certify"])
def test_every_command_says_what_is_strange_about_new_rows(reseau, command):
    frame = orders(30, 1)
    frame.loc[:4, "size"] = 1e9
    frame.loc[2, "city"] = "Oslo"
    frame.to_csv("strange.csv", index=False)
    result = reseau(command, "run", "strange.csv")
    assert result.status == 0
    assert "warning: column 'size': the number of 5 of 30 rows lies far outside training (" in result.err
    assert "warning: column 'city': the text of 1 of 30 rows did not occur in training" in result.err


@pytest.mark.usefixtures("run")
def test_absurd_values_are_clipped_and_counted(reseau):
    frame = orders(30, 1).drop(columns="paid")
    frame.loc[:4, "size"] = 1e9
    frame.loc[2, "city"] = "Oslo"
    frame.to_csv("far.csv", index=False)
    result = reseau("predict", "run", "far.csv")
    assert result.status == 0
    assert "warning: column 'size': the number of 5 of 30 rows lies far outside training (" in result.err
    assert "warning: column 'city': the text of 1 of 30 rows did not occur in training" in result.err
    shown = result.err.partition("clipped to ")[2].split()[2]
    frame.loc[:4, "size"] = float(shown)
    frame.to_csv("near.csv", index=False)
    near, far = (rows_of(reseau("predict", "run", name).out) for name in ("near.csv", "far.csv"))
    for a, b in zip(near, far, strict=True):
        assert float(a["probability of yes"]) == pytest.approx(float(b["probability of yes"]), abs=1e-3)


@pytest.mark.usefixtures("run")
def test_cells_that_cannot_be_read_are_named_and_are_blanks(reseau):
    frame = orders(30, 1)
    frame.loc[[2, 4], "size"] = np.nan
    frame.to_csv("blank.csv", index=False)
    frame["size"] = frame["size"].astype(object)
    frame.loc[[2, 4], "size"] = "unknown"
    frame.to_csv("strange.csv", index=False)
    for command in ("predict", "evaluate"):
        blank, strange = (reseau(command, "run", name) for name in ("blank.csv", "strange.csv"))
        assert strange.out.replace("strange", "blank") == blank.out
        said = "warning: column 'size': 'unknown' in line 4 and 1 other cell cannot be read: blank\n"
        assert strange.err.replace(said, "") == blank.err != strange.err
    frame["size"] = frame["size"].map(lambda x: f"{x}".replace(".", ","))
    frame.to_csv("other.csv", index=False)
    assert "is not a number" in reseau("predict", "run", "other.csv").err


def test_blanks_that_the_network_does_not_know(reseau):
    frame = pd.DataFrame({"id": range(40), "a": np.arange(40.0), "y": np.arange(40) % 2})
    frame.to_csv("t.csv", index=False)
    out = reseau("train", "t.csv", "--target", "y", "--out", "run", *QUICK).out
    assert "column 'id' is left out: an identifier, another number in each of 40 rows" in out
    frame.loc[[3, 5], "a"] = np.nan
    frame.drop(columns="y").to_csv("new.csv", index=False)
    message = reseau("predict", "run", "new.csv").err
    assert "column 'a', line 5: the cell is blank\n  fix: predict --missing impute" in message
    assert len(rows_of(reseau("predict", "run", "new.csv", "--missing", "impute").out)) == 40
    left = rows_of(reseau("predict", "run", "new.csv", "--missing", "drop", "--key", "id").out)
    assert [row["id"] for row in left] == [str(i) for i in range(40) if i not in (3, 5)]


def test_columns_are_chosen_left_out_and_named(reseau):
    pd.DataFrame({"a": np.arange(40) / 3, "b": 1, "c": "x y".split() * 20}).to_csv("t.csv", index=False, header=False)
    named = ("train", "t.csv", "--names", "a,b,c", "--no-header", "--target", "c", "--force", *QUICK)
    assert "from 2 columns" in reseau(*named, "--out", "run").out
    assert "from 1 columns" in reseau(*named, "--out", "run", "--drop", "b").out
    assert "from 1 columns" in reseau(*named, "--out", "run", "--columns", "a").out
    assert reseau("predict", "run", "t.csv", "--names", "a,b,c", "--no-header").status == 0
    assert "there is no column 'q' to leave out" in reseau(*named, "--drop", "q").err
    assert "there is no column 'q'\n  fix: --columns with" in reseau(*named, "--columns", "a,q").err


def test_a_header_of_years_and_the_advised_cures(reseau):
    rows = "".join(f"{i}.5,{i * 7 % 40}.25,{i % 2}\n" for i in range(40))
    Path("t.csv").write_text("2018,2019,2020\n" + rows)
    assert "fix: --header if they are names" in reseau("train", "t.csv", "--target", "2020", *QUICK).err
    assert "40 rows" not in reseau("train", "t.csv", "--target", "2020", "--header", "--validation", 0, *QUICK).err
    Path("t.csv").write_text("a\tb\ty\n" + rows.replace(",", "\t"))
    assert reseau("train", "t.csv", "--target", "y", "--delimiter", "tab", "--force", *QUICK).status == 0


def test_a_number_with_few_values_is_asked_about(reseau):
    Path("t.csv").write_text("a,y\n" + "".join(f"{i},{i % 4 / 2}\n" for i in range(60)))
    message = reseau("train", "t.csv", "--target", "y", *QUICK).err
    assert "the target 'y' has 4 different values, such as 0.5: classes, or a number?" in message
    for task in ("regression", "classification"):
        assert f"--task {task}" in message
        assert reseau("train", "t.csv", "--target", "y", "--task", task, "--force", *QUICK).status == 0


def test_many_texts_are_embedded_with_a_word(reseau):
    rng = np.random.default_rng(0)
    names = [f"product {k}" for k in rng.integers(0, 1200, 6000)]
    frame = pd.DataFrame({"product": names, "y": [int(name[-1]) % 2 for name in names]})
    frame.to_csv("t.csv", index=False)
    words = ("train", "t.csv", "--target", "y", "--text", "one-hot", "--batch", 256, "--out", "run", *QUICK)
    out = reseau(*words).out
    assert re.search(r"column 'product' holds 1[01]\d\d different texts: embedded", out)
    assert reseau("convert", "run", "net.onnx").status == 0
    frame.head(20).drop(columns="y").to_csv("new.csv", index=False)
    assert reseau("predict", "net.onnx", "new.csv").out == reseau("predict", "run", "new.csv").out


@pytest.mark.usefixtures("run")
def test_standard_input_and_output(reseau):
    command = [sys.executable, "-m", "reseau", "predict", "run", "-", "--out", "-"]
    piped = forked.run(command, input=Path("new.csv").read_bytes(), capture_output=True, check=True)
    assert piped.stdout.decode() == reseau("predict", "run", "new.csv").out
    assert len(piped.stdout.splitlines()) == 31


def test_json_lines_go_through_the_commands(reseau):
    frame = orders().drop(columns=["note"])
    frame.to_json("t.jsonl", orient="records", lines=True)
    assert (
        reseau("train", "t.jsonl", "--target", "paid", "--auto", "--key", "order", "--out", "run", *QUICK).status == 0
    )
    frame.drop(columns="paid").to_json("new.jsonl", orient="records", lines=True)
    rows = rows_of(reseau("predict", "run", "new.jsonl").out)
    assert [row["order"] for row in rows] == frame["order"].tolist()


def test_words_of_free_text_go_through_the_commands(reseau):
    rng = np.random.default_rng(0)
    told = rng.choice(["slow and broken", "fast", "fast and cheap"], 60)
    rows = [f'"{text}, said {i}",{"bad" if "slow" in text else "good"}' for i, text in enumerate(told)]
    rows[7] = rows[7].rpartition(",")[0] + ",odd"
    Path("t.csv").write_text("note,y\n" + "\n".join(rows) + "\n")
    refused = reseau("train", "t.csv", "--target", "y", *QUICK).err
    assert "no column is left to learn from" in refused
    cure = refused.partition("fix: ")[2].partition(" learns")[0].split()
    out = reseau("train", "t.csv", "--target", "y", *cure, "--out", "run", *QUICK).out
    assert "column 'note' holds free text: whether each of 5 words occurs in it" in out
    assert "class 'odd' has one row: it can be learned or measured, not both" in out
    Path("new.csv").write_text('note\nslow\nfast\n""\nunheard of\n')
    predicted = reseau("predict", "run", "new.csv")
    assert len(rows_of(predicted.out)) == 4, predicted.err
    assert reseau("convert", "run", "net.onnx").status == 0
    assert reseau("predict", "net.onnx", "new.csv").out == predicted.out
