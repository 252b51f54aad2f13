"""`reseau explore`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseau.cli.loading import load
from reseau.cli.options import Explore
from reseau.cli.run_folder import find_model
from reseau.errors import DataError

if TYPE_CHECKING:
    from reseau.data import Table
    from reseau.explorer.problem import Problem
    from reseau.explorer.replies import Reply
    from reseau.explorer.trainer import Moment

__all__ = ["explore"]

HELD = 0.25


def explore(arguments: Explore) -> int:
    """Serve a page on which a network is seen and driven, until Ctrl-C."""
    from reseau.cli.train import raising_interrupts
    from reseau.compile_cache import use_compile_cache
    from reseau.explorer.explorer import Explorer
    from reseau.explorer.server import serve

    use_compile_cache()
    if arguments.model is None:
        if arguments.data or arguments.checkpoints:
            raise DataError("--data and --checkpoints go with a model\n  fix: reseau explore RUN --data rows.csv")
        made, moments = None, list["Moment"]()
    else:
        path = find_model(arguments.model)
        made = _problem(path, arguments)
        moments = _moments(Path(arguments.model), made, arguments.checkpoints)
    if arguments.export is not None:
        return _export(Path(arguments.export), made)

    def say(address: str) -> None:
        print(f"{address}\nthe page is for this machine alone; Ctrl-C ends it", flush=True)

    def make(tell: "Callable[[Reply], None]") -> Explorer:
        return Explorer(made, moments, tell)

    with suppress(KeyboardInterrupt), raising_interrupts():
        serve(make, port=arguments.port, browser=not arguments.no_browser, say=say)
    return 0


def _export(path: Path, made: "Problem | None") -> int:
    """Write one page that stands alone."""
    from reseau.disk import replace_file
    from reseau.explorer.standalone_page import page_of

    if made is None:
        raise DataError("--export writes the page of a model\n  fix: reseau explore RUN --export page.html")
    if path.suffix.lower() != ".html":
        raise DataError(f"--export {path}: a page ends in .html\n  fix: --export {path.with_suffix('.html')}")
    replace_file(path, [page_of(made, made.parameters(0)).encode()])
    print(f"wrote {path}, which opens in any browser and loads nothing")
    return 0


def _problem(path: Path, arguments: Explore) -> "Problem":
    """The model of a file, with its rows where some were named."""
    from reseau.cli.design import CLASS_LOSSES, NUMBER_LOSSES
    from reseau.cli.design_from_file import continued
    from reseau.cli.model import model_of
    from reseau.cli.network_file import read_network
    from reseau.data import split
    from reseau.explorer.problem import Problem

    title = path.parent.name if path.name == "model.safetensors" else path.name
    file = read_network(path)
    if "recipe" in file.words:
        model = model_of(file)
        if not arguments.data and model.data == "digits":
            arguments = replace(arguments, dataset="digits")
        if not arguments.data and not arguments.dataset:
            note = f"No rows were given: these are drawn from a normal distribution. --data with rows like {model.data}"
            return Problem(title, model.network, start=model.params, note=note)
        table, _ = load(arguments, model.recipe, labeled=True)
        two = model.loss != "cross-entropy" and bool(model.recipe.classes)
        fields: dict[str, Any] = {
            "network": model.network,
            "loss": (CLASS_LOSSES | NUMBER_LOSSES)[model.loss],
            "unit": (0.5, 0.5) if two else (0.0, 1.0),
            "start": model.params,
        }
    elif arguments.data:
        table = _table(Path(arguments.data), arguments.target)
        made, params = continued(file, None, table)
        fields = {"network": made.kept, "loss": made.loss, "start": made.kept.init(0) | dict(params)}
    else:
        network, params = file.network, file.params
        note = "No rows were given: these are drawn from a normal distribution. --data ROWS.csv gives some."
        return Problem(title, network, start=params, note=note)
    held = split(len(table), HELD, 0)[1] if len(table) > 3 else None
    note = "A quarter of the rows validate here; the model may have been trained on any of them."
    return Problem(title, table=table, held=held, note=note, **fields)


def _table(path: Path, target: str | None) -> "Table":
    """The rows of a table for a model that does not say how it reads them."""
    from reseau.data import learn_recipe, read_rows, read_sheet

    sheet = read_sheet(path)
    return read_rows(sheet, learn_recipe(sheet, target or sheet.names[-1]))


def _moments(run: Path, made: "Problem", asked: str | None) -> "list[Moment]":
    """The checkpoints beside a run, or in the folder that was named."""
    from reseau.explorer.transfers import read_moments

    if asked is not None:
        found = read_moments(Path(asked), made)
        if not found:
            raise DataError(f"{asked}: there is no checkpoint in it\n  fix: the folder that rs.fit(checkpoint=) wrote")
        return found
    folders = [run / "checkpoints", run.with_name(f"{run.name}.partial") / "checkpoints"]
    return next((read_moments(folder, made) for folder in folders if folder.is_dir()), [])
