"""The cures in the errors of tables, arrays and streams work."""

import bz2
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import reseau as rs
from reseau import data
from reseau.data.readers import arrays, csv, refusals, sniffing, tables
from reseau.data.streams import npy_blocks, stream
from reseau.data.table import encoding, preprocessing, survey
from tools.cures import Cure, cured, raises_without_a_case

X = np.random.default_rng(0).normal(size=(12, 2))
Y = np.arange(12) % 2
ROWS = "a,b,y\n" + "".join(f"{i}.5,{i * 7 % 5},{'no' if i % 2 else 'yes'}\n" for i in range(12))

SAID = "a,b,y\n" + "".join(f'"say \\"hi, you\\" {i % 3}",{i % 7},{i % 2}\n' for i in range(40))


def keywords(words):
    """`task='regression'` as a dict."""
    return eval(f"dict({words})")


def cases_in(folder: Path) -> dict[str, Cure]:
    """The cases, their files in this folder."""

    def table(rows=ROWS, target="y", name="t.csv", **settings):
        (folder / name).write_bytes(rows if isinstance(rows, bytes) else rows.encode())
        return data.read_csv(folder / name, target, **settings)

    def unseen(rows, trained=ROWS, target="y", fill=False, **settings):
        recipe = table(trained, target, **settings).recipe
        (folder / "u.csv").write_text(rows)
        return data.read_rows(tables.read_sheet(folder / "u.csv"), recipe, target=True, fill=fill)

    def npz(target=None, task="auto", **held):
        np.savez(folder / "t.npz", **held)
        return data.read_npz(folder / "t.npz", target=target, task=task)

    def streamed(X=X, y=Y, name="y-000", window=2**27, **more):
        at = folder / "s"
        at.mkdir(exist_ok=True)
        for old in at.iterdir():
            old.unlink()
        np.save(at / "X-000.npy", X)
        if name:
            np.save(at / f"{name}.npy", y)
        for other, array in more.items():
            np.save(at / f"{other.replace('_', '-')}.npy", array)
        return data.stream(at, window=window)

    def parquet(**columns):
        pq.write_table(pa.table(columns), folder / "t.parquet")
        return folder / "t.parquet"

    wide = ROWS.replace("2.5,", "9007199254740993,", 1)
    return {
        "twice one name": Cure(
            lambda: table(ROWS.replace("a,b", "a,a")),
            r"give each its own name, in the file or here: --names '(.+)'",
            lambda names: table(ROWS.replace("a,b", "a,a"), names=names.split(",")),
        ),
        "no name": Cure(
            lambda: table(ROWS.replace("a,b", "a,")),
            "name it, in the file or here: --names '(.+)'",
            lambda names: table(ROWS.replace("a,b", "a,"), names=names.split(",")),
        ),
        "no name of an array": Cure(
            lambda: data.sheet_of(pd.DataFrame({"": [1.0], "y": [2.0]})),
            "name it",
            lambda: data.sheet_of(pd.DataFrame({"a": [1.0], "y": [2.0]})),
        ),
        "the names again": Cure(
            lambda: table(ROWS + ROWS),
            r"leave such lines out: awk '(.+)' \S+ > table.csv",
            lambda program: table(subprocess.check_output(["awk", program], input=(ROWS + ROWS).encode())),
        ),
        "the first column has no name": Cure(
            lambda: table(ROWS.replace("a,b,y", "b,y")),
            r"if that is the first one: sed '(.+)' \S+ > table.csv",
            lambda program: table(
                subprocess.check_output(["sed", program], input=ROWS.replace("a,b,y", "b,y").encode())
            ),
        ),
        "delimiters at the ends of rows": Cure(
            lambda: table(ROWS.replace("\n", ",\r\n").replace("y,", "y")),
            r"remove it: sed '(.+)' \S+ > table.csv",
            lambda program: table(
                subprocess.check_output(["sed", program], input=ROWS.replace("\n", ",\r\n").replace("y,", "y").encode())
            ),
        ),
        "single quotes": Cure(
            lambda: table("'a','b','y'\n'1,5','2','no'\n'2,5','1','yes'\n'3,5','1','yes'\n"),
            r"double them: sed \"(.+)\" \S+ > table.csv",
            lambda program: table(
                subprocess.check_output(
                    f'sed "{program}"',
                    shell=True,
                    input=b"'a','b','y'\n'1,5','2','no'\n'2,5','1','yes'\n'3,5','1','yes'\n",
                )
            ),
        ),
        "backslashes before quotes": Cure(
            lambda: table(ROWS + '1,"a \\"b\\", c",no\n', text="one-hot"),
            r"write two quotes: sed '(.+)' \S+ > table.csv",
            lambda program: table(
                subprocess.check_output(["sed", program], input=(ROWS + '1,"a \\"b\\", c",no\n').encode()), auto=True
            ),
        ),
        "backslashes before quotes in every row": Cure(
            lambda: table(SAID, text="one-hot"),
            r"write two quotes: sed '(.+)' \S+ > table.csv",
            lambda program: table(subprocess.check_output(["sed", program], input=SAID.encode()), text="one-hot"),
        ),
        "a line for Excel": Cure(
            lambda: table("sep=,\n" + ROWS), r"leave it out: tail -n \+2 \S+ > table.csv", lambda: table(ROWS)
        ),
        "a title above": Cure(
            lambda: table("Sales;;\n;;\n" + ROWS.replace(",", ";")),
            r"leave out what stands above the header: tail -n \+(\d) \S+ > table.csv",
            lambda first: table("".join(("Sales;;\n;;\n" + ROWS.replace(",", ";")).splitlines(True)[int(first) - 1 :])),
        ),
        "dashes in a target of numbers": Cure(
            lambda: table("a,y\n" + "".join(f"{i},{'-' if i == 9 else i % 4}\n" for i in range(20))),
            r"(auto=True) \(--auto\) leaves such rows out; or (task='classification') \(--task classification\) .*",
            lambda *ways: [
                table("a,y\n" + "".join(f"{i},{'-' if i == 9 else i % 4}\n" for i in range(20)), **keywords(way))
                for way in ways
            ],
        ),
        "nothing to leave out": Cure(
            lambda: table(without=("c",)), r"--drop with some of (\w+), \w+, \w+", lambda name: table(without=(name,))
        ),
        "a header alone": Cure(lambda: table("a,b,y\n"), "give at least one row", lambda: table(ROWS)),
        "an empty file": Cure(lambda: table(""), "give a file with a header and rows", lambda: table(ROWS)),
        "a ragged row": Cure(
            lambda: table(ROWS + "1,2\n"),
            r"give every row (3) cells, quoting those that hold ','; or --auto \((auto=True)\) leaves such rows out .*",
            lambda n, words: (
                table(ROWS + ",".join("1" * (int(n) - 1)) + ",no\n"),
                table(ROWS + ROWS.partition("\n")[2] * 2 + "1,2\n", **keywords(words)),
            ),
        ),
        "one line of a title above": Cure(
            lambda: table("# in kg\n\n" + ROWS),
            r"leave out what stands above the header: tail -n \+(\d) \S+ > table.csv",
            lambda first: table("".join(("# in kg\n\n" + ROWS).splitlines(True)[int(first) - 1 :])),
        ),
        "a sum below": Cure(
            lambda: table(ROWS.replace(",0,", ",u,") + "Total,9,\n", text="one-hot", missing="impute"),
            r"leave that line out: head -n (\d+) \S+ > table.csv",
            lambda last: table("".join((ROWS + "Total,9,\n").splitlines(True)[: int(last)])),
        ),
        "a whole number that float64 rounds": Cure(
            lambda: table(wide),
            r"leave an identifier out \(--drop (\w+)\), or write a quantity with a decimal point",
            lambda name: (table(wide, without=(name,)), table(wide.replace("93,", "93.0,"))),
        ),
        "Latin-1": Cure(
            lambda: table(ROWS.replace("yes", "é").encode("cp1252")),
            r"if it comes from Windows, convert it: iconv -f (\w+) -t (utf-8) \S+ > utf-8.csv",
            lambda old, new: table(ROWS.replace("yes", "é").encode("cp1252").decode(old).encode(new)),
        ),
        "years above": Cure(
            lambda: table(ROWS.replace("a,b,y", "2019,2020,2021"), "2021"),
            r"(header=True) \(--header\) if they are names, (header=False) \(--no-header\) if they are not",
            lambda names, rows: (
                table(ROWS.replace("a,b,y", "2019,2020,2021"), "2021", **keywords(names)),
                table(ROWS.replace("a,b,y", "2019,2020,yes"), "3", **keywords(rows)),
            ),
        ),
        "no such column": Cure(
            lambda: table(ROWS.replace(",y", ",price"), "prise"),
            r"--target (\w+)",
            lambda name: table(ROWS.replace(",y", ",price"), name),
        ),
        "no column like it": Cure(
            lambda: table(target="price"), r"one of (\w+), (\w+), (\w+)", lambda *names: table(target=names[-1])
        ),
        "no such task": Cure(
            lambda: table(task="cluster"),
            r"'(\w+)', '(\w+)' or '\w+'",
            lambda *tasks: [table(task=task) for task in tasks],
        ),
        "no such setting": Cure(
            lambda: table(missing="zero"),
            "missing=(.*); text=(.*)",
            lambda missing, others: (
                [table(missing=m) for m in eval(missing)], [table(text=t) for t in eval(others)],
            ),
        ),
        "no such mark": Cure(
            lambda: table(decimal=";"),
            "decimal=(.*) or (.*); dates=(.*) or (.*)",
            lambda a, b, c, d: [table(decimal=eval(a), dates=eval(c)), table(dates=eval(d))],
        ),
        "the target alone": Cure(lambda: table("y\n1\n2\n"), "add features", lambda: table(ROWS)),
        "a target of one class": Cure(
            lambda: table(ROWS.replace("yes", "no")), "give rows of at least two classes", lambda: table(ROWS)
        ),
        "a class of no training row": Cure(
            lambda: unseen("a,b,y\n1,2,maybe\n"),
            r"one of (\w+), (\w+)",
            lambda *classes: [unseen(f"a,b,y\n1,2,{name}\n") for name in classes],
        ),
        "no number in a column of numbers": Cure(
            lambda: unseen("a,b,y\none,2,no\n", missing="impute"),
            "correct the cell, or leave it blank",
            lambda: (unseen("a,b,y\n1,2,no\n"), unseen("a,b,y\n,2,no\n", ROWS + ",1,no\n", missing="impute")),
        ),
        "a blank that was never met": Cure(
            lambda: unseen("a,b,y\n,2,no\n"),
            r"(fill=True) \(predict --missing impute\) takes the mean in its place.*",
            lambda words: unseen("a,b,y\n,2,no\n", **keywords(words)),
        ),
        "a decimal point where training had a comma": Cure(
            lambda: unseen("a;b\n1.5;1\n", "a;b\n" + "".join(f"{i},25;{i * 3}\n" for i in range(12)), "b"),
            r"read_sheet\(path, decimal=','\), or write it with a comma",
            lambda: unseen("a;b\n1,5;1\n", "a;b\n" + "".join(f"{i},25;{i * 3}\n" for i in range(12)), "b"),
        ),
        "free text alone": Cure(
            lambda: table("a,y\n" + "".join(f"word {i} is {'good' if i % 2 else 'bad'},{i % 2}\n" for i in range(24))),
            r"(words=\['a'\]) \(--words a\) learns from the words that recur; or add features",
            lambda words: table(
                "a,y\n" + "".join(f"word {i} is {'good' if i % 2 else 'bad'},{i % 2}\n" for i in range(24)),
                **keywords(words),
            ),
        ),
        "a column that is missing": Cure(
            lambda: unseen("a,y\n1,no\n"),
            r"give the columns (\w+), (\w+), (\w+)",
            lambda *names: unseen(",".join(names) + "\n1,2,no\n"),
        ),
        "no header": Cure(
            lambda: unseen("1,2,no\n3,4,yes\n"), "add the first line (.*)", lambda line: unseen(f"{line}\n1,2,no\n")
        ),
        "no number among targets": Cure(
            lambda: unseen("a,b\n1,much\n", "a,b\n" + "".join(f"{i},{i * 1.25}\n" for i in range(12)), "b"),
            "correct the cell, or remove the row",
            lambda: unseen("a,b\n1,3.5\n", "a,b\n" + "".join(f"{i},{i * 1.25}\n" for i in range(12)), "b"),
        ),
        "arrays under other names": Cure(
            lambda: npz(rows=X, labels=Y),
            r"np.savez\(path, (X=X), (y=y)\), or --target with the name of the targets",
            lambda *pair: (npz(**eval(f"dict({', '.join(pair)})", {"X": X, "y": Y})), npz("labels", X=X, labels=Y)),
        ),
        "features of no shape": Cure(
            lambda: npz(X=X[:, 0], y=Y),
            r"numbers of shape \(n, d\), or images \(n, height, width\[, channels\]\), n at least 1",
            lambda: (npz(X=X[:, :1], y=Y), npz(X=np.ones((12, 3, 3)), y=Y)),
        ),
        "features that are not finite": Cure(
            lambda: npz(X=np.where(X > 1, np.nan, X), y=Y),
            "remove the row, or fill it in",
            lambda: (npz(X=X[(X <= 1).all(1)], y=Y[(X <= 1).all(1)]), npz(X=np.where(X > 1, 0, X), y=Y)),
        ),
        "targets of other rows": Cure(lambda: npz(X=X, y=Y[:5]), "one target a row", lambda: npz(X=X, y=Y)),
        "targets that are not finite": Cure(
            lambda: npz(X=X, y=np.where(Y, np.inf, 0.5)), "correct them", lambda: npz(X=X, y=np.where(Y, 2.0, 1.0))
        ),
        "targets between classes and numbers": Cure(
            lambda: npz(X=X, y=np.where(Y, 0.5, 1.0)),
            r"(task='\w+') \(--task \w+\) or (task='\w+') \(--task \w+\)",
            lambda *ways: [npz(X=X, y=np.where(Y, 0.5, 1.0), **keywords(way)) for way in ways],
        ),
        "texts as numbers": Cure(
            lambda: npz(X=X, y=np.where(Y, "a", "b"), task="regression"),
            r"(task='classification') \(--task classification\)",
            lambda words: npz(X=X, y=np.where(Y, "a", "b"), **keywords(words)),
        ),
        "one number in every row": Cure(
            lambda: npz(X=X, y=Y * 0.0, task="regression"), "give rows that differ in it", lambda: npz(X=X, y=Y)
        ),
        "one class of arrays": Cure(
            lambda: npz(X=X, y=Y * 0), "give rows of at least two classes", lambda: npz(X=X, y=Y)
        ),
        "targets that are blank": Cure(
            lambda: npz(X=X, y=np.where(Y, "a", "nan")),
            r"leave such rows out, for example (X\[known\]), (y\[known\]) with known = (y != 'nan')",
            lambda rows, targets, known: npz(**selected(rows, targets, known, X, np.where(Y, "a", "b"))),
        ),
        "not arrays at all": Cure(
            lambda: ((folder / "t.npz").write_bytes(b"PK\x03\x04" + bytes(40)), data.read_npz(folder / "t.npz")),
            r"write it with np.savez\(path, X=X, y=y\)",
            lambda: npz(X=X, y=Y),
        ),
        "columns of arrays": Cure(
            lambda: streamed(np.asfortranarray(X)),
            r"np.save\(path, (np.ascontiguousarray\(array\))\)",
            lambda text: streamed(eval(text, {"np": np, "array": np.asfortranarray(X)})),
        ),
        "a stream of texts": Cure(
            lambda: streamed(X.astype(str)), "numbers, rows first, at least one row", lambda: streamed()
        ),
        "a stream of other rows": Cure(lambda: streamed(y=Y[:5]), "one target a row", lambda: streamed()),
        "a stream without targets": Cure(
            lambda: streamed(name=""), r"save them as (\S+)\.npy beside it", lambda name: streamed(name=name)
        ),
        "a stream of two types": Cure(
            lambda: streamed(X_001=X.astype("f4"), y_001=Y),
            "rows of one shape and one type in all files",
            lambda: streamed(X_001=X, y_001=Y),
        ),
        "a stream of vectors": Cure(
            lambda: streamed(X[:, 0]),
            r"\(n, d\), or images \(n, height, width\[, channels\]\)",
            lambda: (streamed(X[:, :1]), streamed(np.ones((12, 4, 4)))),
        ),
        "a file that was cut off": Cure(
            lambda: (streamed(), cut(folder / "s" / "X-000.npy"), data.stream(folder / "s")),
            "the copy may have been cut off; get the file again",
            lambda: streamed(),
        ),
        "no array at all": Cure(
            lambda: (streamed(), (folder / "s" / "X-000.npy").write_bytes(b"12"), data.stream(folder / "s")),
            "write it with (np.save)",
            lambda text: streamed(),
        ),
        "a window of nothing": Cure(
            lambda: streamed(window=0), r"window=(.*)", lambda size: streamed(window=eval(size))
        ),
        "an empty folder": Cure(
            lambda: data.stream(empty(folder / "e")),
            r"save tables as (Parquet), or arrays in pairs as (X-000\.npy) and (y-000\.npy)",
            lambda kind, x, y: (
                np.save(folder / "e" / x, X), np.save(folder / "e" / y, Y), data.stream(folder / "e"),
                data.stream(parquet(a=X[:, 0], y=Y)),
            ),
        ),
        "dropped rows of a stream": Cure(
            lambda: data.stream(parquet(a=X[:, 0], y=Y), missing="drop"),
            r"(missing='impute') \(--missing impute\)",
            lambda words: data.stream(parquet(a=X[:, 0], y=Y), **keywords(words)),
        ),
        "a share of more than all": Cure(
            lambda: streamed().split(1.5, 0), "for example (.*)", lambda share: streamed().split(float(share), 0)
        ),
        "several files in one": Cure(
            lambda: data.read_csv(packed(folder / "t.zip", {"a.csv": ROWS, "b.csv": ROWS}), "y"),
            r"unzip (\S+), and give one of them",
            lambda path: data.read_csv(unpacked(Path(path), "a.csv"), "y"),
        ),
        "a damaged file": Cure(
            lambda: table(bz2.compress(ROWS.encode())[:-9], name="t.csv.bz2"),
            "get the file again",
            lambda: table(bz2.compress(ROWS.encode()), name="t.csv.bz2"),
        ),
        "a path of nothing": Cure(
            lambda: data.read_csv(folder / "absent.csv", "y"), "check the path", lambda: table(ROWS)
        ),
        "a table of lists": Cure(
            lambda: data.sheet_of([[1, 2]]),
            "give a pyarrow Table or RecordBatch, or a pandas or polars DataFrame",
            lambda: (data.sheet_of(pa.table({"a": [1]})), data.sheet_of(pd.DataFrame({"a": [1]}))),
        ),
        "rows without any": Cure(
            lambda: data.read_parquet(parquet(a=X[:0, 0], y=Y[:0]), "y"),
            "give at least one row",
            lambda: data.read_parquet(parquet(a=X[:, 0], y=Y), "y"),
        ),
        "features of a recipe for arrays": Cure(
            lambda: rs.data.preprocess(npz(X=X, y=Y).recipe),
            r"rs\.(input\('\w+', shape\))",
            lambda text: eval(f"rs.{text}", {"rs": rs, "shape": (2,)}),
        ),
    }  # fmt: skip


def selected(rows, targets, known, X, y):
    """The rows that a cure keeps, of targets of which the first is blank."""
    names = {"X": X, "y": np.where(np.arange(len(y)) == 0, "nan", y)}
    names["known"] = eval(known, names)
    return {"X": eval(rows, names), "y": eval(targets, names)}


def cut(path):
    """Take the last bytes away."""
    path.write_bytes(path.read_bytes()[:-5])


def empty(path):
    """A folder that holds nothing."""
    path.mkdir(exist_ok=True)
    for old in path.iterdir():
        old.unlink()
    return path


def packed(path, members):
    """An archive of texts."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, held in members.items():
            archive.writestr(name, held)
    return path


def unpacked(path, name):
    """One file of an archive, beside it."""
    with zipfile.ZipFile(path) as archive:
        return archive.extract(name, path.parent)


@pytest.mark.parametrize("name", cases_in(Path()))
@pytest.mark.filterwarnings("ignore:.*(another number of cells are|free texts)")
def test_a_cure_works(name, tmp_path):
    cured(cases_in(tmp_path)[name])


@pytest.mark.filterwarnings("ignore:.*(another number of cells are|free texts)")
def test_every_error_of_these_files_with_a_cure_has_a_case(tmp_path):
    modules = [arrays, csv, refusals, sniffing, stream, npy_blocks, encoding, survey, preprocessing]
    # more rows, other features, another file: no program can give them; the rest needs gigabytes
    not_mechanical = """
        give data of the kind it was trained on | give more rows | add features | unpack to | at most {MOST_COLUMNS}
        quote the cells that hold delimiters | give every part the same columns | give the column one type in every
        give a table, not arrays | while they are read | it has no rows | names are given for | every row has a blank
        cannot be split in two
        is not a date as those | the targets are texts, the model | not a class of the model | {said} | one target a row
    """
    parts = [part.strip() for line in not_mechanical.strip().splitlines() for part in line.split(" | ")]
    assert raises_without_a_case(modules, cases_in(tmp_path).values(), parts) == []
