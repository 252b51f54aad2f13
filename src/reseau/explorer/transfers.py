"""What is read from and written to files: tables that a page sends, checkpoints of a run, and the network as a file.

Nothing here writes anywhere but into a temporary folder that is gone at the end: the bytes go to the page, which offers
them as a download.
"""

import io
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from reseau.data import Table, learn_recipe, read_rows, read_sheet
from reseau.errors import DataError, GraphError, ModelFileError
from reseau.explorer.problem import Problem, Shape
from reseau.explorer.trainer import Moment, Settings
from reseau.modelfiles.safetensors import open_arrays

__all__ = ["MOST_BYTES", "model_bytes", "python_script", "read_moments", "read_table", "run_bytes"]

MOST_BYTES = 2**26  # of a table that a page sends
MOST_MOMENTS = 200
SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather")
OPTIMIZER_CODE = {
    "adam": "rs.optimizers.Adam({rate:g})",
    "adamw": "rs.optimizers.AdamW({rate:g})",
    "sgd": "rs.optimizers.SGD({rate:g})",
    "momentum": "rs.optimizers.SGD({rate:g}, momentum=0.9)",
    "rmsprop": "rs.optimizers.RMSProp({rate:g})",
    "adagrad": "rs.optimizers.Adagrad({rate:g})",
}


def read_table(content: bytes, name: str, target: str) -> tuple[Table, tuple[str, ...]]:
    """The table of a file's bytes, with the usual decisions where something is not said, and names of its columns.

    Args:
        content: The bytes, up to 64 MiB.
        name: Name of the file; its suffix says of which kind it is.
        target: The column to predict; the last one where it is empty.
    """
    if len(content) > MOST_BYTES:
        raise DataError(f"the file has {len(content):,} bytes\n  fix: up to {MOST_BYTES:,}; reseau train reads larger")
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"a file {suffix or 'without a suffix'} is no table\n  fix: one of {', '.join(SUFFIXES)}")
    with tempfile.TemporaryDirectory(prefix="reseau-") as folder:
        path = Path(folder) / f"table{suffix}"
        path.write_bytes(content)
        try:
            sheet = read_sheet(path)
            column = target or sheet.names[-1]
            table = read_rows(sheet, learn_recipe(sheet, column, auto=True))
            lines = None if table.lines is None else [int(n) for n in table.lines]  # while the file is there
        except DataError as error:
            raise DataError(str(error).replace(str(path), name)) from error
    if len(table) < 8:
        raise DataError(f"{name}: {len(table)} rows are too few to train on\n  fix: 8 rows or more")
    return Table(table.features, table.target, table.recipe, table.dropped, lines, table.unit), tuple(sheet.names)


def read_moments(folder: Path, problem: Problem) -> list[Moment]:
    """The checkpoints of a folder as moments of this network; none where the folder is not there.

    Raises:
        ModelFileError: A checkpoint is damaged, or of another network.
    """
    paths = sorted(folder.glob("checkpoint-*.safetensors"))[-MOST_MOMENTS:]
    start = problem.parameters(0)
    shapes = {name: np.shape(value) for name, value in start.items()}

    def take(file: Any) -> dict[str, np.ndarray]:
        found = {}
        for kind in ("params", "states"):
            for key in list(file.keys()):
                name = key.removeprefix(f"{kind}/")
                if key != name and name in shapes:
                    if tuple(file.get_slice(key).get_shape()) != shapes[name]:
                        raise ModelFileError(f"{name!r} has another shape there\n  fix: the checkpoints of this run")
                    found[name] = file.get_tensor(key)
        return found

    moments = []
    for path in paths:
        own = open_arrays(path, take)
        if not own:
            raise ModelFileError(f"{path}: it is a checkpoint of another network\n  fix: the checkpoints of this run")
        moments.append(Moment(int(path.stem.rpartition("-")[2]), start | own, path.name))
    return moments


def model_bytes(problem: Problem, params: Mapping[str, Any], suffix: str) -> bytes:
    """The network as a model file, its output in the unit of the target, with the recipe of its rows."""
    network, more = problem.kept()
    recipe = None if problem.table is None else problem.table.recipe
    with tempfile.TemporaryDirectory(prefix="reseau-") as folder:
        path = Path(folder) / f"model.{suffix}"
        network.save(path, dict(params) | more, recipe=recipe if recipe is not None and recipe.columns else None)
        return path.read_bytes()


def run_bytes(problem: Problem, params: Mapping[str, Any], curve: Sequence[tuple[int, float, float]]) -> bytes:
    """The folder of a run, zipped: the model, the curve as `history.csv`, and the drawing where it can be drawn."""
    files: dict[str, str | bytes] = {"model.safetensors": model_bytes(problem, params, "safetensors")}
    lines = [f"{step},{loss},{validation}" for step, loss, validation in curve]
    files["history.csv"] = "\n".join(["step,loss,validation_loss", *lines, ""])
    with suppress(GraphError):  # too large to be drawn
        files["network.svg"] = problem.network.draw()
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"explored-run/{name}", content)
    return zipped.getvalue()


def python_script(data: Mapping[str, Any], shape: Shape, settings: Settings, steps: int) -> str:
    """A program that generates the rows, makes the network and trains it as the page does."""
    terms = {"none": "", "l2": f", penalty=rs.penalties.L2({settings.strength:g})"}
    terms["l1"] = f", penalty=rs.penalties.L1({settings.strength:g})"
    return "\n".join(
        [
            '"""The network of the page, trained without it."""',
            "",
            "import reseau as rs",
            "from reseau.explorer.datasets import generate",
            "from reseau.explorer.problem import Shape, build",
            "",
            f"table = generate({data['data']!r}, rows={data['rows']}, noise={data['noise']!r}, seed={data['seed']})",
            f"shape = Shape(hidden={shape.hidden!r}, filters={shape.filters!r}, activation={shape.activation!r})",
            f"problem = build(table, shape, {data['seed']}, {data['data']!r})",
            f"objective = rs.Objective(problem.network, problem.loss{terms[settings.penalty]})",
            "result = rs.fit(",
            "    objective,",
            "    (problem.inputs[0][problem.train], problem.targets[problem.train]),",
            f"    optimizer={OPTIMIZER_CODE[settings.optimizer].format(rate=settings.rate)},",
            f"    batches=rs.batches.Shuffled({min(settings.batch, 10**9)}),",
            f"    steps={max(steps, 1)},",
            f"    seed={settings.seed},",
            "    validation=(problem.inputs[0][problem.held], problem.targets[problem.held]),",
            ")",
            'problem.network.save("network.onnx", result.params)',
            'print(result.history["validation_loss"][-1])',
            "",
        ]
    )
