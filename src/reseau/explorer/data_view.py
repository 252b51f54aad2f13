"""The view of data and predictions: the rows, what the network says of them, errors, confusions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reseau.data import Table
from reseau.errors import DataError, UnsupportedError
from reseau.explorer.graph_view import check_rows
from reseau.explorer.problem import Predicted, Problem
from reseau.explorer.replies import Reply

__all__ = [
    "attribution",
    "check_column",
    "confusion",
    "describe_data",
    "list_rows",
    "points",
    "predict",
    "range_of",
    "table_of",
]

SHOWN_POINTS = 4000
EVALUATED = 20_000  # rows that are predicted for the list and the confusions
SHOWN_COLUMNS = 12


def describe_data(problem: Problem) -> dict[str, Any] | None:
    """The table in words and numbers; nothing where there is none."""
    table = problem.table
    if table is None:
        return None
    recipe = table.recipe
    columns = []
    for i, column in enumerate(recipe.columns):
        low, high = range_of(table.features[:, i])
        columns.append(
            {
                "name": column.name,
                "categories": column.categories[:100],
                "low": low,
                "high": high,
            }
        )
    if not columns and len(recipe.shape) == 1:
        for i in range(min(recipe.shape[0], 1000)):
            low, high = range_of(table.features[:, i])
            columns.append({"name": f"x{i + 1}", "categories": (), "low": low, "high": high})
    return {
        "rows": len(table),
        "held": 0 if problem.held is None else len(problem.held),
        "columns": columns,
        "target": recipe.target,
        "classes": table.classes,
        "labeled": table.target is not None,
        "shape": recipe.shape,
        "image": recipe.of_images,
        "decisions": recipe.decisions(),
        "dropped": table.dropped,
    }


def points(problem: Problem, first: int, second: int) -> Reply:
    """Two columns of the rows, their targets, and which of them validate."""
    table = table_of(problem)
    shown = np.unique(np.linspace(0, len(table) - 1, min(len(table), SHOWN_POINTS)).astype(int))
    flat = table.features.reshape(len(table), -1)
    held = np.zeros(len(table), np.float32)
    if problem.held is not None:
        held[problem.held] = 1
    buffers = {
        "first": flat[shown, check_column(flat, first)],
        "second": flat[shown, check_column(flat, second) if flat.shape[1] > 1 else 0],
        "row": shown,
        "held": held[shown],
    }
    if table.target is not None:
        buffers["target"] = table.target[shown]
    return Reply("points", {"rows": len(shown), "of": len(table)}, buffers)


def predict(problem: Problem, params: Mapping[str, Any], features: np.ndarray) -> Predicted:
    """The predictions for raw rows."""
    scores = np.asarray(problem.network.in_blocks(params, features), np.float64).reshape(len(features), -1)
    return problem.decided(scores)


def list_rows(
    problem: Problem,
    params: Mapping[str, Any],
    part: str,
    cell: tuple[int, int],
    offset: int,
    count: int,
) -> Reply:
    """Rows with their predictions, the largest loss first."""
    table, places = table_of(problem), _places(problem, part)
    losses = np.asarray(problem.walk.in_blocks(params, *problem.rows(places)), np.float64)
    losses = losses if problem.loss is not None else np.zeros(len(places))
    found = predict(problem, params, problem.inputs[0][places])
    wanted = np.ones(len(places), bool)
    if table.classes and table.target is not None:
        true, predicted = cell
        wanted &= (table.target[places] == true) if true >= 0 else True
        wanted &= (found.value == predicted) if predicted >= 0 else True
    order = np.argsort(-losses, kind="stable")
    order = order[wanted[order]]
    shown = order[max(offset, 0) : max(offset, 0) + min(max(count, 1), 200)]
    rows = [_told(problem, table, int(places[i]), found, losses, int(i)) for i in shown]
    image = len(table.recipe.shape) == 3
    buffers = {"images": table.features[places[shown]].astype(np.float32)} if image and len(shown) else {}
    data = {"rows": rows, "total": len(order), "part": part, "offset": offset, "columns": _names(table)}
    return Reply("rows", data, buffers)


def confusion(problem: Problem, params: Mapping[str, Any], part: str) -> Reply:
    """The confusion matrix and the accuracy, or the error of numbers, on a part of the rows."""
    table, places = table_of(problem), _places(problem, part)
    if table.target is None:
        raise DataError("the rows have no target\n  fix: give rows with the column that is predicted")
    found, target = predict(problem, params, problem.inputs[0][places]), table.target[places]
    data: dict[str, Any] = {"part": part, "rows": len(places)}
    if table.classes:
        count = len(table.classes)
        matrix = np.zeros((count, count), int)
        np.add.at(matrix, (target.astype(int), found.value.astype(int)), 1)
        data |= {"matrix": matrix.tolist(), "accuracy": float(np.trace(matrix) / max(len(places), 1))}
    else:
        error = found.value - target
        spread = float(np.sum((target - target.mean()) ** 2))
        data |= {
            "rmse": float(np.sqrt(np.mean(error**2))),
            "mae": float(np.mean(np.abs(error))),
            "r2": 1 - float(np.sum(error**2)) / spread if spread else None,
        }
        kept = np.linspace(0, len(places) - 1, min(len(places), 2000)).astype(int)
        return Reply("confusion", data, {"target": target[kept], "predicted": found.value[kept], "row": places[kept]})
    return Reply("confusion", data)


def attribution(problem: Problem, params: Mapping[str, Any], row: int) -> Reply:
    """The share of each input in the prediction of a row, from the mean of the rows (of images: from nothing) to it.

    Exact where the network is piecewise affine, else by a quadrature along the way.
    """
    table, places = table_of(problem), check_rows(problem, row, 1)
    x = problem.inputs[0]
    image = len(table.recipe.shape) > 1
    if any(c.categories for c in table.recipe.columns) or not np.isfinite(x[places].astype(np.float64)).all():
        raise DataError("shares are told of rows of numbers without blanks\n  fix: another row, or columns of numbers")
    baseline = np.zeros(x.shape[1:]) if image else np.nanmean(x.astype(np.float64), axis=0)
    try:
        found = problem.network.attribute(params, x[places], baseline=baseline)
    except UnsupportedError:
        found = problem.network.attribute(params, x[places], baseline=baseline, method="integrated")
    shift, scale = (0.0, 1.0) if problem.classes else problem.unit
    entry = int(found.entry[0])
    several = problem.classes and len(problem.classes) > entry and found.values.size
    data = {
        "row": row,
        "method": found.method,
        "of": f"the score of {problem.classes[entry]}" if several else table.recipe.target,
        "from": float(found.baseline_output[0]) * scale + shift,
        "to": float(found.output[0]) * scale + shift,
        "missing": float(found.missing[0]) * scale,
        "names": [] if image else _all_names(table),
        "values": [] if image else [float(v) for v in x[row]],
    }
    return Reply("attribute", data, {"shares": found.values[0] * scale})


def _told(problem: Problem, table: Table, row: int, found: Predicted, losses: np.ndarray, i: int) -> dict[str, Any]:
    """One line of the list."""
    target = None if table.target is None else table.target[row]
    names = table.classes
    told: dict[str, Any] = {
        "row": row,
        "line": int(table.lines[row]) if table.lines is not None else row + 1,
        "unit": table.unit,
        "loss": float(losses[i]),
        "confidence": float(found.confidence[i]),
        "held": problem.held is not None and row in problem.held,
        "cells": _cells(table, row),
    }
    if names:
        told["predicted"] = names[int(found.value[i])]
        told["true"] = None if target is None else names[int(target)]
    else:
        told["predicted"] = float(found.value[i])
        told["true"] = None if target is None else float(target)
    return told


def _cells(table: Table, row: int) -> list[Any]:
    """The first columns of a row, texts as texts."""
    if len(table.recipe.shape) > 1:
        return []
    values = table.features[row][:SHOWN_COLUMNS]
    if not table.recipe.columns:
        return [float(v) for v in values]
    cells: list[Any] = []
    for column, value in zip(table.recipe.columns, values, strict=False):
        texts = (*column.categories, "(another)")
        cells.append("" if np.isnan(value) else texts[int(value)] if column.categories else float(value))
    return cells


def _all_names(table: Table) -> list[str]:
    return list(table.names) or [f"x{i + 1}" for i in range(table.recipe.shape[0])]


def _names(table: Table) -> list[str]:
    if table.recipe.columns:
        return list(table.names[:SHOWN_COLUMNS])
    return (
        [] if len(table.recipe.shape) > 1 else [f"x{i + 1}" for i in range(min(table.recipe.shape[0], SHOWN_COLUMNS))]
    )


def table_of(problem: Problem) -> Table:
    """The rows, where there are some."""
    if problem.table is None:
        raise DataError("no rows were given\n  fix: reseau explore MODEL --data ROWS.csv, or drop a file on the page")
    return problem.table


def _places(problem: Problem, part: str) -> np.ndarray:
    """Places of the rows of a part: "held", "train" or "all"; the first 20,000 of them."""
    if part == "held" and problem.held is not None and len(problem.held):
        return problem.held[:EVALUATED]
    if part == "train":
        return problem.train[:EVALUATED]
    return np.arange(min(problem.count, EVALUATED))


def check_column(features: np.ndarray, i: int) -> int:
    """A column that exists."""
    if not 0 <= i < features.shape[1]:
        raise DataError(f"there is no column {i + 1}\n  fix: a column from 1 to {features.shape[1]}")
    return i


def range_of(values: np.ndarray) -> tuple[float, float]:
    """The least and the largest value."""
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
