"""`reseau train`: what it writes, and that the model it writes takes raw data."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

import reseau as rs
from reseau import data
from tools import forked

FILES = [
    *("history.csv", "history.png", "model.safetensors", "network.svg", "report.html", "report.json", "report.md"),
    "test-outputs.safetensors",
    "training-rows.safetensors",
]
PICTURES = {"predictions.svg", "confusion.svg", "calibration.svg", "importance.svg"}  # those that fit what was learned


def files_of(folder):
    """What every run leaves."""
    return sorted(set(os.listdir(folder)) - PICTURES)


def houses(rows=200, blank=()):
    """A table whose price is a rule of area and city, in units of a hundred thousand."""
    generator = np.random.default_rng(0)
    area, city = generator.uniform(20, 200, rows), generator.choice(["Lyon", "Paris"], rows)
    price = 100_000 + 4_000 * area * (1 + (city == "Paris"))
    cells = [[f"{a:.1f}", c, f"{p:.0f}"] for a, c, p in zip(area, city, price, strict=True)]
    for i in blank:
        cells[i][0] = ""
    return "area,city,price\n" + "\n".join(",".join(c) for c in cells) + "\n"


def flowers(rows=120):
    """Two classes that one line separates."""
    x = np.random.default_rng(1).normal(size=(rows, 2))
    return "a,b,kind\n" + "".join(f"{a},{b},{'iris' if a + b > 0 else 'rose'}\n" for a, b in x)


def rows_of(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("drawn")
def test_digits_reach_97_percent_on_rows_that_were_held_out(reseau):
    result = reseau("train", "--dataset", "digits", "--hidden", 128, "--out", "run")

    assert result.status == 0
    assert "1294 rows to train on, 144 for validation, 359 for test" in result.out
    assert "one of 10 classes (0, 1, 2, 3, 4, 5, …), from 8 × 8 × 1 images: classification" in result.out
    accuracy = float(re.search(r"test accuracy: ([\d.]+) %", result.out)[1])
    assert accuracy >= 97
    assert files_of("run") == FILES
    assert sorted(os.listdir()) == ["run"]

    history = rows_of("run/history.csv")
    assert list(history[0]) == ["epoch", "loss", "validation_loss", "validation_accuracy"]
    assert [int(row["epoch"]) for row in history] == list(range(1, 99))
    assert float(history[-1]["loss"]) < float(history[0]["loss"])
    assert Path("run/network.svg").read_text(encoding="utf-8").startswith("<svg")
    assert Path("run/history.png").read_bytes()[:4] == b"\x89PNG"

    report = Path("run/report.md").read_text(encoding="utf-8")
    assert "| accuracy | " + f"{accuracy:.2f} %" in report
    assert "reseau train --dataset digits --hidden 128 --out run" in report
    assert "9,610 parameters" in report
    assert "| true \\ predicted | 0 | 1 |" in report
    assert "## Diagnosis" not in report

    check_the_model_takes_raw_pixels(reseau)
    check_evaluate_and_show(reseau)


def check_the_model_takes_raw_pixels(reseau):
    net, params = rs.load("run/model.safetensors")
    table = data.digits()
    scores = np.asarray(net(params, table.features))
    assert np.mean(scores.argmax(axis=1) == table.target) > 0.97

    result = reseau("predict", "run", "--dataset", "digits", "--out", "digits.csv")
    assert result.status == 0
    rows = rows_of("digits.csv")
    assert [row["predicted digit"] for row in rows] == [str(k) for k in scores.argmax(axis=1)]
    shares = np.array([[float(row[f"probability of {k}"]) for k in range(10)] for row in rows])
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert (shares.argmax(axis=1) == scores.argmax(axis=1)).all()


def check_evaluate_and_show(reseau):
    result = reseau("evaluate", "run/model.safetensors", "--dataset", "digits")
    assert result.status == 0
    assert result.out.startswith("digits: 1797 rows\nnote: 1438 of 1797 of these rows were trained on")
    shown = reseau("show", "run", "--draw", "again.svg")
    assert shown.status == 0
    assert "9,610 parameters" in shown.out
    assert Path("again.svg").read_text(encoding="utf-8") == Path("run/network.svg").read_text(encoding="utf-8")


def test_a_number_is_predicted_in_its_own_unit_from_raw_rows(reseau):
    Path("houses.csv").write_text(houses(blank=(3, 50)))
    options = ("--target", "price", "--text", "one-hot", "--missing", "impute", "--out", "run")
    result = reseau("train", "houses.csv", *options, "--hidden", "32", "--epochs", 150, "--learning-rate", 0.01)

    assert result.status == 0, result.err
    assert "Predict 'price', a number, from 2 columns: regression" in result.out
    assert float(re.search(r"test R²: ([\d.]+)", result.out)[1]) > 0.97
    rmse = float(re.search(r"test RMSE: ([\d.]+)", result.out)[1])
    assert 100 < rmse < 60_000

    Path("new.csv").write_text("city,area\nParis,100\nLyon,100\nParis,\n")
    predicted = reseau("predict", "run", "new.csv")
    assert predicted.status == 0
    head, paris, lyon, blank = predicted.out.split()[1:][-4:]
    assert head == "price"
    assert float(paris) == pytest.approx(900_000, rel=0.1)
    assert float(lyon) == pytest.approx(500_000, rel=0.1)
    assert float(blank) > 100_000

    evaluated = reseau("evaluate", "run", "houses.csv")
    assert "RMSE: " in evaluated.out


@pytest.mark.parametrize("loss", ["logistic", "hinge", "cross-entropy"])
def test_two_classes(reseau, loss):
    Path("flowers.csv").write_text(flowers())
    words = ("--loss", loss, "--epochs", 60, "--hidden", 8, "--learning-rate", 0.02, "--out", "r")
    result = reseau("train", "flowers.csv", "--target", "kind", *words)
    assert result.status == 0, result.err
    assert float(re.search(r"test accuracy: ([\d.]+) %", result.out)[1]) > 80

    predicted = reseau("predict", "r", "flowers.csv").out.splitlines()
    assert predicted[0] == "predicted kind" + ("" if loss == "hinge" else ",probability of iris,probability of rose")
    right = [p.split(",")[0] == f.rpartition(",")[2] for p, f in zip(predicted, flowers().splitlines(), strict=True)]
    assert sum(right[1:]) > 96
    assert reseau("evaluate", "r", "flowers.csv").status == 0


def test_every_option_of_the_network_and_of_training(reseau):
    Path("flowers.csv").write_text(flowers())
    common = ("train", "flowers.csv", "--target", "kind", "--epochs", 2, "--force", "--out", "r")
    for options in (
        ("--hidden", "8,4", "--activation", "gelu", "--dropout", 0.2, "--optimizer", "adamw"),
        ("--hidden", "0", "--optimizer", "sgd", "--momentum", 0.5, "--learning-rate", 0.1, "--l2", 0.01, "--l1", 0.001),
        ("--optimizer", "adagrad", "--validation", 0, "--test", "flowers.csv", "--batch", 7),
    ):
        result = reseau(*common, *options)
        assert result.status == 0, result.err
    assert re.search(r"test accuracy: .* of 120\)", result.out)


def test_early_stopping_is_told(reseau):
    Path("flowers.csv").write_text(flowers(60))
    words = ("--target", "kind", "--optimizer", "sgd", "--learning-rate", 2, "--patience", 2, "--epochs", 500)
    result = reseau("train", "flowers.csv", *words, "--out", "r")
    assert "2 brought no better validation loss." in result.out


def test_the_same_seed_gives_the_same_file(reseau):
    Path("flowers.csv").write_text(flowers())
    words = ("train", "flowers.csv", "--target", "kind", "--epochs", 3, "--dropout", 0.5, "--out")
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert reseau(*words, folder, "--seed", seed).status == 0
    a, b, c = (Path(folder, "model.safetensors").read_bytes() for folder in "abc")
    assert a == b != c


def idx(array):
    shape = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes((0, 0, 8, array.ndim)) + shape + array.astype(np.uint8).tobytes()


def test_an_mnist_folder_with_its_own_test_part(reseau):
    generator = np.random.default_rng(0)
    Path("mnist").mkdir()
    for stem, n in (("train", 80), ("t10k", 20)):
        labels = np.arange(n) % 2
        images = generator.integers(0, 100, (n, 6, 6)) + 150 * labels[:, None, None] * (np.arange(6) < 3)
        Path("mnist", f"{stem}-images-idx3-ubyte").write_bytes(idx(images))
        Path("mnist", f"{stem}-labels-idx1-ubyte").write_bytes(idx(labels))
    result = reseau("train", "mnist", "--conv", "4,4,4", "--hidden", 8, "--epochs", 40, "--learning-rate", 0.01)

    assert result.status == 0, result.err
    assert "72 rows to train on, 8 for validation, 20 for test" in result.out
    assert float(re.search(r"test accuracy: ([\d.]+) %", result.out)[1]) > 90
    assert "the folder's own test part" in Path("mnist-run/report.md").read_text(encoding="utf-8")
    assert reseau("evaluate", "mnist-run", "mnist").out.startswith("mnist (test part): 20 rows\n")


def test_npz_and_a_test_file(reseau):
    x = np.random.default_rng(0).normal(size=(60, 3))
    np.savez("all.npz", X=x, y=np.where(x[:, 0] > 0, "up", "down"))
    np.savez("more.npz", X=x[:7], y=np.where(x[:7, 0] > 0, "up", "down"))
    result = reseau("train", "all.npz", "--test", "more.npz", "--epochs", 2)

    assert result.status == 0, result.err
    assert "54 rows to train on, 6 for validation, 7 for test" in result.out
    np.savez("new.npz", X=x[:3])
    assert reseau("predict", "all-run", "new.npz").out.startswith("predicted y,probability of down,")


def test_without_matplotlib_there_is_no_picture(reseau, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.ticker"):
        monkeypatch.setitem(sys.modules, name, None)
    Path("flowers.csv").write_text(flowers())
    ran = reseau("train", "flowers.csv", "--target", "kind", "--epochs", 1, "--out", "r")
    assert ran.status == 0
    assert "no pictures: matplotlib is not installed (pip install 'reseau[plot]')" in ran.out
    assert files_of("r") == [name for name in FILES if name != "history.png"]
    again = reseau("show", "r", "--draw", "net.png")
    assert again.status == 2
    assert "fix: pip install 'reseau[plot]'" in again.err
    assert "layer" not in again.out
    assert "history.png" not in Path("r/report.md").read_text(encoding="utf-8")


def test_the_diagnosis_is_in_the_report(reseau):
    Path("flowers.csv").write_text(flowers())
    words = ("--learning-rate", 1, "--l2", 1, "--epochs", 30)
    result = reseau("train", "flowers.csv", "--target", "kind", *words, "--out", "r")
    assert result.status == 0, result.err
    assert "diagnosis: units that are zero on the whole batch" in result.out
    assert "## Diagnosis" in Path("r/report.md").read_text(encoding="utf-8")


def test_force_replaces_an_earlier_run_and_nothing_else(reseau, tree):
    Path("flowers.csv").write_text(flowers())
    words = ("train", "flowers.csv", "--target", "kind", "--epochs", 1, "--out", "r")
    assert reseau(*words).status == 0
    before = tree()
    refused = reseau(*words)
    assert (refused.status, tree()) == (2, before)
    assert "holds an earlier run\n  fix: --force" in refused.err

    assert reseau(*words, "--force", "--seed", 5).status == 0
    assert files_of("r") == FILES
    assert Path("r/model.safetensors").read_bytes() != before[Path("r/model.safetensors")]

    Path("link").symlink_to("r")
    assert reseau(*words[:-1], "link", "--force").status == 0
    assert Path("link").is_symlink()
    assert sorted(os.listdir()) == ["flowers.csv", "link", "r"]

    Path("r/thesis.tex").write_text("precious")
    before = tree()
    refused = reseau(*words, "--force")
    assert (refused.status, tree()) == (2, before)
    assert "holds other files, such as 'thesis.tex'" in refused.err


def test_a_failure_while_writing_leaves_the_earlier_run(reseau, tree, monkeypatch):
    Path("flowers.csv").write_text(flowers())
    words = ("train", "flowers.csv", "--target", "kind", "--epochs", 1, "--out", "r")
    assert reseau(*words).status == 0
    before = tree()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("reseau.cli.report.write_report", full)
        result = reseau(*words, "--force", "--seed", 1)
    after = tree()
    assert result.status == 2
    assert {path: data for path, data in after.items() if not path.parts[0].endswith(".partial")} == before
    assert "cannot be written: No space left on device" in result.err
    assert "reseau train --resume r goes on" in result.err
    assert reseau("train", "--resume", "r").status == 0  # what was learned is there, and only written down
    assert sorted(os.listdir()) == ["flowers.csv", "r"]


def test_a_run_that_diverges_says_so_and_writes_nothing(reseau, tree):
    Path("houses.csv").write_text(houses())
    before = tree()
    words = ("--target", "price", "--text", "one-hot", "--optimizer", "sgd", "--learning-rate", "1e20")
    result = reseau("train", "houses.csv", *words)
    assert (result.status, tree()) == (1, before)
    assert "reseau: training left the finite numbers in epoch 1" in result.err
    assert result.err.endswith("  fix: a smaller --learning-rate; nothing was written\n")


@pytest.mark.posix
def test_ctrl_c_keeps_what_was_learned():
    words = ["train", "--dataset", "digits", "--epochs", "1000000", "--out", "run"]
    process = forked.Popen([sys.executable, "-m", "reseau", *words], stdout=PIPE, stderr=PIPE, text=True)
    deadline = time.monotonic() + 60
    history = Path("run.partial/history.csv")
    while not (history.exists() and history.read_text().count("\n") > 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    if process.returncode == 130 and "no result was written" in err:
        pytest.skip("the machine was too slow: the signal came before training began")
    assert process.returncode == 130, err
    assert "Interrupted after" in out
    assert "reseau train --resume run goes on" in out
    assert files_of("run") == FILES
    assert sorted(os.listdir()) == ["run", "run.partial"]
    assert "what was learned is kept" in Path("run/report.md").read_text(encoding="utf-8")


def test_programs_are_kept_in_the_cache_folder(tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "RESEAU_COMPILE_CACHE"))}
    environment = kept | {"XDG_CACHE_HOME": str(tmp_path)}
    Path("flowers.csv").write_text(flowers())
    words = ["train", "flowers.csv", "--target", "kind", "--epochs", "1", "--out", "r"]
    subprocess.run([sys.executable, "-m", "reseau", *words], env=environment, check=True, capture_output=True)
    assert len(list((tmp_path / "reseau" / "programs").iterdir())) > 3
