"""`reseau train` of a table where nothing is chosen, with `--time` and with `--tune`."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

import reseau as rs
from reseau.cli import main, train, train_table
from reseau.cli.partial_folder import is_of_one_network
from reseau.cli.report import read_history
from reseau.cli.write_run import in_units
from reseau.tabular import TableSettings, fit_table, table_fit, table_task


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    a, b, kind = rng.standard_normal(120), rng.standard_normal(120), rng.integers(0, 3, 120)
    lines = ["a,b,kind,y", *(f"{x},{z},{'uvw'[k]},{x * (k - 1) + z}" for x, z, k in zip(a, b, kind, strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture(autouse=True)
def quick_settings(monkeypatch):
    """Smaller networks than the default's, so that a run takes a few seconds."""
    quick = TableSettings(members=2, epochs=16, held_out=0.2, batch=64, hidden=(16,))
    monkeypatch.setattr(table_fit, "settings_for", lambda rows, classes, work, seconds: quick)


def test_a_table_is_trained_measured_and_predicted_without_a_setting(table, capsys):
    assert main(["train", "t.csv", "--target", "y", "--text", "one-hot", "--out", "run"]) == 0
    told = capsys.readouterr().out
    assert "2 members of hidden layers 16, 16 epochs each at most, in one network" in told
    assert "96 rows to train on, 24 for test" in told
    assert "R²" in told
    written = {p.name for p in (table / "run").iterdir()}
    assert {"model.safetensors", "history.csv", "report.md", "network.svg"} <= written
    assert len((table / "run" / "history.csv").read_text().splitlines()) <= 33
    history = read_history(table / "run" / "history.csv")
    assert (history["validation_RMSE"] >= history["validation_MAE"]).all()
    assert history["validation_R2"][-1] > 0.5
    assert main(["predict", "run", "t.csv", "--out", "p.csv"]) == 0
    assert len((table / "p.csv").read_text().splitlines()) == 121
    assert main(["convert", "run", "m.onnx"]) == 0
    assert main(["show", "run"]) == 0


def test_each_epoch_is_measured_on_the_rows_that_its_member_holds_out(table):
    rows = rs.data.read_rows(
        sheet := rs.data.read_sheet("t.csv", columns=("a", "b", "y")), rs.data.learn_recipe(sheet, "y")
    )
    found = fit_table(rows.fitted(), settings=TableSettings(2, 16, 0.2, 64, (16,)), progress=False)
    run = train_table._spread(found, rows.target)
    first = len(found.members[0].history["epoch"])
    assert len(run) == first + len(found.members[1].history["epoch"])
    assert run[0] == pytest.approx(rows.target[found.held_out[0]].var())
    history = in_units(train_table._history(found), "squared", rows.target.std(), run)
    assert sorted(set(found.held_out[0]) & set(found.held_out[1])) == []
    best = int(np.argmin(found.members[1].history["validation_loss"]))
    member = table_task.TableTask(rows.fitted(), found.settings, 0).member
    held = rows.rows(found.held_out[1])
    params = {n: found.params.get(f"member2 {n}", found.params.get(n)) for n in member.graph.stored}
    said = member(params, held.features)[:, 0] * rows.target.std() + rows.target.mean()
    assert history["validation_MAE"][first + best] == pytest.approx(mean_absolute_error(held.target, said), rel=1e-4)
    assert history["validation_R2"][first + best] == pytest.approx(r2_score(held.target, said), rel=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no better than the mean")  # of 16 epochs, on some processors
def test_cross_validation_trains_the_default_in_each_fold(table, capsys):
    assert main(["train", "t.csv", "--target", "y", "--drop", "kind", "--cv", "2", "--out", "run"]) == 0
    told = capsys.readouterr().out
    assert told.count("2 members of hidden layers 16") == 3
    assert "cross-validated R²" in told


def test_classes_have_a_certificate(table, capsys):
    lines = (table / "t.csv").read_text().splitlines()
    rows = [f"{line},{'high' if float(line.split(',')[3]) > 0 else 'low'}" for line in lines[1:]]
    (table / "c.csv").write_text("\n".join([f"{lines[0]},class", *rows]) + "\n")
    words = ["train", "c.csv", "--target", "class", "--drop", "y", "--text", "one-hot", "--out", "run"]
    assert main(words) == 0
    assert "certificate: with probability 0.95" in capsys.readouterr().out
    assert main(["certify", "run", "c.csv", "--holdout", "c.csv"]) == 0
    assert main(["evaluate", "run", "c.csv"]) == 0


@pytest.mark.filterwarnings("ignore:.*no better than the mean")  # in no time nothing may be learned
def test_a_search_tells_what_it_tried(table, capsys, monkeypatch):
    monkeypatch.setattr(table_fit, "paced", lambda problem, settings, seconds, folder: (settings, 1e-3, None))
    words = "train t.csv --target y --drop kind --tune --time 0.01 --test 0 --out run"
    assert main(words.split()) == 0
    told = capsys.readouterr().out
    assert "1 trials; those that went farthest, best first:" in told
    assert "The time was over after" in told
    assert (table / "run" / "model.safetensors").exists()


def test_a_named_setting_trains_a_plain_network(table, capsys):
    words = "train t.csv --target y --drop kind --hidden=128 --epochs 1 --test 0.2 --out run"
    assert main(words.split()) == 0
    told = capsys.readouterr().out
    assert "members" not in told
    assert "86 rows to train on, 10 for validation, 24 for test" in told


def test_an_interrupted_run_goes_on_as_what_it_was(table, monkeypatch):
    """Members have folders of their own; a run that began as one network, as all did before 0.2, stays one."""
    words = ["train", "t.csv", "--target", "y", "--drop", "kind", "--test", "0", "--out"]
    assert main([*words, "whole"]) == 0
    real, calls = table_task.fit, []

    def stopped_at_the_second(*given, **named):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(table_task, "fit", stopped_at_the_second)
        assert main([*words, "cut"]) == 130
    assert main(["train", "--resume", "cut"]) == 0
    model = "model.safetensors"
    assert (table / "cut" / model).read_bytes() == (table / "whole" / model).read_bytes()
    old = table / "old.partial"
    (old / "checkpoints").mkdir(parents=True)
    (old / "command.json").write_text(json.dumps([*words, "old"]))
    (old / "checkpoints" / "checkpoint-1").write_bytes(b"")
    assert is_of_one_network(table / "old")
    assert not is_of_one_network(table / "new")


def test_too_few_rows_for_members_are_trained_plainly(table, capsys):
    Path("few.csv").write_text("a,b\n" + "".join(f"{i},{2 * i}\n" for i in range(9)))
    assert main(["train", "few.csv", "--target", "b", "--test", "0", "--out", "run"]) == 0
    assert "members" not in capsys.readouterr().out
    assert train.FEWEST_ROWS == table_fit.FEWEST_ROWS


def test_images_are_not_searched(table, capsys):
    assert main(["train", "--dataset", "digits", "--tune"]) != 0
    assert "--tune is for tables that fit in memory\n  fix: leave --tune out" in capsys.readouterr().err


def test_data_larger_than_memory_has_no_default(table, capsys):
    (table / "data").mkdir()
    np.save(table / "data" / "X.npy", np.random.default_rng(0).uniform(size=(40, 3)))
    np.save(table / "data" / "y.npy", np.arange(40) % 2)
    for option in (["--time", "5"], ["--tune"]):
        assert main(["train", "data", *option]) != 0
        assert f"fix: leave {option[0]} out" in capsys.readouterr().err


def test_what_the_time_chooses_is_not_asked_for_beside_it(reseau):
    Path("t.csv").write_text("a,b,y\n" + "".join(f"{i},{i % 7},{2 * i}\n" for i in range(60)))
    result = reseau("train", "t.csv", "--target", "y", "--time", "1", "--hidden", "8", "--class-weight", "balanced")
    assert result.status == 2
    assert "fix: leave --hidden, --class-weight out, or --time" in result.err
