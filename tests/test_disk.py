"""Files are put in place whole, what a kill left goes, one lock at a time, and a refusal is one error."""

import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import reseau as rs
from reseau.disk import FolderLock, absent, is_locked, locked, refusals, replace_file
from reseau.errors import DataError, FileError, ModelFileError, ReseauError


def test_what_a_killed_save_left_of_the_same_file_goes_before_the_next_is_written(tmp_path):
    mine, others = tmp_path / ".m.bin.0123abcd.tmp", [".m.bin.0123.tmp", ".n.bin.0123abcd.tmp", ".m.bin.0123abcd.tmp2"]
    for name in (mine.name, *others):
        (tmp_path / name).write_bytes(b"half")

    def chunks():
        assert not mine.exists()  # its room is free before the new one needs it
        yield b"whole"

    replace_file(tmp_path / "m.bin", chunks())
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["m.bin", *others])


def test_what_another_process_is_writing_is_left_alone(tmp_path):
    target = tmp_path / "m.bin"

    def chunks():
        yield b"first"
        replace_file(target, [b"second"])

    replace_file(target, chunks())
    assert target.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_does_not_stand_its_check_is_not_put_in_place(tmp_path):
    target = tmp_path / "m.bin"
    seen = []
    replace_file(target, [b"fir", b"st"], lambda new: seen.append(new.read_bytes()))

    def refused(new: Path) -> None:
        raise ModelFileError(new.read_text())

    with pytest.raises(ModelFileError, match="second"):
        replace_file(target, [b"second"], refused)
    assert (seen, target.read_bytes(), list(tmp_path.iterdir())) == ([b"first"], b"first", [target])


@pytest.mark.posix
def test_a_save_that_is_killed_leaves_one_file_and_the_next_save_none(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from reseau.disk import replace_file\n"
        "def chunks():\n    yield b'half'\n    os.kill(os.getpid(), 9)\n"
        "replace_file(Path(sys.argv[1]), chunks())"
    )
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.bin")], check=False)
        assert len(list(tmp_path.iterdir())) == 1
    replace_file(tmp_path / "m.bin", [b"whole"])
    assert [p.name for p in tmp_path.iterdir()] == ["m.bin"]


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
@pytest.mark.parametrize("place", ["absent", "file", "long"])
def test_a_model_is_refused_by_the_disk_with_one_error_that_tells_the_reason(tmp_path, suffix, place):
    (tmp_path / "file").write_text("")
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(x, 1))
    path = tmp_path / {"absent": "absent/m", "file": "file/m", "long": "m" * 300}[place]
    number = {"absent": errno.ENOENT, "file": errno.ENOTDIR, "long": errno.ENAMETOOLONG}[place]
    with pytest.raises(FileError, match=r"it cannot be written: .*\n  fix: a folder that exists") as caught:
        net.save(path.with_name(path.name + suffix), net.init())
    assert os.strerror(number) in str(caught.value)
    assert caught.value.errno == number
    net.save(tmp_path / f"m{suffix}", net.init())  # the cure


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_a_missing_model_is_an_os_error_too(tmp_path, suffix):
    for kind in (OSError, ModelFileError, DataError, ValueError, ReseauError):
        with pytest.raises(kind, match="it cannot be read"):
            rs.load(tmp_path / f"absent{suffix}")


def test_a_name_that_is_close_to_one_that_is_there_is_told_with_it(tmp_path):
    (tmp_path / "tumors.csv").write_text("a\n1\n")
    said = str(absent(tmp_path / "tumor.csv"))
    assert said.partition("did you mean ")[2].partition("?")[0] == str(tmp_path / "tumors.csv")
    for path in (tmp_path / "absent" / "rows.csv", tmp_path / "other", tmp_path / "moons.csv", "a\0b/rows.csv", ""):
        assert str(absent(path)).endswith("fix: check the path")


def test_the_error_survives_pickle_and_keeps_its_words():
    with pytest.raises(FileError) as caught, refusals("here"):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert str(caught.value) == "here: it cannot be read: Permission denied\n  fix: check the path"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(FileError) as inside, refusals("there"), refusals("here"):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert str(inside.value) == str(caught.value)  # said once


def test_a_lock_is_for_one_and_goes_with_its_process(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from reseau.disk import FolderLock\n"
        "print(FolderLock(Path(sys.argv[1])).acquire(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "True\n"
        assert is_locked(tmp_path)
        assert not FolderLock(tmp_path).acquire()
        process.kill()
    assert not is_locked(tmp_path)
    lock = FolderLock(tmp_path)
    assert lock.acquire()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_two_descriptors_of_one_file_share_no_lock(tmp_path):
    (tmp_path / "f").write_text("")
    with open(tmp_path / "f", "rb+") as one, open(tmp_path / "f", "rb+") as two:
        assert locked(one.fileno())
        assert not locked(two.fileno())


def test_nothing_is_imported_that_other_systems_lack():
    absent = ["fcntl", "pwd", "grp", "resource", "termios", "msvcrt"]
    code = f"import sys\nfor name in {absent}: sys.modules[name] = None\n" + (
        "import reseau, reseau.disk, reseau.cli, reseau.training, reseau.logs, reseau.data, reseau.theory, reseau.onnx"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_file_and_its_arrays_are_those_that_were_saved(tmp_path):
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(x, 1))
    params = net.init(3)
    net.save(tmp_path / "m.safetensors", params)
    again, found = rs.load(Path(tmp_path, "m.safetensors"))
    np.testing.assert_array_equal(again(found, np.eye(2)), net(params, np.eye(2)))
