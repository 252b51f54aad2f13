"""Bad input ends in one clear line, a cure and exit status 2, and leaves the disk as it was."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from reseau.cli import main

GOOD = "a,b,y\n" + "".join(f"{i},{i % 7},{'u' if i % 2 else 'v'}\n" for i in range(40))

TABLES = {
    "text": (GOOD.replace("\n5,", "\nfive,"), "column 'a', line 7: 'five' is not a number"),
    "text column": (
        "a,b,y\n" + "red,1,u\nblue,2,v\n" * 20,
        "column 'a', line 2: 'red' is not a number\n  fix: --text one-hot reads each text as a category",
    ),
    "blank": (
        GOOD.replace("\n5,", "\n,"),
        "line 7: the cell is blank\n  fix: --missing impute learns from blanks, --missing drop leaves such rows out",
    ),
    "nan": (GOOD.replace("\n5,", "\nNaN,"), "column 'a', line 7: the cell is blank"),
    "infinite": (GOOD.replace("\n5,", "\n-inf,"), "column 'a', line 7: '-inf' is not finite"),
    "empty": ("", "it is empty"),
    "header alone": ("a,b,y\n", "it has no rows, only the names of its columns"),
    "one row": ("a,b,y\n1,2,u\n", "one class only"),
    "one class": (GOOD.replace("v\n", "u\n"), "the target 'y' has one class only, 'u'"),
    "ragged": (GOOD + "1,2\n", "line 42 has 2 cells, line 1 has 3"),
    "one name twice": (GOOD.replace("a,b,y", "a,a,y"), "columns 1 and 2 are both called 'a'"),
    "missing column": (GOOD.replace("a,b,y", "a,b,z"), "there is no column 'y'\n  fix: one of a, b, z"),
}

WORDS = {
    "no data": (["train"], "neither DATA nor --dataset is given"),
    "both": (["train", "t.csv", "--dataset", "digits"], "both DATA and --dataset are given"),
    "missing file": (["train", "absent.csv", "--target", "y"], "absent.csv: there is no such file or folder"),
    "missing test": (["train", "t.csv", "--target", "y", "--test", "absent.csv"], "absent.csv: there is no such file"),
    "empty folder": (["train", "empty"], "empty: the folder holds neither pictures nor train-images-idx3-ubyte"),
    "no target": (
        ["train", "t.csv"],
        "is to be predicted is not said\n  fix: --target with one of a, b, y",
    ),
    "task": (
        ["train", "t.csv", "--target", "y", "--task", "regression"],
        "fix: --task classification takes texts for classes",
    ),
    "loss": (["train", "t.csv", "--target", "y", "--loss", "squared"], "--loss squared is not for classification"),
    "loss of two": (["train", "--dataset", "digits", "--loss", "hinge"], "--loss hinge is for two classes"),
    "target of images": (
        ["train", "--dataset", "digits", "--target", "y"],
        "--target is for tables",
    ),
    "abbreviated": (["train", "t.csv", "--targ", "y"], "there is no option --targ\n  fix: did you mean --target?"),
    "conv": (["train", "t.csv", "--target", "y", "--conv", "8"], "--conv reads images"),
    "momentum": (["train", "t.csv", "--target", "y", "--momentum", "0.5"], "--momentum is for sgd, not adam"),
    "patience": (
        ["train", "t.csv", "--target", "y", "--patience", "3", "--validation", "0"],
        "--patience watches validation rows, and there are none",
    ),
    "share": (["train", "t.csv", "--target", "y", "--test", "1.5"], "--test 1.5 is neither a share below 1 nor a file"),
    "file as folder": (["train", "t.csv", "--target", "y", "--out", "t.csv"], "t.csv is a file, not a folder"),
    "unwritable": (["train", "t.csv", "--target", "y", "--out", "t.csv/run"], "cannot be written: Not a directory"),
    "unwritable root": (
        ["train", "t.csv", "--target", "y", "--out", "/proc/run"],
        "/proc/run: it cannot be written",
    ),
    "unknown command": (["fly"], "there is no command fly"),
    "unknown option": (["train", "--fast"], "there is no option --fast"),
    "hidden": (["train", "t.csv", "--hidden", "12,x"], "'x' is not a whole number from 1"),
    "epochs": (["train", "t.csv", "--epochs", "0"], "'0' is not a whole number from 1"),
    "rate": (["train", "t.csv", "--learning-rate", "-1"], "'-1' is not a positive number"),
    "dropout": (["train", "t.csv", "--dropout", "1"], "'1' is not a share, from 0 to below 1"),
    "no command": ([], "required: COMMAND"),
    "no run": (["evaluate", "absent", "t.csv"], "absent: there is no such folder or file"),
    "folder without a run": (["evaluate", "empty", "t.csv"], "empty: the folder holds no model.safetensors"),
    "not a model": (["show", "t.csv"], "t.csv: a model file does not end in '.csv'"),
    "damaged model": (["predict", "bad.safetensors", "t.csv"], "bad.safetensors: it is not a safetensors file"),
}


def refused(reseau, tree, words, expected):
    """Run a command that must fail: one line and a cure on standard error, and the disk as it was."""
    before = tree()
    result = reseau(*words)
    assert result.status == 2, result
    assert expected in result.err
    assert re.fullmatch(r"reseau: .+\n  fix: .+\n", result.err), result.err
    assert tree() == before


@pytest.fixture(autouse=True)
def files(own_folder):
    Path("t.csv").write_text(GOOD)
    Path("empty").mkdir()
    Path("bad.safetensors").write_bytes(b"1234567890")


@pytest.mark.parametrize("what", TABLES)
def test_tables(reseau, tree, what):
    content, expected = TABLES[what]
    Path("t.csv").write_text(content)
    refused(reseau, tree, ["train", "t.csv", "--target", "y", "--out", "new/run"], expected)


@pytest.mark.parametrize("what", WORDS)
def test_words(reseau, tree, what):
    words, expected = WORDS[what]
    refused(reseau, tree, words, expected)


def test_tables_that_are_not_text(reseau, tree):
    Path("t.csv").write_bytes("a,y\né,1\n".encode("latin1"))
    refused(reseau, tree, ["train", "t.csv", "--target", "y"], "byte 4 is not UTF-8 text")
    Path("t.npz").write_bytes(b"PK damaged")
    refused(reseau, tree, ["train", "t.npz"], "t.npz: it is not a whole .npz file")
    np.savez("n.npz", X=np.full((4, 2), np.nan), y=[0, 1, 0, 1])
    refused(reseau, tree, ["train", "n.npz"], "entry (0, 0) of the features is nan")


def test_data_that_does_not_fit_the_model(reseau, tree):
    assert reseau("train", "t.csv", "--target", "y", "--epochs", "1", "--out", "run").status == 0
    Path("narrow.csv").write_text("a\n1\n")
    Path("bare.csv").write_text("1,2,3,4\n")
    Path("text.csv").write_text("a,b\n1,2\n3,four\n")
    Path("blank.csv").write_text("a,b\n1,2\n3,\n")
    Path("foreign.csv").write_text("a,b,y\n1,2,w\n")
    np.savez("wide.npz", X=np.zeros((2, 5)))
    for words, expected in [
        (("predict", "run", "narrow.csv"), "column 'b' is missing; the model reads 2 columns"),
        (("predict", "run", "bare.csv"), "the model reads 2 columns\n  fix: give the columns a, b"),
        (("predict", "run", "text.csv"), "column 'b', line 3: 'four' is not a number"),
        (("predict", "run", "blank.csv"), "column 'b', line 3: the cell is blank"),
        (("evaluate", "run", "text.csv"), "column 'y' is missing; the model reads 2 columns and the target 'y'"),
        (("evaluate", "run", "foreign.csv"), "column 'y', line 2: 'w' is not a class of the model\n  fix: one of u, v"),
        (("predict", "run", "wide.npz"), "its examples have the shape (5,), the model reads (2,)"),
        (("predict", "run", "--dataset", "digits"), "the digits are (8, 8, 1), the model reads (2,)"),
        (("predict", "run", "t.csv", "--out", "absent/p.csv"), "absent/p.csv: it cannot be written: No such file"),
        (("show", "run", "--draw", "absent/n.svg"), "absent/n.svg: it cannot be written: No such file"),
        (("show", "run", "--draw", "n.jpg"), "cannot draw to 'n.jpg'"),
    ]:
        refused(reseau, tree, words, expected)


def test_models_whose_words_do_not_fit(reseau, tree):
    assert reseau("train", "t.csv", "--target", "y", "--epochs", "1", "--out", "run").status == 0
    path = Path("run/model.safetensors")
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    for change, expected in [
        (lambda words: words.pop("recipe"), "it does not say how its data is read"),
        (lambda words: words.update(recipe="{"), "run/model.safetensors: the model's recipe for its data is damaged"),
        (lambda words: words.update(loss="squared"), "its network and its recipe do not fit"),
        (lambda words: words.update(recipe=words["recipe"].replace('"u", ', "")), "decision threshold is damaged"),
    ]:
        header = json.loads(data[8 : 8 + length])
        change(header["__metadata__"])
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
        refused(reseau, tree, ["evaluate", "run", "t.csv"], expected)


# The start of the program


def modules_after(code):
    """Which of the heavy modules are loaded after `code`."""
    ask = "import sys; print(*[m for m in ('numpy', 'jax', 'sklearn', 'matplotlib', 'rich') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", f"{code}\n{ask}"], capture_output=True, text=True, check=True)
    return result.stdout.splitlines()[-1].split()


HELP = "from reseau.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"


def test_help_imports_nothing_heavy():
    assert modules_after(HELP) == []


def test_the_check_of_imports_can_fail():
    assert modules_after(f"import numpy\n{HELP}") == ["numpy"]


def test_bad_data_is_refused_without_jax():
    code = "from reseau.cli import main\nmain(['train', 'absent.csv', '--target', 'y'])"
    assert "jax" not in modules_after(code)


def test_a_reader_that_goes_away_is_no_traceback(reseau):
    assert reseau("train", "t.csv", "--target", "y", "--epochs", "1", "--out", "run").status == 0
    command = [sys.executable, "-m", "reseau", "predict", "run", "t.csv"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    # a true process, since its end is what is tested
    with subprocess.Popen(command, env=buffered, stdout=PIPE, stderr=PIPE, text=True) as predicting:
        predicting.stdout.close()
        said = predicting.stderr.read()
    assert "Traceback" not in said
    assert "Error" not in said


def test_a_disk_that_is_full_of_what_is_printed_is_no_traceback(reseau):
    assert reseau("train", "t.csv", "--target", "y", "--epochs", "1", "--out", "run").status == 0
    command = f"ulimit -f 0; exec {sys.executable} -m reseau predict run t.csv > p.csv"  # no file may hold a byte
    ended = subprocess.run(["sh", "-c", command], stderr=PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr.splitlines()[-2]) == (
        2,
        "reseau: standard output: it cannot be written: File too large",
    )
    assert reseau("predict", "run", "t.csv", "--out", "p.csv").status == 0


def test_what_is_read_is_not_written_over(reseau, tree):
    assert reseau("train", "t.csv", "--target", "y", "--epochs", "1", "--out", "run", "--quiet").status == 0
    Path("errors.csv").write_text("wrong\n0\n1\n")
    Path("other-name.csv").symlink_to("t.csv")
    for words in (
        ("predict", "run", "t.csv", "--out", "t.csv"),
        ("predict", "run", "t.csv", "--out", "other-name.csv"),
        ("monitor", "errors.csv", "--promised", "0.1", "--out", "./errors.csv"),
    ):
        refused(reseau, tree, words, f"{words[-1]} is the data that is read, and would be lost")
        assert reseau(*words[:-1], "new.csv").status == 0


def test_links_and_folders_that_lead_nowhere(reseau, tree, monkeypatch):
    Path("round.csv").symlink_to("round.csv")
    refused(reseau, tree, ["train", "round.csv", "--target", "y"], "round.csv: there is no such file or folder")
    Path("gone").mkdir()
    monkeypatch.chdir("gone")
    Path("../gone").rmdir()
    ended = reseau("train", "/absent.csv", "--target", "y")
    assert (ended.status, ended.err) == (
        2,
        "reseau: the current folder is not there any more\n  fix: cd to one that is\n",
    )


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "show"])
def test_every_command_has_help(capsys, command):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert "usage: reseau " + command in capsys.readouterr().out


def test_ctrl_c_before_training_writes_nothing(reseau, tree, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("reseau.cli.train.load_parts", interrupt)
    before = tree()
    result = reseau("train", "t.csv", "--target", "y")
    assert (result.status, result.err) == (130, "reseau: interrupted; no result was written\n")
    assert tree() == before
