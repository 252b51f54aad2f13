"""`reseau predict`."""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reseau.cli.folders import names_of_pictures
from reseau.cli.loading import load, load_rows, name_of
from reseau.cli.options import Predict
from reseau.cli.run_folder import check_not_read, find_model
from reseau.data import Sheet, Table
from reseau.data.table.columns import spelled
from reseau.errors import DataError

if TYPE_CHECKING:
    from reseau.cli.model import Model
    from reseau.cli.promise import Promise

__all__ = ["predict"]


def predict(arguments: Predict) -> int:
    """Write one prediction a row, with the columns that name it, and the probability of each class if there are any."""
    name_of(arguments)
    check_not_read(arguments.out, arguments.data)
    path = find_model(arguments.run)
    from reseau.cli.model import read_model
    from reseau.compile_cache import use_compile_cache
    from reseau.disk import replace_file

    use_compile_cache()
    model = read_model(path)
    table, beside, name = _rows(arguments, model)
    text = io.StringIO()
    promise, cells = None, None
    if arguments.interval is not None:
        promise, cells = _promise(path, model, table, arguments.interval)
    head, rows = _predictions(model, table, promise, cells)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(beside.names if beside is not None else ()), *head])
    writer.writerows([*kept, *row] for kept, row in zip(_cells(beside, len(table)), rows, strict=True))
    if arguments.out is None or arguments.out == "-":
        sys.stdout.write(text.getvalue())
    else:
        replace_file(Path(arguments.out), [text.getvalue().encode()])
        print(f"{name}: {len(table)} predictions in {arguments.out}")
    return 0


def _rows(arguments: Predict, model: "Model") -> tuple[Table, Sheet | None, str]:
    """The rows, and the columns that are written beside their predictions."""
    suffix = Path(arguments.data or "").suffix.lower()
    if model.recipe.columns and arguments.data and suffix != ".npz" and not Path(arguments.data).is_dir():
        keys = arguments.key or model.recipe.keys
        table, sheet, name = load_rows(arguments, model.recipe, None if arguments.keep_columns else keys)
        for lost in keys if not arguments.keep_columns else ():
            if lost not in sheet.places:
                print(f"warning: there is no column {lost!r}, which named the rows of training", file=sys.stderr)
        return table, sheet if keys or arguments.keep_columns else None, name
    if arguments.key or arguments.keep_columns or arguments.missing != "error":
        raise DataError(
            f"--key, --keep-columns and --missing are for tables with named columns, {name_of(arguments)} is none\n"
            "  fix: leave them out"
        )
    table, name = load(arguments, model.recipe, labeled=False)
    return table, names_of_pictures(Path(arguments.data or "-")), name


def _promise(path: Path, model: "Model", table: Table, level: float) -> "tuple[Promise, np.ndarray | None]":
    """What the test part that the run keeps promises at this level, and the group of each row where it has groups."""
    from reseau.cli.groups import groups_of
    from reseau.cli.promise import kept_outputs, promise_of

    outputs = kept_outputs(path, model)
    promise = promise_of(model, outputs, level)
    if outputs.groups is None or promise.by_class:
        return promise, None
    cells = groups_of(table, outputs.column)
    if strange := int(np.sum([cell not in promise.groups for cell in cells.tolist()])):
        print(
            f"warning: column {outputs.column!r}: the group of {strange} of {len(table)} rows had too few test rows "
            "for a level; their interval has no ends, their set holds every class",
            file=sys.stderr,
        )
    return promise, cells


def _predictions(
    model: "Model", table: Table, promise: "Promise | None", cells: np.ndarray | None
) -> tuple[list[str], Iterator[Sequence[str]]]:
    """Names of the columns, and the cells of each row."""
    from reseau.cli.metrics import decided, probabilities

    width = model.network.graph.outputs[0].shape[1:]
    scores = model.scores(table.features) if len(table) else np.empty((0, *map(int, width)))
    classes, target = model.recipe.classes, model.recipe.target
    if not classes and promise is None:
        return [f"predicted {target}"], ([f"{value:.7g}"] for value in scores[:, 0].tolist())
    if not classes and promise is not None:
        from reseau.cli.promise import rounded_outward

        ends = zip(*(end.tolist() for end in promise.interval(scores[:, 0], cells)), strict=True)
        return [f"predicted {target}", f"lower {target}", f"upper {target}"], (
            [f"{value:.7g}", rounded_outward(low, up=False), rounded_outward(high, up=True)]
            for value, (low, high) in zip(scores[:, 0].tolist(), ends, strict=True)
        )
    shares = probabilities(scores, model.loss)
    head = [f"predicted {target}", *(f"probability of {c}" for c in classes if shares is not None)]
    columns: list[Sequence[Sequence[str]]] = [[[classes[k]] for k in decided(model, scores)]]
    if shares is not None:
        columns.append([[f"{p:.6f}" for p in row] for row in shares])
    if promise is not None and shares is not None:
        head.append(f"classes that hold {target} with {100 * promise.guarantee.level:g} %")
        sets = promise.sets(shares, cells)
        columns.append([[" | ".join(c for c, inside in zip(classes, row, strict=True) if inside)] for row in sets])
    return head, ([cell for part in row for cell in part] for row in zip(*columns, strict=True))


def _cells(beside: Sheet | None, rows: int) -> Iterator[list[str]]:
    """The cells of each row that are written beside its prediction."""
    columns = beside.columns if beside is not None else ()
    return ([spelled(cells, i) for cells in columns] for i in range(rows))
