"""Accuracy on tables over repeated splits, beside boosted trees and other networks, each with its defaults.

    python -m benchmarks.tables                                  # the tables that scikit-learn brings or makes
    python -m benchmarks.tables --data FOLDER --splits 5         # and those of a folder of files, see table_sets
    python -m benchmarks.tables --data FOLDER --models RealMLP --tables airfoil,energy
    python -m benchmarks.tables --models "reseau,reseau dropout=0.0,reseau members=1" --tables concrete
    python -m benchmarks.tables --validation --out choice.json --models "reseau,reseau smoothing=0.0"   # to choose
    python -m benchmarks.tables --show --page docs/tabular.md --page README.md    # only write what was found
    python -m benchmarks.tables --show --out benchmarks/tables_networks.json --models reseau,RealMLP \
        --page docs/tabular.md --parts "tables beside networks"

The score is R² for numbers and accuracy for classes, on a fifth of the rows that no model has seen. Results are kept
after every fit: a run that was stopped goes on, and several may write into one file. The same default has other bits
on another processor, and the score of one split may differ by 0.02: a model's scores are all of one processor.
"""

import argparse
import json
import os
import platform
import time
from contextlib import suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table_models import OURS, PEERS, limit_threads
from benchmarks.table_results import written

MARKS = ("<!-- {} -->", "<!-- /{} -->")
VALIDATION = 1000  # added to the seed of a split: the seed of its validation part
SUMMARY = 3  # last lines of the table


def run(arguments: argparse.Namespace) -> None:
    """Every model on every split of every table; what is there already is left as it is."""
    limit_threads(arguments.threads)  # before the libraries that read it are imported
    import reseau as rs
    from benchmarks.table_models import predicted
    from benchmarks.table_sets import names, table
    from reseau.data import Table

    def score(found: np.ndarray, test: Table) -> float:
        assert test.target is not None
        if test.classes:
            return float((found == test.target).mean())
        return float(1 - np.mean((found - test.target) ** 2) / np.var(test.target))

    out, here = Path(arguments.out), processor()
    for model in arguments.models:
        others = {of for splits in read(out).values() for _, _, *told in splits.get(model, {}).values() for of in told}
        if others - {here}:
            raise SystemExit(
                f"{out} has scores of {model} by {', '.join(others)}, this is {here}\n  fix: --out NEW.json"
            )
    for name in arguments.tables or names(arguments.data):
        todo = [
            (split, model)
            for split in range(arguments.first, arguments.first + arguments.splits)
            for model in arguments.models
            if str(split) not in read(out).get(name, {}).get(model, {})
        ]
        if not todo:
            continue
        rows = table(name, arguments.data, arguments.rows)
        for split, model in todo:
            stay, held = rs.data.split(len(rows), 0.2, split, rows.target if rows.classes else None)
            train, test = rows.rows(stay), rows.rows(held)
            if arguments.validation:
                stay, held = rs.data.split(len(train), 0.2, VALIDATION + split, train.target if train.classes else None)
                train, test = train.rows(stay), train.rows(held)
            began = time.process_time()
            found = score(predicted(model, train, test, arguments.threads), test)
            seconds = time.process_time() - began
            print(f"{name}, split {split}, {model}: {found:.4f}, {seconds:.1f} s of CPU", flush=True)
            keep(out, name, model, split, [round(found, 5), round(seconds, 2), here])


def processor() -> str:
    """What this machine computes with, so that scores of two kinds are not mixed."""
    with suppress(OSError), open("/proc/cpuinfo") as file:
        told = [line.partition(":")[2].strip() for line in file if line.startswith(("cpu family", "model"))]
        if told:
            return " ".join(dict.fromkeys(told[:3]))
    return platform.processor() or platform.machine()


def read(out: Path) -> dict[str, Any]:
    """What was found so far."""
    return dict(json.loads(out.read_text())) if out.exists() else {}


def keep(out: Path, name: str, model: str, split: int, value: list[float | str]) -> None:
    """Put one result beside the others; other processes may do so at the same time."""
    with open(f"{out}.lock", "w") as lock:
        flock(lock, LOCK_EX)
        results = read(out)
        results.setdefault(name, {}).setdefault(model, {})[str(split)] = value
        new = out.with_name(f"{out.name}.{os.getpid()}")
        new.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
        new.replace(out)


def main() -> None:
    def words(text: str) -> list[str]:
        return [word.strip() for word in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where the tables in files are")
    parser.add_argument("--tables", type=words, help="names of tables (default: all)")
    parser.add_argument("--models", type=words, default=[OURS, *PEERS], help="names of models (default: %(default)s)")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="number of the first split, its seed (default: 0)")
    parser.add_argument("--rows", type=int, default=20_000, help="most rows of a table (default: 20000)")
    parser.add_argument("--threads", type=int, default=1, help="of each model (default: 1)")
    parser.add_argument("--out", default="benchmarks/tables.json")
    parser.add_argument(
        "--validation",
        action="store_true",
        help="train on four fifths of each split's training rows and score on the others, as settings are chosen",
    )
    parser.add_argument("--show", action="store_true", help="fit nothing")
    parser.add_argument(
        "--page", type=Path, action="append", default=[], help="a page whose tables between comments are written again"
    )
    parser.add_argument(
        "--parts",
        type=words,
        default=["tables", "tables in short"],
        help='names of the comments (default: "tables,tables in short")',
    )
    arguments = parser.parse_args()
    if not arguments.show:
        run(arguments)
    text = written(read(Path(arguments.out)), arguments.models)
    print(text)
    lines = text.splitlines()
    short = "\n".join([*lines[:2], *lines[-SUMMARY:]])
    for page in arguments.page:
        told = page.read_text()
        for what in arguments.parts:
            told = put(told, what, short if what.endswith("in short") else text)
        page.write_text(told)


def put(page: str, what: str, text: str) -> str:
    """The page with the text between the comments that name it, where it has them."""
    begin, end = (mark.format(what) for mark in MARKS)
    before, found, rest = page.partition(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}" if found else page


if __name__ == "__main__":
    main()
