"""Accuracy on tables over repeated splits, beside boosted trees and scikit-learn's MLP, each with its defaults.

    python -m benchmarks.tables --seconds 30 --splits 5 --out benchmarks/tables.json
    python -m benchmarks.tables --csv houses.csv:price --csv wine.csv:quality

scikit-learn's bundled tables are always there; `--csv FILE:TARGET` adds others. Results are kept after every fit and
a run that was stopped goes on. The score is R² for numbers and accuracy for classes, on a fifth of the rows.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import reseau as rs
from reseau.data import Table

BUNDLED = {
    "diabetes": datasets.load_diabetes,
    "breast cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "iris": datasets.load_iris,
}
BEGIN, END = "<!-- tables -->", "<!-- /tables -->"


def tables(extra: list[str], most_rows: int) -> dict[str, Table]:
    """The tables by name."""
    found = {}
    for name, load in BUNDLED.items():
        X, y = load(return_X_y=True)
        found[name] = rs.data.from_arrays(X, y, task="regression" if name == "diabetes" else "classification")
    for words in extra:
        path, _, target = words.rpartition(":")
        sheet = rs.data.read_sheet(Path(path))
        recipe = rs.data.learn_recipe(sheet, target, missing="impute", text="one-hot")
        found[Path(path).stem] = rs.data.read_rows(sheet, recipe)
    random = np.random.default_rng(0)
    return {
        k: t.rows(np.sort(random.permutation(len(t))[:most_rows])) if len(t) > most_rows else t
        for k, t in found.items()
    }


def ours(train: Table, test: Table, seconds: float) -> float:
    train = train.fitted()
    found = rs.tabular.fit_table(train, seconds=seconds, progress=False)
    scores = found.network.in_blocks(found.params, test.under(train.recipe).features)
    return score(scores.argmax(1) if train.classes else scores[:, 0], test)


def score(predicted: np.ndarray, test: Table) -> float:
    assert test.target is not None
    if test.classes:
        return float((predicted == test.target).mean())
    return float(1 - np.mean((predicted - test.target) ** 2) / np.var(test.target))


def peer(name: str, train: Table, test: Table) -> float:
    """The score of a peer; texts are categories for the trees, numbers of categories for the MLP."""
    texts = [i for i, c in enumerate(train.recipe.columns) if c.categories]
    of_classes = bool(train.classes)
    model: Any
    if name == "HistGradientBoosting":
        kind = HistGradientBoostingClassifier if of_classes else HistGradientBoostingRegressor
        model = kind(categorical_features=texts or None, random_state=0)
    elif name == "LightGBM":
        import lightgbm

        model = (lightgbm.LGBMClassifier if of_classes else lightgbm.LGBMRegressor)(verbose=-1, n_jobs=2)
    elif name == "XGBoost":
        import xgboost

        model = (xgboost.XGBClassifier if of_classes else xgboost.XGBRegressor)(n_jobs=2)
    else:
        kind = MLPClassifier if of_classes else MLPRegressor
        model = make_pipeline(SimpleImputer(), StandardScaler(), kind(random_state=0))
    model.fit(train.features, train.target)
    return score(model.predict(test.features), test)


PEERS = ("HistGradientBoosting", "LightGBM", "XGBoost", "MLP of scikit-learn")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every model on every split of every table; what is there already is left as it is."""
    out = Path(arguments.out)
    results: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    own = f"reseau, {arguments.seconds:g} s"
    for name, table in tables(arguments.csv, arguments.rows).items():
        for i in range(arguments.splits):
            stay, held = rs.data.split(len(table), 0.2, i, table.target if table.classes else None)
            train, test = table.rows(stay), table.rows(held)
            for model in (own, *PEERS):
                scores = results.setdefault(name, {}).setdefault(model, {})
                if str(i) in scores:
                    continue
                began = time.process_time()
                found = ours(train, test, arguments.seconds) if model == own else peer(model, train, test)
                scores[str(i)] = [round(found, 5), round(time.process_time() - began, 2)]
                out.write_text(json.dumps(results, indent=1) + "\n")
    return results


def written(results: dict[str, Any]) -> str:
    """The results as a Markdown table: mean ± deviation over the splits, and mean CPU seconds of our fits."""
    models = list(next(iter(results.values())))
    lines = [f"| table | {' | '.join(models)} | CPU s |", "|---|" + "---:|" * (len(models) + 1)]
    for name, by_model in results.items():
        splits = set.intersection(*(set(v) for v in by_model.values()))
        cells = []
        for model in models:
            values = [by_model[model][s][0] for s in sorted(splits)]
            cells.append(f"{np.mean(values):.3f} ± {np.std(values):.3f}")
        seconds = np.mean([by_model[models[0]][s][1] for s in splits])
        lines.append(f"| {name} ({len(splits)} splits) | {' | '.join(cells)} | {seconds:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20_000, help="most rows of a table")
    parser.add_argument("--csv", action="append", default=[], metavar="FILE:TARGET")
    parser.add_argument("--out", default="benchmarks/tables.json")
    parser.add_argument("--page", help="a page whose table between the comments is written again")
    arguments = parser.parse_args()
    table = written(run(arguments))
    print(table)
    if arguments.page:
        page = Path(arguments.page)
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
