"""Logs: what `FitResult.history` holds, read by pandas and by TensorBoard, and cut back when a run goes on."""

import errno
import json
import logging
import os
import threading

import numpy as np
import pandas as pd
import pytest

import reseau as rs
from reseau import logs
from reseau.errors import DataError, FileError, MissingExtraError, ModelFileError

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 3)), RNG.integers(0, 2, 40)


def fit(**settings):
    x = rs.input("x", (3,))
    objective = rs.Objective(rs.Network(x, rs.affine(x, 2)), rs.losses.CrossEntropy())
    usual = {"batches": rs.batches.Shuffled(8), "epochs": 4, "validation": (X[:9], Y[:9]), "progress": False}
    return rs.fit(objective, (X, Y), **usual | settings)


def test_files_hold_the_history_to_the_last_bit(tmp_path):
    paths = tmp_path / "h.csv", str(tmp_path / "h.jsonl")
    result = fit(log=paths)
    table = pd.read_csv(paths[0])
    lines = pd.read_json(paths[1], lines=True, precise_float=True)
    exact = [json.loads(line) for line in (tmp_path / "h.jsonl").read_text().splitlines()]
    assert list(table) == list(lines) == list(result.history)
    for name, column in result.history.items():
        np.testing.assert_array_equal(table[name], column)
        np.testing.assert_array_equal([row[name] for row in exact], column)
    assert table["epoch"].dtype == "int64"


def test_each_epoch_is_on_the_disk_before_the_next(tmp_path, monkeypatch):
    path, seen = tmp_path / "h.csv", []
    sums = rs.Objective.block_sums
    monkeypatch.setattr(rs.Objective, "block_sums", lambda *a: (seen.append(len(pd.read_csv(path))), sums(*a))[1])
    fit(log=path)
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize("beyond", ["rows", "torn", "nothing", "missing"])
def test_on_resumption_the_log_is_cut_back(tmp_path, suffix, beyond):
    path, alone = tmp_path / f"h.{suffix}", tmp_path / f"alone.{suffix}"
    fit(log=path, checkpoint=tmp_path / "c", epochs=2)
    if beyond == "missing":
        path.unlink()
    else:
        more = {"rows": "3,1.0,2.0,0.5\n4,1.0,2.0,0.5\n", "torn": "3,0.12", "nothing": ""}[beyond]
        path.write_text(path.read_text() + more)
    fit(log=path, checkpoint=tmp_path / "c")
    fit(log=alone)
    assert path.read_bytes() == alone.read_bytes()


def test_an_epoch_that_the_end_cut_short_is_completed(tmp_path):
    path, alone = tmp_path / "h.csv", tmp_path / "alone.csv"
    for steps in (7, 12):
        fit(log=path, checkpoint=tmp_path / "c", epochs=None, steps=steps)
    fit(log=alone, epochs=None, steps=12)
    assert path.read_bytes() == alone.read_bytes()
    assert len(pd.read_csv(path)) == 3


def test_without_a_checkpoint_an_earlier_log_is_replaced_and_other_files_are_not(tmp_path):
    path = tmp_path / "h.csv"
    fit(log=path, epochs=9)
    fit(log=path)
    assert len(pd.read_csv(path)) == 4
    path.write_text("epo")  # a process was killed while it wrote the first line
    (tmp_path / ".h.csv.0123abcd.tmp").write_text("epoch,l")
    fit(log=path)
    assert len(pd.read_csv(path)) == 4
    assert list(tmp_path.iterdir()) == [path]
    for name in ("data.csv", "data.jsonl"):
        (tmp_path / name).write_text("a,b\n1,2\n")
        with pytest.raises(DataError, match="is there, and is not the log of a fit\n  fix: "):
            fit(log=tmp_path / name)
        assert (tmp_path / name).read_text() == "a,b\n1,2\n"


def test_numbers_that_are_not_finite(tmp_path):
    rows = [{"epoch": 1, "loss": 1.0, "validation_loss": float("nan")}]
    for log in (logs.Csv(tmp_path / "h.csv"), logs.JsonLines(tmp_path / "h.jsonl")):
        with log.writing(tuple(rows[0]), []) as write:
            write(rows)
    assert pd.read_csv(tmp_path / "h.csv")["validation_loss"].isna().all()
    assert json.loads((tmp_path / "h.jsonl").read_text()) == {"epoch": 1, "loss": 1.0, "validation_loss": None}


def test_tensorboard_shows_each_epoch_once_after_a_resumption(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = rs.logs.TensorBoard(tmp_path / "events")
    fit(log=board, checkpoint=tmp_path / "c", epochs=3)
    result = fit(log=(board, tmp_path / "h.csv"), checkpoint=tmp_path / "c", epochs=5)
    events = accumulator.EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == ["loss", "validation_accuracy", "validation_loss"]
    for name in events.Tags()["scalars"]:
        found = events.Scalars(name)
        assert [event.step for event in found] == [1, 2, 3, 4, 5]
        np.testing.assert_allclose([event.value for event in found], result.history[name], rtol=1e-6)


def test_tensorboard_without_its_package_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'reseau\[tensorboard\]'"):
        fit(log=rs.logs.TensorBoard(tmp_path))


@pytest.mark.parametrize("log", ["history.txt", "history", 3, ("h.csv", None)])
def test_what_is_no_log_is_refused(log):
    with pytest.raises(DataError, match=r"log.*\n  fix: "):
        fit(log=log)


def test_a_disk_that_refuses_is_one_error(tmp_path, monkeypatch):
    with pytest.raises(ModelFileError, match="cannot be written"):
        fit(log=tmp_path / "nowhere" / "h.csv")
    log = logs.Csv(tmp_path / "h.csv")
    with log.writing(("epoch", "loss"), []) as write:

        def refuse(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(logs, "open", refuse, raising=False)
        with pytest.raises(ModelFileError, match="the log cannot be written: No space left on device\n  fix: "):
            write([{"epoch": 1, "loss": 1.0}])


def test_python_logging_is_told_and_left_as_it_was(tmp_path, caplog):
    logger = logging.getLogger("reseau")
    assert (logger.handlers, logger.level) == ([], logging.NOTSET)
    with caplog.at_level(logging.INFO, "reseau"):
        fit(checkpoint=tmp_path, every=100)
        fit(checkpoint=tmp_path, epochs=5)
    told = [text for record in caplog.records if (text := record.getMessage()) != "compiling"]
    first, second = (tmp_path / f"checkpoint-{step:012d}.safetensors" for step in (20, 25))
    assert told[0] == "training from step 0 to 20, 5 an epoch"
    assert told[1] == f"wrote {first}"
    assert told[2].startswith("finished after 20 steps, ")
    assert told[3:6] == [
        f"resumed after step 20 from {first}",
        "training from step 20 to 25, 5 an epoch",
        f"wrote {second}",
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_two_fits_with_one_log_do_not_mix_their_rows(tmp_path, suffix):
    path = tmp_path / f"h{suffix}"
    kind = {".csv": logs.Csv, ".jsonl": logs.JsonLines}[suffix](path)
    with kind.writing(("epoch", "loss"), []) as write:
        write([{"epoch": 1, "loss": 2.0}])
        before = path.read_bytes()
        with pytest.raises(DataError, match=r"another fit writes its log there.*\n  fix: log= with another name"):
            fit(log=path)
        assert path.read_bytes() == before
        write([{"epoch": 2, "loss": 1.0}])
    assert path.read_bytes().startswith(before)
    fit(log=path)  # the first is over
    fit(log=tmp_path / f"other{suffix}")


def test_one_log_under_several_names_is_one(tmp_path):
    path = tmp_path / "h.csv"
    with logs.Csv(path).writing(("epoch", "loss"), []) as write:
        write([{"epoch": 1, "loss": 2.0}])
        (tmp_path / "symbolic.csv").symlink_to(path)
        (tmp_path / "hard.csv").hardlink_to(path)
        (tmp_path / "folder").symlink_to(tmp_path)
        before = path.read_bytes()
        for name in ("symbolic.csv", "hard.csv", "folder/h.csv"):
            with pytest.raises(DataError, match="another fit writes its log there"):
                fit(log=tmp_path / name)
        assert path.read_bytes() == before


def test_fits_in_threads_with_one_log_leave_the_rows_of_one(tmp_path):
    path, refused = tmp_path / "h.csv", []

    def go():
        try:
            with logs.Csv(path).writing(("epoch", "loss"), []) as write:
                for epoch in range(1, 41):
                    write([{"epoch": epoch, "loss": 0.5}])
        except DataError as error:
            refused.append(error)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = path.read_text().splitlines()[1:]
    assert [int(row.split(",")[0]) for row in rows] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_events_that_cannot_be_written_are_one_error(tmp_path, place):
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"the log cannot be written: .*\n  fix: "):
        fit(log=rs.logs.TensorBoard(tmp_path / place))
