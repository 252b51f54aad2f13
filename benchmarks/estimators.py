"""Fits of the estimators against scikit-learn's MLP with equal settings: seconds and scores.

Each fit is the first one of a process, so that ours compiles; data is made before the clock starts.
Contenders take turns, and ratios are taken round by round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.other_ratios import write_other_ratios

HERE = Path(__file__).parent
SHARED = HERE.parent.parent / "shared" / "data"
CONTENDERS = ("reseau", "scikit-learn")
KEPT = "reseau, kept"  # finds on the disk what an earlier process compiled; the others find nothing
ALPHA = 1e-4
CASES = {
    "digits": ("digits, 100 hidden, 50 epochs", 50),
    "fashion32": ("Fashion-MNIST, 60,000 rows of float32, 100 hidden, 20 epochs", 20),
    "fashion64": ("Fashion-MNIST, 60,000 rows of float64, 100 hidden, 20 epochs", 20),
    "grid": ("digits, grid of 4 learning rates × 3 penalties, 5 folds, 20 epochs", 20),
}

AGAIN = ("digits",)  # a second fit of ours is timed too, which compiles nothing

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def fashion(dtype: type) -> Data:
    """Pixels from 0 to 1, and the data's own test part."""
    from reseau.data import read_idx

    train = read_idx(SHARED / "fashion-mnist")
    test = read_idx(SHARED / "fashion-mnist", part="test", recipe=train.recipe)
    rows = [(t.features.reshape(len(t), -1) / 255).astype(dtype) for t in (train, test)]
    return rows[0], train.target, rows[1], test.target


def split(X: np.ndarray, y: np.ndarray) -> Data:
    """Four fifths to train on."""
    from sklearn.model_selection import train_test_split

    X, Xv, y, yv = train_test_split(X, y, test_size=0.2, random_state=0)
    return X, y, Xv, yv


def data(case: str) -> Data:
    if case.startswith("fashion"):
        return fashion(np.float32 if case.endswith("32") else np.float64)
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return split(X / 16, y)


def model(contender: str, case: str) -> Any:
    """The same settings for both; scikit-learn divides alpha by the rows of a batch."""
    epochs = CASES[case][1]
    settings: dict[str, Any] = {
        "max_iter": epochs,
        "tol": 0.0,
        "n_iter_no_change": epochs + 1,
        "batch_size": 200,
        "random_state": 0,
    }
    settings["hidden_layer_sizes"] = (100,)
    if contender == "reseau":
        from reseau import NetworkClassifier

        return NetworkClassifier(alpha=ALPHA / 200, **settings)
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(alpha=ALPHA, **settings)


def once(contender: str, case: str) -> dict[str, float]:
    """Seconds of one fit, and its score on rows that were held out."""
    warnings.simplefilter("ignore")
    X, y, Xv, yv = data(case)
    asked = model(contender, case)
    grid = {"learning_rate_init": [1e-4, 1e-3, 3e-3, 1e-2]}
    strengths = [0.0, ALPHA, 100 * ALPHA]
    start = time.perf_counter()
    if case != "grid":
        fitted = asked.fit(X, y)
    elif contender == "reseau":
        from reseau import fit_many

        grid["alpha"] = [a / 200 for a in strengths]
        fitted = fit_many(asked, grid, X, y, cv=5, progress=False).best_estimator
    else:
        from sklearn.model_selection import GridSearchCV

        fitted = GridSearchCV(asked, grid | {"alpha": strengths}, cv=5, n_jobs=2).fit(X, y)
    seconds, score = time.perf_counter() - start, float(fitted.score(Xv, yv))
    start = time.perf_counter()
    if case not in AGAIN or contender != "reseau":  # scikit-learn's second fit takes as long as its first
        return {"seconds": seconds, "score": score}
    asked.fit(X, y)
    return {"seconds": seconds, "score": score, "again": time.perf_counter() - start}


def compare(case: str, rounds: int) -> dict[str, Any]:
    """Both contenders in turn, each in a process of its own."""
    names = (*CONTENDERS, KEPT) if case == "digits" else CONTENDERS
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as kept:
        for turn in range(-1 if KEPT in names else 0, rounds):
            for name in names if turn >= 0 else (KEPT,):
                command = [sys.executable, "-m", "benchmarks.estimators", "--once", name.partition(",")[0], case]
                cache = {"RESEAU_COMPILE_CACHE": kept if name == KEPT else "off"}
                ran = subprocess.run(
                    command, check=True, capture_output=True, text=True, cwd=HERE.parent, env=os.environ | cache
                )
                if turn >= 0:
                    found[name].append(json.loads(ran.stdout.splitlines()[-1]))

    def against(name: str, key: str) -> list[float]:
        return [theirs["seconds"] / ours[key] for ours, theirs in zip(found[name], found["scikit-learn"], strict=True)]

    ratios = against("reseau", "seconds")
    row: dict[str, Any] = {
        "title": CASES[case][0],
        "seconds": {name: statistics.median(f["seconds"] for f in found[name]) for name in names},
        "score": {name: statistics.median(f["score"] for f in found[name]) for name in names},
        "ratio": statistics.median(ratios),
        "spread": [min(ratios), max(ratios)],
    } | ({"ratio of a later fit": statistics.median(against("reseau", "again"))} if case in AGAIN else {})
    if KEPT in names:
        row["ratio with kept programs"] = statistics.median(against(KEPT, "seconds"))
    a, b = row["seconds"]["reseau"], row["seconds"]["scikit-learn"]
    print(f"{row['title']}: {a:.2f} s, scikit-learn {b:.2f} s, {row['ratio']:.2f}x, {row}", flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    parser.add_argument("--once", nargs=2, metavar=("CONTENDER", "CASE"))
    asked = parser.parse_args()
    if asked.once:
        print(json.dumps(once(*asked.once)))
        return
    path = HERE / "estimators.json"
    rows = json.loads(path.read_text()) if path.exists() else {}
    for case in asked.cases:
        if case in ("digits", "grid") or SHARED.is_dir():
            rows[case] = compare(case, asked.rounds)
            path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        else:
            print(f"{CASES[case][0]}: left out, its data is not at {SHARED}", file=sys.stderr)
    write_other_ratios()


if __name__ == "__main__":
    main()
