"""The tables of the comparison: some that scikit-learn brings or makes, and a folder of well-known ones in files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn import datasets

import reseau as rs
from reseau.data import Table

__all__ = ["BUNDLED", "IN_FILES", "names", "table"]


def _friedman(make: Callable[..., tuple[np.ndarray, np.ndarray]], noise: float) -> tuple[np.ndarray, np.ndarray]:
    return make(n_samples=2000, noise=noise, random_state=0)


BUNDLED: dict[str, tuple[str, Callable[[], tuple[np.ndarray, np.ndarray]]]] = {
    "diabetes": ("regression", lambda: datasets.load_diabetes(return_X_y=True)),
    "breast cancer": ("classification", lambda: datasets.load_breast_cancer(return_X_y=True)),
    "iris": ("classification", lambda: datasets.load_iris(return_X_y=True)),
    "digits": ("classification", lambda: datasets.load_digits(return_X_y=True)),
    "friedman 1": ("regression", lambda: _friedman(datasets.make_friedman1, 1.0)),
    "friedman 2": ("regression", lambda: _friedman(datasets.make_friedman2, 100.0)),
    "friedman 3": ("regression", lambda: _friedman(datasets.make_friedman3, 0.1)),
    "hastie": ("classification", lambda: datasets.make_hastie_10_2(3000, random_state=0)),
    "clusters": (
        "classification",
        lambda: datasets.make_classification(
            *(3000, 20), n_informative=8, n_redundant=4, n_classes=4, n_clusters_per_class=3, random_state=0
        ),
    ),
}
"""Name of a table: what is predicted, and how its arrays are got."""

IN_FILES: dict[str, tuple[str, str, str]] = {
    "abalone": ("small-classification/abalone.csv", "9", "regression"),
    "adult": ("adult/adult-train.csv", "15", "classification"),
    "airfoil": ("uci/airfoil/data.csv.gz", "6", "regression"),
    "banknote": ("small-classification/banknote_authentication.csv", "5", "classification"),
    "bike": ("uci/bike/data.csv.gz", "18", "regression"),
    "california": ("california-housing/housing.csv", "median_house_value", "regression"),
    "concrete": ("uci/concrete/data.csv.gz", "9", "regression"),
    "covertype": ("covertype/covtype.20k.data", "55", "classification"),
    "energy": ("uci/energy/data.csv.gz", "9", "regression"),
    "head circumference": ("signals/pygam/head_circumference.csv", "head", "regression"),
    "ionosphere": ("small-classification/ionosphere.csv", "35", "classification"),
    "kin40k": ("uci/kin40k/data.csv.gz", "9", "regression"),
    "pima": ("small-classification/pima-indians-diabetes.csv", "9", "classification"),
    "red wine": ("wine-quality/winequality-red.csv", "12", "classification"),
    "sonar": ("small-classification/sonar.csv", "61", "classification"),
    "wage": ("signals/pygam/wage.csv", "wage", "regression"),
    "white wine": ("wine-quality/winequality-white.csv", "12", "classification"),
    "wine": ("small-classification/wine.csv", "14", "classification"),
}
"""Name of a table: its file in the folder, its target (columns are counted where they have no names), its task."""

LEFT_OUT = {"wage": ("logwage",)}  # the target again, in another unit


def names(folder: Path | None) -> tuple[str, ...]:
    """The names of the tables that there are: those of files only where the folder of them is given."""
    return (*BUNDLED, *(() if folder is None else IN_FILES))


def table(name: str, folder: Path | None, most_rows: int) -> Table:
    """A table by its name; of one with more rows, so many drawn at random, always the same ones.

    Args:
        name: One of `names`.
        folder: Where the files are.
        most_rows: How many rows it may have.
    """
    if name in BUNDLED:
        task, arrays = BUNDLED[name]
        X, y = arrays()
        found = rs.data.from_arrays(X, y, task="regression" if task == "regression" else "classification")
    else:
        assert folder is not None
        path, target, task = IN_FILES[name]
        sheet = rs.data.read_sheet(folder / path, without=LEFT_OUT.get(name, ()))
        found = rs.data.read_rows(sheet, rs.data.learn_recipe(sheet, target, task=task, auto=True))
    if len(found) <= most_rows:
        return found
    return found.rows(np.sort(np.random.default_rng(0).permutation(len(found))[:most_rows]))
