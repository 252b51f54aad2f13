"""The models of the comparison on tables: the default for tables, some pieces of it removed, and others' defaults."""

import os
from ast import literal_eval
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from reseau.data import Table

__all__ = ["OURS", "PEERS", "TORCH", "limit_threads", "predicted"]

OURS = "reseau"
TREES = ("HistGradientBoosting", "LightGBM", "XGBoost")
PEERS = (*TREES, "MLP of scikit-learn")
TORCH = ("RealMLP", "TabM")
"""From pytabkit, on torch: only where they are asked for."""


def predicted(model: str, train: Table, test: Table, threads: int) -> np.ndarray:
    """What a model that was fitted on one table says of another: class numbers, or numbers."""
    if model.startswith(OURS):
        return ours(model, train, test)
    return PEER_FITS.get(model, scikit_mlp)(model, train, test, threads)


def without(piece: str) -> AbstractContextManager[Any]:
    """The default without a piece that is no setting: the rate falls once, or the features have no learned factors."""
    from reseau.optimizers import CosineInLog
    from reseau.tabular import optimizer

    class OneFall(optimizer.TableOptimizer):
        """Another class: a program of the default is not taken for its own."""

        def update(self, *values: Any) -> Any:
            with patch.object(optimizer, "CYCLES", CosineInLog(1.0, 1, cycles=1)):
                return super().update(*values)

    if piece == "cycles":
        return patch("reseau.tabular.table_task.TableOptimizer", OneFall)
    assert piece == "scale", f"the default has no piece {piece}"
    return patch("reseau.tabular.ensemble.scale", lambda h, name: h)


def ours(model: str, train: Table, test: Table) -> np.ndarray:
    """The default for tables; "reseau name=value ..." has these settings changed, "reseau tuned" is searched for.

    "reseau without cycles", "reseau without scale": see `without`.
    """
    change = model.removeprefix(OURS).strip()
    if change.startswith("without "):
        with without(change.removeprefix("without ")):
            return changed("", train, test)
    return changed(change, train, test)


def changed(change: str, train: Table, test: Table) -> np.ndarray:
    """What the default says with such a change of its settings."""
    from reseau.tabular import fit_table, tune
    from reseau.tabular.table_fit import settings_of
    from reseau.tabular.table_settings import SECONDS

    train = train.fitted()
    if change == "tuned":
        found = tune(train, progress=False).fit
    elif change:
        pairs = (word.partition("=") for word in change.split())
        given = {name: literal_eval(value) for name, _, value in pairs}
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        settings = replace(settings_of(train, SECONDS), **given)
        found = fit_table(train, settings=settings, progress=False)
    else:
        found = fit_table(train, progress=False)
    scores = found.network.in_blocks(found.params, test.under(train.recipe).features)
    return scores.argmax(1) if train.classes else scores[:, 0]


def texts(table: Table) -> list[int]:
    """The places of the columns of texts."""
    return [i for i, column in enumerate(table.recipe.columns) if column.categories]


def trees(model: str, train: Table, test: Table, threads: int) -> np.ndarray:
    """Boosted trees with their defaults; they are told which columns are categories."""
    places, fitted = texts(train), {}
    made: Any
    if model == "HistGradientBoosting":
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if train.classes else HistGradientBoostingRegressor
        made = kind(categorical_features=places or None, random_state=0)
    elif model == "LightGBM":
        import lightgbm

        kind = lightgbm.LGBMClassifier if train.classes else lightgbm.LGBMRegressor
        made = kind(verbose=-1, n_jobs=threads, random_state=0)
        fitted = {"categorical_feature": places} if places else {}
    else:
        import xgboost

        kinds = ["c" if i in places else "q" for i in range(train.features.shape[1])]
        kind = xgboost.XGBClassifier if train.classes else xgboost.XGBRegressor
        told = {"feature_types": kinds, "enable_categorical": True} if places else {}
        made = kind(n_jobs=threads, random_state=0, **told)
    made.fit(train.features, train.target, **fitted)
    return np.asarray(made.predict(test.features))


def scikit_mlp(model: str, train: Table, test: Table, threads: int) -> np.ndarray:
    """scikit-learn's MLP with its defaults, on standardized numbers and one-hot categories."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    places = texts(train)
    numbers = [i for i in range(train.features.shape[1]) if i not in places]
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), places),
    )
    made = make_pipeline(prepared, (MLPClassifier if train.classes else MLPRegressor)(random_state=0))
    return np.asarray(made.fit(train.features, train.target).predict(test.features))


def pytabkit(model: str, train: Table, test: Table, threads: int) -> np.ndarray:
    """RealMLP-TD and TabM-D with pytabkit's defaults."""
    import pandas
    from pytabkit.models.sklearn import sklearn_interfaces

    places = texts(train)
    names = [str(i) for i in range(train.features.shape[1])]

    def frame(table: Table) -> Any:
        made = pandas.DataFrame(table.features, columns=names)
        for i in places:
            made[names[i]] = pandas.Categorical(made[names[i]].fillna(-1).astype(int).astype(str))
        return made

    kind = f"{'RealMLP_TD' if model == 'RealMLP' else 'TabM_D'}_{'Classifier' if train.classes else 'Regressor'}"
    made = getattr(sklearn_interfaces, kind)(device="cpu", random_state=0, n_threads=threads, verbosity=0)
    made.fit(frame(train), train.target)
    return np.asarray(made.predict(frame(test)))


PEER_FITS: dict[str, Callable[[str, Table, Table, int], np.ndarray]] = dict.fromkeys(TREES, trees) | dict.fromkeys(
    TORCH, pytabkit
)


def limit_threads(threads: int) -> None:
    """Let the libraries that are not imported yet use so many threads."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))
