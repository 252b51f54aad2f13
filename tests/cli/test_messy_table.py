"""A messy file goes from train to an exported, certified model by the commands alone, as docs/tables.md says."""

import csv
import io
import json
import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

QUICK = ("--epochs", 20, "--hidden", 8, "--learning-rate", 0.01)


@pytest.fixture
def files(own_folder):
    rng = np.random.default_rng(5)
    lines = ["order;placed;city;weight;distance;express;note;carrier;price"]
    for i in range(260):
        weight, distance, express = rng.gamma(2, 3), int(rng.integers(5, 900)), rng.random() < 0.3
        price = 4 + 1.1 * weight + 0.02 * distance + 6 * express + rng.normal(0, 1)
        cells = [
            *(f"R{10000 + 7 * i}", f"{date(2024, 1, 3) + timedelta(int(rng.integers(0, 700))):%d.%m.%Y}"),
            *("" if i % 30 == 5 else str(rng.choice(["Lyon", "Paris"])), f"{weight:.1f} kg".replace(".", ",")),
            *("n/a" if i % 40 == 7 else f"{distance} km", "yes" if express else "no"),
            *(f"call {i} at gate {i + 3}", "DHX", "" if i % 100 == 9 else f"{price:.2f} €".replace(".", ",")),
        ]
        lines.append(";".join(cells))
    Path("orders.csv").write_text("\n".join(lines[:211]) + "\n")
    Path("new-orders.csv").write_text("\n".join([lines[0], *(x for x in lines[211:] if not x.endswith(";"))]) + "\n")


@pytest.mark.usefixtures("drawn", "files")
def test_a_messy_file_becomes_a_certified_exported_model(reseau):
    told = reseau("train", "orders.csv", "--target", "price", *QUICK).err
    assert re.search(r"for \d+ reasons\n", told)
    assert "the target is blank" in told
    out = reseau("train", "orders.csv", "--target", "price", "--auto", "--key", "order", "--out", "price", *QUICK).out
    for said in (
        *("column 'order' is left out: it names the rows", "column 'note' is left out: names or free texts"),
        *("column 'placed' holds dates (day first)", "column 'weight' holds numbers in kg", "numbers in km"),
        *("column 'carrier' holds one text, 'DHX'", "interval: prediction ± "),
    ):
        assert said in out, said
    page = Path("price/report.md").read_text()
    for column, taken in (
        *(("carrier", "constant"), ("placed (month)", "date"), ("weight", "number"), ("city", "2 categories")),
        *(("order", "key"), ("note", "free text")),
    ):
        assert f"| {column} | {taken} |" in page
    assert re.search(r"\| all \| 21 \| \d+ \|", page)  # the half of the test part that is counted
    found = list(csv.DictReader(io.StringIO(reseau("predict", "price", "new-orders.csv", "--interval", "0.9").out)))
    assert [*found[0]] == ["order", "predicted price", "lower price", "upper price"]
    assert found[0]["order"].startswith("R1")
    lines = [line.partition(";")[2] for line in Path("new-orders.csv").read_text().splitlines()]
    Path("no-key.csv").write_text("\n".join(lines) + "\n")
    bare = reseau("predict", "price", "no-key.csv")
    assert "there is no column 'order', which named the rows" in bare.err
    assert bare.out.splitlines()[1] == f"{float(found[0]['predicted price']):.7g}"
    Path("other.csv").write_text("q\n1\n2\n")
    assert "column 'placed' is missing" in reseau("predict", "price", "other.csv").err
    assert "the share of predictions off by more than 3 is at most" in (
        reseau("certify", "price", "new-orders.csv", "--within", "3").out
    )
    assert reseau("convert", "price", "price.onnx").status == 0
    assert reseau("evaluate", "price", "new-orders.csv", "--report", "new.html").status == 0
    assert reseau("report", "price", "--interval", "0.95").status == 0
    assert json.loads(Path("price/report.json").read_text())["measures"]["R²"] > 0.5
