"""From what the user names to tables: which reader, which parts."""

import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reseau.cli.folders import folder_part, holds_pictures, whole_folder
from reseau.cli.options import Predict, Rows, Train
from reseau.data import (
    Recipe,
    Sheet,
    Stream,
    Table,
    digits,
    read_npz,
    read_rows,
    read_sheet,
    split,
    stream,
)
from reseau.data.streams.npy_blocks import NpyBlock, npy_recipe
from reseau.data.streams.stream import stream_of
from reseau.data.table.survey import Survey, without_blanks
from reseau.disk import absent
from reseau.errors import DataError, EmptyTableError

__all__ = ["STREAMED_BYTES", "Parts", "load", "load_parts", "load_rows", "name_of", "parts_of"]

DEFAULT_TEST_SHARE = 0.2
STREAMED_BYTES = 2**30  # from this size on a Parquet file is not read at once
HELD_ROWS = 100_000  # of a stream, that its validation part and its test part have at most
SHOWN_ROWS = 10_000  # of a stream, that show the scale of its images and targets


@dataclass(frozen=True)
class Parts:
    """The data of a training run.

    Attributes:
        train: What is trained on; its recipe is the one that these rows give.
        validation: What decides when to stop, or nothing.
        test: What is measured at the end, or nothing.
        test_source: Where the test part comes from, in words.
        dropped: Rows left out because of blanks.
        stream: What is trained on where it is larger than memory; `train` then holds some of its rows.
        whole: The rows of training and validation under the recipe of the whole table, where they are in memory.
        drawn: Whether the test part was drawn at random among the rows.
    """

    train: Table
    validation: Table | None
    test: Table | None
    test_source: str
    dropped: int
    stream: Stream | None = None
    whole: Table | None = None
    drawn: bool = False

    @property
    def rows(self) -> int:
        """How many rows are trained on."""
        return len(self.train if self.stream is None else self.stream)


def name_of(arguments: Rows) -> str:
    """What the data is called: the path, or the name of the data set."""
    if (arguments.data is None) == (arguments.dataset is None):
        said = "both DATA and --dataset are" if arguments.data else "neither DATA nor --dataset is"
        raise DataError(f"{said} given\n  fix: give one: a table, an .npz file, an MNIST folder, or --dataset digits")
    return str(arguments.data or arguments.dataset)


def load(arguments: Rows, recipe: Recipe, *, labeled: bool) -> tuple[Table, str]:
    """Data for a trained network, and what it is, in words."""
    name = name_of(arguments)
    if arguments.dataset:
        table = digits()
        if table.recipe.shape != recipe.shape or table.classes != recipe.classes:
            raise DataError(f"the digits are {table.recipe.shape}, the model reads {recipe.shape}\n  fix: give DATA")
        return table, name
    return _read(name, recipe, arguments, labeled=labeled)


def load_rows(arguments: Predict, recipe: Recipe, beside: Collection[str] | None) -> tuple[Table, Sheet, str]:
    """The rows of a table to be predicted, some of its columns as they are spelled, and what it is, in words.

    There may be none: a day without orders has none to predict.

    Args:
        arguments: What the user said: `missing` is what to do about blanks that the network does not know.
        recipe: That of the network.
        beside: The columns to write beside the predictions; all of them where it is None. Those that the recipe calls
            keys may be missing, unless they are asked for.
    """
    name = name_of(arguments)
    wanted = None if beside is None else {*_wanted(recipe), *beside}
    try:
        sheet = _sheet(name, arguments, columns=wanted, texts=beside, decimal=_mark(recipe))
    except EmptyTableError as empty:
        names = empty.names or tuple(dict.fromkeys((*recipe.sources, *(beside or ()))))
        sheet = Sheet(name, names, tuple(np.empty(0) for _ in names), ())
    absent = [n for n in beside or () if n not in sheet.places]
    if absent and arguments.key:
        raise DataError(
            f"{sheet.path}: there is no column {absent[0]!r} to write beside the predictions\n"
            f"  fix: --key with one of {', '.join(sheet.names[:12])}{', ...' if len(sheet.names) > 12 else ''}"
        )
    if arguments.missing == "drop":
        sheet = without_blanks(sheet, tuple(n for n in recipe.sources if n in sheet.places))
    table = read_rows(sheet, recipe, target=False, drop=False, fill=arguments.missing == "impute")
    _tell_strange(table)
    return table, sheet if beside is None else sheet.only({*beside} - {*absent}), name


def _tell_strange(table: Table) -> None:
    """Say what is strange about new rows; the model clips the numbers that are absurd."""
    for strange in table.strange():
        print(f"warning: {strange}", file=sys.stderr)
    known = {column.name: column for column in table.recipe.columns}
    for name, count in table.outside().items():
        low, high = known[name].limits
        print(
            f"warning: column {name!r}: the number of {count} of {len(table)} rows lies far outside training "
            f"({known[name].low:g} to {known[name].high:g}), and was clipped to {low:g} to {high:g}",
            file=sys.stderr,
        )


def load_parts(arguments: Train) -> Parts:
    """The training, validation and test parts that the arguments ask for."""
    name = name_of(arguments)
    if arguments.size and not (Path(name).is_dir() and holds_pictures(Path(name))):
        raise DataError(f"--size is for folders of pictures, {name} is none\n  fix: leave --size out")
    if arguments.data and _is_streamed(Path(arguments.data)):
        return _streamed(arguments)
    table, test, source = _whole(arguments)
    if arguments.test is not None:
        test, source = _asked_test(arguments, table.recipe)
    share = 0.0 if arguments.cv and arguments.test is None else _share(arguments.test)
    if test is None and share:
        stay, held = split(len(table), share, arguments.seed, table.target if table.classes else None)
        test, source = table.rows(held), f"{100 * share:.4g} % of the rows, held out"
        return replace(parts_of(table.rows(stay), test, source, arguments), drawn=True)
    return parts_of(table, test, source, arguments)


def parts_of(rows: Table, test: Table | None, source: str, arguments: Train) -> Parts:
    """The training and validation parts of the rows that are not for the test, all under the recipe of the first."""
    train, validation = rows, None
    if arguments.validation:
        kept, held = split(len(rows), arguments.validation, arguments.seed + 1, rows.target if rows.classes else None)
        train, validation = rows.rows(kept), rows.rows(held)
    if not train.recipe.columns or _own_recipe(arguments) is None:
        train = train.fitted()
    return Parts(
        train,
        None if validation is None else validation.under(train.recipe),
        None if test is None else test.under(train.recipe),
        source,
        rows.dropped,
        whole=rows,
    )


def _is_streamed(path: Path) -> bool:
    """Whether the path holds what `rs.data.stream` reads: a folder of tables or arrays, or a large table."""
    if path.is_dir():
        return any(path.glob("X*.npy")) or any(path.glob("*.parquet"))
    return path.suffix.lower() == ".parquet" and path.exists() and path.stat().st_size >= STREAMED_BYTES


def _streamed(arguments: Train) -> Parts:
    """The parts of a stream; those for validation and test, and some rows that show scales, are in memory."""
    name, own, task = name_of(arguments), _own_recipe(arguments), arguments.task
    if own is not None:
        _leave_to(own, arguments)
    target = own.target if own else arguments.target or "y"
    _refuse(arguments, name, "columns", "drop", "names")
    if arguments.cv:
        raise DataError("--cv is for data that fits in memory\n  fix: leave --cv out")
    train = stream_of(name, _survey(arguments, target), own)
    rows = len(train)
    if train.table is None:
        _refuse(arguments, name, "missing", "text")
        train = replace(train, table=npy_recipe([b for b in train.blocks if isinstance(b, NpyBlock)], target, task))
    share, held = _share(arguments.test), {}
    if share:
        train, held["test"] = train.split(share, arguments.seed, HELD_ROWS)
    if arguments.validation:
        train, held["validation"] = train.split(arguments.validation, arguments.seed + 1, HELD_ROWS)
    recipe = train.recipe
    assert recipe is not None
    tables = {part: Table(*replace(kept, table=recipe).arrays(), recipe) for part, kept in held.items()}
    test, source = tables.get("test"), ""
    if test is not None:
        source = f"{100 * len(test) / rows:.4g} % of the rows, held out"
    elif arguments.test is not None:
        test, source = _asked_test(arguments, recipe)
    shown = Table(*train.sample(SHOWN_ROWS, arguments.seed), recipe)
    return Parts(shown, tables.get("validation"), test, source, 0, train)


def _whole(arguments: Train) -> tuple[Table, Table | None, str]:
    """All rows, and the test part that the data brings of its own."""
    name, path, target, task = name_of(arguments), Path(arguments.data or ""), arguments.target, arguments.task
    if arguments.dataset:
        _refuse(arguments, name, "target", "missing", "text")
        return digits(task), None, ""
    _exists(path)
    if path.is_dir():
        _refuse(arguments, name, "target", "missing", "text")
        table = folder_part(path, "train", task=task, size=arguments.size)
        if table is not None:
            return table, folder_part(path, "test", table.recipe), "the folder's own test part"
        return whole_folder(path, size=arguments.size), None, ""
    if path.suffix.lower() == ".npz":
        _refuse(arguments, name, "text")
        missing = arguments.missing
        parted = read_npz(path, target=target, task=task, missing=missing, part="train")
        if parted is not None:
            test = read_npz(path, target=target, part="test", recipe=parted.recipe)
            return parted, test, "the file's own test part"
        whole = read_npz(path, target=target, task=task, missing=missing)
        assert whole is not None
        return whole, None, ""
    own = _own_recipe(arguments)
    mark = _mark(own) if own else ""
    sheet = _sheet(name, arguments, without=arguments.drop, texts=arguments.key, decimal=mark, ragged=arguments.auto)
    if sheet.shortened:
        print(sheet.shortened, file=sys.stderr)
    sheet = _chosen(sheet, arguments)
    if own is not None:
        _leave_to(own, arguments)
        return read_rows(sheet, own), None, ""
    if target is None:
        raise DataError(
            f"{name}: which column is to be predicted is not said\n"
            f"  fix: --target with one of {', '.join(sheet.names[:12])}{', ...' if len(sheet.names) > 12 else ''}"
        )
    return read_rows(sheet, _survey(arguments, target).add(sheet).recipe()), None, ""


def _survey(arguments: Train, target: str) -> Survey:
    """What the arguments say of a table, before any row is met."""
    said = arguments.task, arguments.missing, arguments.text, arguments.auto, arguments.decimal, arguments.dates
    return Survey(target, *said, arguments.key, arguments.words)


def _chosen(sheet: Sheet, arguments: Train) -> Sheet:
    """The columns that the arguments ask for; names that are none are refused."""
    for option in ("columns", "key"):
        absent = [name for name in getattr(arguments, option) or () if name not in sheet.places]
        if absent:
            names = ", ".join(sheet.names[:12]) + (", ..." if len(sheet.names) > 12 else "")
            raise DataError(f"{sheet.path}: there is no column {absent[0]!r}\n  fix: --{option} with some of {names}")
    if arguments.columns is None:
        return sheet
    return sheet.only({*arguments.columns, *arguments.key, arguments.target or ""})


def _sheet(
    name: str,
    arguments: Rows,
    *,
    columns: Collection[str] | None = None,
    without: Collection[str] = (),
    texts: Collection[str] | None = (),
    decimal: str = "",
    ragged: bool = False,
) -> Sheet:
    """The columns of a file, read as the arguments say, or else with this decimal mark."""
    return read_sheet(
        name,
        columns=columns,
        without=without,
        texts=texts,
        decimal=arguments.decimal or decimal,
        delimiter=arguments.delimiter,
        header=arguments.header,
        names=arguments.names,
        ragged=ragged,
    )


def _wanted(recipe: Recipe) -> tuple[str, ...]:
    """Names of the columns that a recipe knows."""
    return (*recipe.sources, recipe.target, *(c.name for c in recipe.left_out))


def _mark(recipe: Recipe) -> str:
    """The decimal comma, where the training rows had one."""
    return "," if any(written[:1] == "," for written in (recipe.written, *(c.written for c in recipe.columns))) else ""


def _own_recipe(arguments: Train) -> Recipe | None:
    """How the network that training goes on with reads a table; nothing where there is none, or it reads arrays."""
    if arguments.source_file is None:
        return None
    words = arguments.source_file.words
    recipe = Recipe.from_json(words["recipe"]) if "recipe" in words else None
    return recipe if recipe is not None and recipe.columns else None


def _leave_to(own: Recipe, arguments: Train) -> None:
    """Refuse options that a network's own recipe settles."""
    settled = {
        "--target": arguments.target not in (None, own.target),
        "--task": arguments.task not in ("auto", own.task),
        "--missing": arguments.missing != "error",
        "--text": arguments.text != "error",
        "--auto": arguments.auto,
        "--decimal": arguments.decimal,
        "--dates": arguments.dates,
        "--words": arguments.words,
    }
    if said := [option for option, given in settled.items() if given]:
        raise DataError(
            f"{arguments.source}: the network knows how its table is read, and predicts {own.target!r}\n"
            f"  fix: leave {', '.join(said)} out"
        )


def _refuse(arguments: Train, name: str, *options: str) -> None:
    """Refuse options that mean nothing for this kind of data, rather than ignore them."""
    for option in options:
        if getattr(arguments, option) not in (None, "error", ()):
            raise DataError(f"--{option} is for tables with named columns, {name} is none\n  fix: leave --{option} out")


def _asked_test(arguments: Train, recipe: Recipe) -> tuple[Table | None, str]:
    """The test part from a file or a folder; nothing where a share is asked for."""
    if arguments.test is None or _share(arguments.test) is not None:
        return None, ""
    return _read(arguments.test, recipe, arguments, labeled=True)


def _share(asked: str | None) -> float | None:
    """The share of rows that is asked for; nothing where a file is."""
    if asked is None:
        return DEFAULT_TEST_SHARE
    try:
        share = float(asked)
    except ValueError:
        return None
    if not 0 <= share < 1:
        raise DataError(f"--test {asked} is neither a share below 1 nor a file\n  fix: --test 0.2")
    return share


def _read(name: str, recipe: Recipe, arguments: Rows, *, labeled: bool) -> tuple[Table, str]:
    """Data of the kind that a model was trained on."""
    path = Path(name)
    _exists(path)
    if labeled and _is_streamed(path):
        return Table(*stream(path, target=recipe.target, recipe=recipe).arrays(), recipe), name
    if path.is_dir() or holds_pictures(path):
        for part in ("test", "train") if labeled or not holds_pictures(path) else ():
            images = folder_part(path, part, recipe, labeled=labeled)
            if images is not None:
                return images, f"{name} ({part} part)"
        return whole_folder(path, recipe, labeled=labeled), name
    if path.suffix.lower() == ".npz":
        target = recipe.target
        table = read_npz(path, target=target, part="test", recipe=recipe, labeled=labeled)
        if table is not None:
            return table, f"{name} (test part)"
        whole = read_npz(path, target=target, recipe=recipe, labeled=labeled)
        assert whole is not None
        return whole, name
    sheet = _sheet(name, arguments, columns=_wanted(recipe), decimal=_mark(recipe))
    table = read_rows(sheet, recipe, target=labeled, drop=labeled)
    _tell_strange(table)
    return table, name


def _exists(path: Path) -> None:
    if str(path) != "-" and not path.exists():
        raise absent(path)
