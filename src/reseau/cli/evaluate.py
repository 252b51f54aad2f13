"""`reseau evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING

from reseau.cli.loading import load, name_of
from reseau.cli.options import Evaluate
from reseau.cli.run_folder import find_model

if TYPE_CHECKING:
    from reseau.cli.model import Model
    from reseau.data import Table

__all__ = ["evaluate"]


def evaluate(arguments: Evaluate) -> int:
    """Print how good the predictions of a run are, and write a report about it where one is asked for."""
    name_of(arguments)
    path = find_model(arguments.run)
    from reseau.cli.known_rows import count_known
    from reseau.cli.metrics import measure
    from reseau.cli.model import read_model
    from reseau.compile_cache import use_compile_cache

    use_compile_cache()
    model = read_model(path)
    table, name = load(arguments, model.recipe, labeled=True)
    measured = measure(model, table)
    dropped = f" ({table.dropped} with blanks left out)" if table.dropped else ""
    print(f"{name}: {measured.rows} rows{dropped}")
    known = count_known(path, table)
    if known:
        print(
            f"note: {known} of {len(table)} of these rows were trained on; the run's report has the figures for others"
        )
    elif known is None and name == model.data:
        print("note: it was trained on rows of this data; its report has the figure for rows it has not seen")
    for what, value in measured.lines:
        print(f"{what}: {value}")
    for mistake in measured.confusions():
        print(f"  {mistake}")
    if arguments.report is not None:
        _report(Path(arguments.report), model, table, f"{Path(arguments.run).name} on {name}")
    return 0


def _report(path: Path, model: "Model", table: "Table", title: str) -> None:
    """The report of a run, on these rows, as one HTML file."""
    from reseau.cli.evaluation import evaluation, importance_of, outputs_of, worst_rows
    from reseau.cli.report import result_blocks
    from reseau.disk import replace_file
    from reseau.report.document import Document, Section, Text, to_html

    outputs = outputs_of(model, table)
    found = evaluation(
        model, outputs, importance=importance_of(model, table, 0), worst=worst_rows(model, table, outputs)
    )
    about = Text(f"{len(table)} rows; it predicts {model.recipe.target!r} and was trained on {model.data}.")
    document = Document(title, (about,), (Section("Result", tuple(result_blocks(found))),))
    replace_file(path, [to_html(document, found.pictures).encode()])
    print(f"wrote {path}")
