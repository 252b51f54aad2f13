"""Checkpoints: the same bits wherever a run stopped, damage found, other runs refused, a full disk survived."""

import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings

import reseau as rs
from reseau.batches import Cyclic, Poisson, Shuffled, WithReplacement
from reseau.compile_cache import cores
from reseau.disk import FolderLock, alone_in, take
from reseau.errors import DataError, DivergenceError, FileError, ModelFileError
from reseau.modelfiles import safetensors as modelfile
from reseau.optimizers import SGD, Adam, AdamW, Clipped, RMSProp
from reseau.training import checkpoint_file, checkpoints, training_run
from reseau.training.fingerprint import digest
from tools.saved_models import header_of, write_header

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((53, 4)), RNG.integers(0, 3, 53)
HELD_OUT = RNG.standard_normal((20, 4)), RNG.integers(0, 3, 20)


class Killed(BaseException):
    """Stands for the end of a process."""


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    """Chunks of a few steps, so that checkpoints can lie within an epoch."""
    monkeypatch.setattr(training_run, "SECONDS_A_CHUNK", 1e-4)


def objective(width=5, **parts):
    x = rs.input("x", (4,))
    h = rs.dropout(rs.tanh(rs.batch_norm(rs.affine(x, width, name="hidden"))), 0.2)
    parts = {"loss": rs.losses.CrossEntropy()} | parts
    return rs.Objective(rs.Network(x, rs.affine(h, 3, name="logits")), **parts)


SHARED = objective()  # compiled once for most tests


def fit(folder=None, goal=SHARED, data=(X, Y), **others):
    usual = {"optimizer": SGD(0.1, momentum=0.9), "batches": Shuffled(8), "epochs": 6, "progress": False}
    return rs.fit(goal, data, **usual | {"checkpoint": folder, "every": 0.3} | others)


def stopped_at(folder, step, monkeypatch, **others):
    """A run whose process ends when it would write a checkpoint at this step or later."""
    write = checkpoints.write_checkpoint

    def guarded(path, checkpoint, fingerprint):
        if checkpoint.step >= step:
            raise Killed
        write(path, checkpoint, fingerprint)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_checkpoint", guarded)
        with pytest.raises(Killed):
            fit(folder, **others)


def same(a, b):
    """Whether two results are equal in every bit."""
    for one, other in ((a.params, b.params), (a.history, b.history)):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(other[name]), err_msg=name)
    assert (a.stopped, a.steps) == (b.stopped, b.steps)


def names(folder):
    return sorted(p.name for p in Path(folder).iterdir())


@pytest.mark.parametrize("sampler", [Cyclic(8), WithReplacement(8), Poisson(0.15)], ids=repr)
@pytest.mark.parametrize(
    "optimizer",
    [Adam(0.01), Clipped(AdamW(0.01), norm=1.0), RMSProp(0.01), optax.adam(optax.cosine_decay_schedule(0.01, 40))],
    ids=["adam", "clipped", "rmsprop", "optax"],
)
def test_a_run_goes_on_with_the_same_bits(tmp_path, monkeypatch, sampler, optimizer):
    weight = RNG.exponential(size=53)
    others = {"batches": sampler, "optimizer": optimizer, "sample_weight": weight, "validation": HELD_OUT, "epochs": 3}
    stopped_at(tmp_path, 13, monkeypatch, **others)
    assert names(tmp_path)
    same(fit(tmp_path, **others), fit(**others))


def test_checkpoints_change_nothing_and_the_newest_are_kept(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "checkpoint-1.safetensors").write_text("mine too")
    same(fit(tmp_path / "a" / "b", keep=1), fit())
    assert names(tmp_path / "a" / "b") == ["checkpoint-000000000042.safetensors"]
    fit(tmp_path, keep=2, every=1)
    found = ["checkpoint-000000000035.safetensors", "checkpoint-000000000042.safetensors"]
    assert names(tmp_path) == sorted(["notes.txt", "checkpoint-1.safetensors", "a", *found])


def test_a_finished_run_returns_at_once(tmp_path, monkeypatch):
    first = fit(tmp_path, validation=HELD_OUT)
    with monkeypatch.context() as patch:
        patch.setattr(training_run.Program, "run", None)
        again = fit(tmp_path, validation=HELD_OUT)
    same(first, again)
    assert again.seconds == first.seconds


@pytest.mark.parametrize("patience", [None, 2])
def test_more_epochs_go_on(tmp_path, patience):
    others = {"validation": HELD_OUT, "patience": patience}
    fit(tmp_path, epochs=2, **others)
    same(fit(tmp_path, epochs=7, **others), fit(epochs=7, **others))


def test_more_steps_complete_an_epoch_that_was_cut_short(tmp_path):
    others = {"epochs": None, "validation": HELD_OUT, "patience": 50}
    cut = fit(tmp_path, steps=10, **others)
    assert len(cut.history["loss"]) == 2
    same(cut, fit(tmp_path, steps=10, **others))
    same(fit(tmp_path, steps=21, **others), fit(steps=21, **others))


def test_fewer_epochs_than_were_taken_are_refused(tmp_path):
    fit(tmp_path, epochs=3)
    with pytest.raises(DataError, match=r"stands after 21 steps.*after 14\n  fix: epochs=3 or more"):
        fit(tmp_path, epochs=2)


def test_early_stopping_goes_on_with_its_count_and_its_best_epoch(tmp_path, monkeypatch):
    noise = np.random.default_rng(1).integers(0, 3, 53)
    others = {"data": (X, noise), "optimizer": Adam(0.05), "epochs": 300, "validation": HELD_OUT, "patience": 6}
    alone = fit(**others)
    assert alone.stopped == "early"
    for step in (alone.steps - 16, alone.steps):
        stopped_at(tmp_path, step, monkeypatch, **others)
    same(fit(tmp_path, **others), alone)
    same(fit(tmp_path, **others), alone)
    same(fit(tmp_path, **others | {"epochs": 400}), alone)


@pytest.mark.posix
def test_ctrl_c_leaves_a_checkpoint(tmp_path):
    threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT)).start()
    stopped = fit(tmp_path, epochs=1_000_000, every=1_000_000.0)
    assert stopped.stopped == "interrupted"
    assert names(tmp_path) == [f"checkpoint-{stopped.steps:012d}.safetensors"]
    epochs = stopped.steps // 7 + 2
    same(fit(tmp_path, epochs=epochs), fit(epochs=epochs))


def test_divergence_after_a_resumption_names_the_same_step(tmp_path, monkeypatch):
    x = rs.input("x", (1,))
    goal = rs.Objective(rs.Network(x, rs.square(rs.affine(x, 1, name="line"))), rs.losses.SquaredError())
    others = {"goal": goal, "data": (np.linspace(1, 2, 16)[:, None], np.zeros(16)), "batches": Cyclic(4)}
    others |= {"optimizer": SGD(2.0), "epochs": 50, "every": 0.25}
    with pytest.raises(DivergenceError) as alone:
        fit(**others)
    assert alone.value.step > 1
    stopped_at(tmp_path, alone.value.step - 1, monkeypatch, **others)
    with pytest.raises(DivergenceError) as resumed:
        fit(tmp_path, **others)
    assert str(resumed.value) == str(alone.value)
    assert all(np.array_equal(resumed.value.params[k], v) for k, v in alone.value.params.items())


@pytest.fixture(scope="module")
def two_kept(tmp_path_factory):
    """A folder with the last two checkpoints of a run, and its result."""
    folder = tmp_path_factory.mktemp("kept")
    return folder, fit(folder, keep=2)


def copied(two_kept, tmp_path):
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(two_kept[0], folder)
    return folder, *sorted(folder.iterdir())


def test_the_flip_of_any_bit_is_found(two_kept, tmp_path, caplog):
    size = max(two_kept[0].iterdir()).stat().st_size

    @settings(max_examples=60)
    @given(position=st.integers(0, size - 1), bit=st.integers(0, 7))
    def check(position, bit):
        caplog.clear()
        folder, older, newest = copied(two_kept, tmp_path)
        data = bytearray(newest.read_bytes())
        data[position] ^= 1 << bit
        newest.write_bytes(data)
        same(fit(folder), two_kept[1])
        told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert any(str(newest) in line for line in told)
        assert any(f"goes on from {older.name}" in line for line in told)
        assert (folder / f"{newest.name}.damaged").read_bytes() == data

    check()


@pytest.mark.parametrize("damage", ["empty", "short", "long", "half", "garbage", "a folder"])
def test_other_damage_is_found(two_kept, tmp_path, caplog, damage):
    folder, older, newest = copied(two_kept, tmp_path)
    data = newest.read_bytes()
    newest.unlink()
    if damage == "a folder":
        newest.mkdir()
    else:
        made = {"empty": b"", "short": data[:-1], "long": data + b"\0", "half": data[: len(data) // 2]}
        newest.write_bytes(made.get(damage, RNG.bytes(5000)))
    same(fit(folder), two_kept[1])
    assert f"damaged checkpoint: {newest}" in caplog.text
    assert f"goes on from {older.name}" in caplog.text


def test_where_all_are_damaged_there_is_one_error(two_kept, tmp_path):
    folder, older, newest = copied(two_kept, tmp_path)
    for path in (older, newest):
        path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelFileError, match=r"every checkpoint in .* is damaged: ") as refusal:
        fit(folder)
    assert older.name in str(refusal.value)
    assert "\n  fix: " in str(refusal.value)
    assert names(folder) == [older.name, newest.name]


def forged(path, change):
    """The checkpoint with other words, and checksums that fit."""
    header, body = header_of(path)
    words = json.loads(header["__metadata__"]["checkpoint"])
    change(words, header)
    text = json.dumps(words)
    header["__metadata__"] |= {"checkpoint": text, "sha256": digest(text)}
    write_header(path, header, body)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w, h: w.update(step="3"), "'step' is not what it should be"),
        (lambda w, h: w.update(step=True), "'step' is not what it should be"),
        (lambda w, h: w.update(step=2**70), "'step' is not what it should be"),
        (lambda w, h: w.update(step=2**62), "another type or shape"),
        (lambda w, h: w.update(seconds=None), "'seconds' is not what it should be"),
        (lambda w, h: w.pop("fingerprint"), "'fingerprint' is not what it should be"),
        (lambda w, h: w.update(best_loss=1.0), "the array 'best/batch_norm_1.mean' is missing"),
        (lambda w, h: h["loss"].update(dtype="I64" if h["loss"]["dtype"] == "F64" else "I32"), "another type or shape"),
        (lambda w, h: h.update(more=h.pop("params/hidden.bias")), "'more' is not expected"),
        (lambda w, h: h["params/hidden.weight"].update(shape=[5, 4]), "'params/hidden.weight' has another type"),
        (lambda w, h: w.update(arrays="0" * 64), "its checksum does not fit its arrays"),
    ],
)
def test_words_that_lie_are_damage(two_kept, tmp_path, caplog, change, message):
    folder, _, newest = copied(two_kept, tmp_path)
    forged(newest, change)
    same(fit(folder), two_kept[1])
    assert message in caplog.text


def test_a_later_version_is_refused_and_kept(two_kept, tmp_path):
    folder, _, newest = copied(two_kept, tmp_path)
    forged(newest, lambda words, header: words.update(version=99))
    before = newest.read_bytes()
    with pytest.raises(DataError, match="of the format 99, this program reads 1"):
        fit(folder)
    assert newest.read_bytes() == before


def test_another_engine_is_told(two_kept, tmp_path, caplog):
    folder, _, newest = copied(two_kept, tmp_path)
    forged(newest, lambda words, header: words.update(engine="jax 9 on abacus"))
    same(fit(folder), two_kept[1])
    assert "was written by jax 9 on abacus, this is jax " in caplog.text


def test_a_stream_goes_on_with_the_same_bits(tmp_path, monkeypatch):
    for k, (x, y) in enumerate(zip(np.split(X, (20, 27)), np.split(Y, (20, 27)), strict=True)):
        np.save(tmp_path / f"X-{k}.npy", x)
        np.save(tmp_path / f"y-{k}.npy", y)
    others = {"data": replace(rs.data.stream(tmp_path), window=16 * 4 * 5), "validation": HELD_OUT}
    folder = tmp_path / "run"
    stopped_at(folder, 17, monkeypatch, **others)
    same(fit(folder, **others), fit(**others))
    same(fit(folder, **others), fit(**others))
    with pytest.raises(DataError, match="another run: data differs"):
        fit(folder, **others | {"data": rs.data.stream(tmp_path)})


class Scaled:
    """Not data: an object without fields."""


def doubled(rate):
    return lambda v: rate * v


OTHERS = {
    "seed": {"seed": 1},
    "patience": {"validation": HELD_OUT, "patience": 3},
    "optimizer": {"optimizer": SGD(0.1, momentum=0.8)},
    "batches": {"batches": Shuffled(9)},
    "sample weight": {"sample_weight": np.arange(1.0, 54)},
    "data": {"data": (X, (Y + 1) % 3)},
    "validation": {"validation": (HELD_OUT[0], 1 + 0 * HELD_OUT[1])},
    "network": {"goal": objective(width=6)},
    "penalty": {"goal": objective(penalty=rs.penalties.L2(0.1))},
    "the objective's keep": {"goal": objective(keep="sqrt")},
    "first parameters": {"params": SHARED.network.init(7)},
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_run_is_refused_by_what_differs(two_kept, tmp_path, what):
    folder, _, newest = copied(two_kept, tmp_path)
    with pytest.raises(DataError, match=f"checkpoint of another run: .*{what}.* differs?\n  fix: ") as refusal:
        fit(folder, **OTHERS[what])
    assert str(refusal.value).startswith(str(newest))


def test_the_digest_tells_functions_and_settings_apart():
    x = rs.input("x", (4,))
    net = rs.Network(x, rs.affine(x, 2))
    values = [
        *(1, 1.5, True, "1", None, (1,), [1], {"a": 1}, {"b": 1}, {1}, np.float32(1), np.ones(1), np.ones((1, 1))),
        *(doubled(1.0), doubled(2.0), jnp.tanh, jnp.sin, np.tanh, Scaled, Scaled(), SGD(0.1), SGD(0.2), Adam(0.1)),
        *(optax.sgd(0.1), optax.sgd(0.2), optax.adam(0.1), net, rs.Network(x, rs.affine(x, 3)), rs.losses.Hinge()),
        *(jnp.ones(1, jnp.bfloat16), np.ones(0), b"1", ("ab", "c"), ("a", "bc"), rs.losses.Huber(1.0)),
    ]
    assert len({digest(value) for value in values}) == len(values)
    assert digest(doubled(1.0)) == digest(doubled(1.0))
    assert digest(optax.adam(0.1)) == digest(optax.adam(0.1))
    assert digest(rs.Network(x, rs.affine(x, 3))) == digest(rs.Network(x, rs.affine(x, 3)))


def test_the_digest_is_that_of_another_process(capsys):
    code = (
        "import optax, reseau as rs; from reseau.training.fingerprint import digest; x = rs.input('x', (4,));"
        "print(digest(({'a', 'b', 'c'}, optax.adam(0.1), rs.Network(x, rs.apply(lambda v: 2 * v, rs.affine(x, 3))))))"
    )
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    here = capsys.readouterr().out
    assert len(here) > 40
    environment = os.environ | {"PYTHONHASHSEED": "1"}  # here it is another, or drawn
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == here


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_refuses_leaves_the_checkpoints_before(tmp_path, monkeypatch, call, number):
    fit(tmp_path, epochs=2)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(*((modelfile, "array_bytes") if call == "write" else (os, call)), refuse)
        with pytest.raises(ModelFileError) as refusal:
            fit(tmp_path, epochs=6)
    assert os.strerror(number) in str(refusal.value)
    assert "the checkpoints before it are whole\n  fix: " in str(refusal.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    same(fit(tmp_path), fit())


@pytest.mark.posix
def test_a_file_system_that_is_full(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        with pytest.raises(ModelFileError, match=r"No space left on device; the checkpoints before it are whole"):
            fit(tmp_path, keep=50, every=0.2, epochs=60)
        written = names(tmp_path)
        assert len(written) > 1
        assert all(checkpoints.NAME.fullmatch(name) for name in written)
        Path(tmp_path, written[0]).unlink()
        Path(tmp_path, written[1]).unlink()
        same(fit(tmp_path, keep=1, epochs=60), fit(epochs=60))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_places_that_cannot_be_folders_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataError, match=r"checkpoints cannot be kept in .*\n  fix: "):
            fit(place)


@pytest.mark.parametrize(
    ("setting", "value"), [("every", 0), ("every", -1), ("every", np.inf), ("keep", 0), ("keep", 1.5)]
)
def test_senseless_settings_are_refused(tmp_path, setting, value):
    with pytest.raises(DataError, match=f"{setting} .*\n  fix: {setting}="):
        fit(tmp_path, **{setting: value})
    assert names(tmp_path) == []


def test_a_folder_serves_one_process_at_a_time(tmp_path):
    with alone_in(tmp_path), pytest.raises(DataError, match="another process is training in"):
        fit(tmp_path)
    fit(tmp_path)


def test_what_a_killed_process_was_writing_is_cleared_and_nothing_else(tmp_path):
    torn = tmp_path / ".checkpoint-000000000007.safetensors.0123abcd.tmp"
    other = tmp_path / ".model.safetensors.0123abcd.tmp"
    for path in (torn, other):
        path.write_bytes(b"half")
    fit(tmp_path)
    assert (torn.exists(), other.exists()) == (False, True)


def test_by_default_writing_takes_little_time(tmp_path, caplog):
    caplog.set_level(logging.INFO, "reseau")
    fit(tmp_path, every=None, epochs=200)
    told = [record.getMessage() for record in caplog.records]
    wrote = [line for line in told if line.startswith("wrote")]
    assert told[0] == "training from step 0 to 1400, 7 an epoch"
    assert told[-1].startswith("finished after 1400 steps")
    assert 2 <= len(wrote) < 100


@pytest.mark.parametrize("keep", [1, 2, 3, 4])
def test_a_disk_full_of_checkpoints_has_room_again_when_fewer_are_kept(tmp_path, keep):
    fit(tmp_path, keep=5, every=1, epochs=5)
    assert len(names(tmp_path)) == 5

    def seen(path, *_):
        left.append(sum(name.startswith("checkpoint-") for name in names(tmp_path)))

    left, written = [], checkpoints.write_checkpoint
    checkpoints.write_checkpoint = lambda *given: (seen(*given), written(*given))
    try:
        same(fit(tmp_path, keep=keep, every=1, epochs=6), fit(epochs=6))
    finally:
        checkpoints.write_checkpoint = written
    assert left == [keep]
    assert len(names(tmp_path)) == keep


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_was_removed_while_it_was_trained_in_is_locked_again(tmp_path, again):
    folder = tmp_path / "c"
    lock = FolderLock(folder)
    with alone_in(folder) as first:
        shutil.rmtree(folder)
        assert not first.held()
        if again:  # another process makes it again, and trains there
            folder.mkdir()
            assert lock.acquire()
            with pytest.raises(DataError, match=r"another process is training in .*\n  fix: "):
                take(first, folder)
            lock.release()
        take(first, folder)
        assert first.held()
        assert not FolderLock(folder).acquire()
    assert list(folder.iterdir()) == []


PUT_THERE = {
    "a file": lambda folder: folder.write_text("something else"),
    "a link to nowhere": lambda folder: folder.symlink_to(folder.parent / "nowhere"),
    "a link to a file": lambda folder: (
        (folder.parent / "f").touch(), folder.symlink_to(folder.parent / "f")
    ),
    "a link to itself": lambda folder: folder.symlink_to(folder),
}  # fmt: skip


@pytest.mark.parametrize("what", PUT_THERE)
def test_what_takes_the_place_of_the_folder_is_one_error(tmp_path, what):
    folder = tmp_path / "c"
    with alone_in(folder) as lock:
        shutil.rmtree(folder)
        PUT_THERE[what](folder)
        assert not lock.held()
        with pytest.raises(FileError, match=r"checkpoints cannot be kept in it(.|\n)*fix: "):
            take(lock, folder)


def test_a_run_whose_folder_is_taken_by_another_stops_and_writes_nothing_there(tmp_path):
    folder, lock = tmp_path / "c", FolderLock(tmp_path / "c")
    calls = []

    class Thief(rs.logs.Log):
        @contextmanager
        def writing(self, columns, rows):
            def write(rows):
                if not calls:
                    shutil.rmtree(folder)
                    folder.mkdir()
                    assert lock.acquire()
                calls.extend(rows)

            yield write

    with pytest.raises(DataError, match="another process is training in"):
        fit(folder, log=Thief(), every=1)
    assert [path.name for path in folder.iterdir()] == [lock.path.name]
    lock.release()


def test_the_engine_names_the_cores_and_the_processor(monkeypatch):
    before = checkpoint_file.engine()
    assert f" on {cores()} cores of " in before
    monkeypatch.setattr(checkpoint_file, "cores", lambda: 1000)
    assert checkpoint_file.engine() != before
    monkeypatch.undo()
    monkeypatch.setattr(checkpoint_file, "processor", lambda: "an abacus")
    assert checkpoint_file.engine().endswith("cores of an abacus")


def test_a_run_that_goes_on_elsewhere_is_told(tmp_path, monkeypatch, caplog):
    fit(tmp_path, epochs=2)
    monkeypatch.setattr(checkpoint_file, "cores", lambda: 1000)
    fit(tmp_path, epochs=3)
    assert any(
        "1000 cores" in r.getMessage() and "may not be those of one run" in r.getMessage() for r in caplog.records
    )
