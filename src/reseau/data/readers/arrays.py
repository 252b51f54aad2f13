"""Data that is numbers already: arrays, and the .npz files that hold them."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from os import PathLike
from tokenize import TokenError
from typing import IO, Any, BinaryIO

import numpy as np

from reseau.data.table.columns import NOTHING, Cells, Sheet, Texts, label
from reseau.data.table.decide import looks_few
from reseau.data.table.encoding import read_rows
from reseau.data.table.recipe import Recipe
from reseau.data.table.survey import check_task, learn_recipe
from reseau.data.table.table import Table
from reseau.disk import file_error
from reseau.errors import DataError
from reseau.named_arguments import names_arguments

__all__ = ["FAILURES", "from_arrays", "npy_header", "read_npz"]

FEATURES = ("X", "x", "features", "images", "data")
FAILURES = (
    *(ValueError, TypeError, KeyError, EOFError, MemoryError, RuntimeError, SyntaxError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, TokenError),
)
MOST_UNPACKED = 2 << 30  # bytes of compressed members: a small file can claim to hold a disk
MOST_DEFLATED = 1032  # bytes that one byte of a zip archive can stand for, at most
TARGETS = ("y", "target", "targets", "label", "labels")


@names_arguments
def read_npz(
    path: str | PathLike[str],
    *,
    target: str | None = None,
    task: str = "auto",
    missing: str = "error",
    part: str = "",
    recipe: Recipe | None = None,
    labeled: bool = True,
) -> Table | None:
    """Read the arrays X and y of an .npz file, or x_train, y_train, x_test, y_test. Nothing is unpickled.

    Args:
        path: The file.
        target: Name of the array of targets; y, target or labels by default.
        task: "classification", "regression" or "auto".
        missing: What to do about NaN among features (n, d), as in `read_csv`.
        part: "train" or "test" for files with both.
        recipe: That of a model, which the arrays must fit.
        labeled: Whether targets are wanted.

    Returns:
        The table; nothing where the file has no such part.

    Example:
        >>> import tempfile, numpy as np, reseau as rs
        >>> path = tempfile.mkdtemp() + "/t.npz"
        >>> np.savez(path, X=np.eye(3), y=np.array([0.5, 1.5, 2.5]))
        >>> rs.data.read_npz(path).features.shape
        (3, 3)
    """
    ending = f"_{part}" if part else ""
    features = [name + ending for name in FEATURES]
    targets = [target] if target is not None and not part else [n + ending for n in (target, *TARGETS) if n]
    with _refusals(path), open(path, "rb") as opened:
        _check_sizes(opened)
        with np.load(opened, allow_pickle=False) as file:
            x, y = (next((n for n in names if n in file.files), None) for names in (features, targets))
            if part and x is None:
                return None
            if x is None or (labeled and y is None):
                missing = f"an array {target!r}" if x and target else "the arrays X and y"
                raise DataError(
                    f"{path}: it does not hold {missing}, but {', '.join(file.files[:8]) or 'nothing'}\n"
                    "  fix: np.savez(path, X=X, y=y), or --target with the name of the targets"
                )
            arrays = file[x], file[y] if labeled and y else None
    return from_arrays(*arrays, source=str(path), target=y or "y", task=task, missing=missing, recipe=recipe)


def from_arrays(
    X: np.ndarray,
    y: np.ndarray | None,
    *,
    source: str = "the data",
    target: str = "y",
    task: str = "auto",
    missing: str = "error",
    recipe: Recipe | None = None,
) -> Table:
    """A table from arrays: X is (n, d), or images (n, height, width[, channels]); y is (n,).

    Args:
        X: Numbers, all of them finite; or NaN where `missing` or the recipe says what to do about it.
        y: Class names or numbers; nothing where it is not known.
        source: What messages call the data.
        target: Name of what is predicted.
        task: "classification", "regression" or "auto".
        missing: What to do about NaN in X of shape (n, d): "error", "drop" or "impute", as in `read_csv`. Where it is
            not "error", X is read as a table whose columns are called 1 to d.
        recipe: That of a model, which the data must fit.

    Example:
        >>> import numpy as np, reseau as rs
        >>> rs.data.from_arrays(np.eye(3), np.array([0.5, 1.5, 2.5])).recipe.task
        'regression'
    """
    check_task(task)
    X = np.asarray(X)
    if X.ndim == 3:
        X = X[..., None]
    if X.ndim not in (2, 4) or X.dtype.kind not in "fiub" or 0 in X.shape:
        raise DataError(
            f"{source}: the features are {X.dtype} of shape {X.shape}\n"
            "  fix: numbers of shape (n, d), or images (n, height, width[, channels]), n at least 1"
        )
    if recipe is not None and X.shape[1:] != recipe.shape:
        raise DataError(
            f"{source}: its examples have the shape {X.shape[1:]}, the model reads {recipe.shape}\n"
            "  fix: give data of the kind it was trained on"
        )
    if X.ndim == 2 and (missing != "error" or (recipe is not None and recipe.columns)):
        return _as_columns(X, y, source, target, task, missing, recipe)
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(X))[0])
        raise DataError(f"{source}: entry {place} of the features is {X[place]}\n  fix: remove the row, or fill it in")
    if y is None:
        return Table(X, None, recipe or Recipe(X.shape[1:], target))
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != X.shape[:1]:
        raise DataError(
            f"{source}: the targets have the shape {y.shape}, the features {len(X)} rows\n  fix: one target a row"
        )
    if y.dtype.kind not in "fiubU" or (y.dtype.kind == "f" and not np.isfinite(y).all()):
        raise DataError(f"{source}: the targets ({y.dtype}) are not all finite numbers or texts\n  fix: correct them")
    recipe = recipe or Recipe(X.shape[1:], target, _classes(y, source, task))
    return Table(X, _numbers(y, recipe, source), recipe)


def _as_columns(
    X: np.ndarray, y: np.ndarray | None, source: str, target: str, task: str, missing: str, recipe: Recipe | None
) -> Table:
    """The rows as those of a table, whose columns are called by their numbers or as the recipe calls them."""
    if recipe is not None and (texts := [c.name for c in recipe.columns if c.categories]):
        raise DataError(f"{source}: the model reads texts in column {texts[0]!r}\n  fix: give a table, not arrays")
    names = [c.name for c in recipe.columns] if recipe else [str(i + 1) for i in range(X.shape[1])]
    columns: list[Cells] = list(np.asarray(X, np.float64).T)
    if y is not None:
        y = np.asarray(y).reshape(-1)
        values, codes = np.unique(y, return_inverse=True)
        columns.append(Texts.of([str(v) for v in values], codes) if y.dtype.kind in "Ub" else y.astype(np.float64))
        names.append(recipe.target if recipe else target)
    if any(len(c) != len(X) for c in columns):
        raise DataError(f"{source}: the targets are {len(columns[-1])}, the rows {len(X)}\n  fix: one target a row")
    sheet = Sheet(source, tuple(names), tuple(columns), range(1, len(X) + 1), unit="row", typed=True)
    recipe = recipe or learn_recipe(sheet, target, task=task, missing=missing)
    return read_rows(sheet, recipe, target=y is not None, drop=y is not None)


@contextmanager
def _refusals(path: str | PathLike[str]) -> Iterator[None]:
    """Whatever is wrong with a file of arrays is one `DataError`."""
    try:
        yield
    except OSError as error:
        raise file_error(path, error) from error
    except FAILURES as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path}: it is not a whole .npz file of numbers: {str(error).partition(chr(10))[0]}\n"
            "  fix: write it with np.savez(path, X=X, y=y)"
        ) from error


def _check_sizes(opened: BinaryIO) -> None:
    """Refuse an archive in which an array declares another size than its bytes have, before any is allocated."""
    with zipfile.ZipFile(opened) as archive:
        members = archive.infolist()
        unpacked = sum(m.file_size for m in members if m.compress_type != zipfile.ZIP_STORED)
        if unpacked > MOST_UNPACKED:
            raise DataError(
                f"{opened.name}: its members unpack to {unpacked} bytes, at most {MOST_UNPACKED} are read\n"
                "  fix: np.savez, which does not compress, or a folder of X*.npy and y*.npy, which is streamed"
            )
        for member in members:
            if member.file_size > MOST_DEFLATED * (member.compress_size + 1):
                raise ValueError(f"{member.filename} cannot have {member.file_size} bytes")
            with archive.open(member) as file:
                shape, _, dtype = npy_header(file)
                if not dtype.hasobject and prod(shape) * dtype.itemsize != member.file_size - file.tell():
                    raise ValueError(f"{member.filename} declares {shape}, but has {member.file_size} bytes")
    opened.seek(0)


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the numbers stand by columns, and type of a .npy file; NumPy reads the header as a literal.

    Raises:
        ValueError: It is damaged, or of a version that is for tables of named fields.
    """
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(file)
    except FAILURES as error:
        raise ValueError(f"its header is damaged: {str(error).partition(chr(10))[0]}") from error
    raise ValueError(f"version {version} of the format is for tables of named fields")


def _classes(y: np.ndarray, source: str, task: str) -> tuple[str, ...]:
    """Names of the classes; none for a regression."""
    text, few = y.dtype.kind == "U", looks_few(y)
    whole = y.dtype.kind != "f" or bool((y == np.floor(y)).all())
    if text and (blank := np.flatnonzero([v.strip().lower() in NOTHING for v in y.tolist()])).size:
        raise DataError(
            f"{source}: the target of row {blank[0] + 1} is blank ({str(y[blank[0]])!r})\n"
            "  fix: leave such rows out, for example X[known], y[known] with known = y != 'nan'"
        )
    if task == "auto" and few and not whole and len(np.unique(y)) > 1:
        values = np.unique(y)
        odd = values[values != np.floor(values)][0]
        raise DataError(
            f"{source}: the target has {len(values)} different values, such as {odd}: classes, or a number?\n"
            "  fix: task='regression' (--task regression) or task='classification' (--task classification)"
        )
    if task == "regression" or (task == "auto" and not text and y.dtype.kind != "b" and not (whole and few)):
        if text:
            raise DataError(f"{source}: the targets are texts\n  fix: task='classification' (--task classification)")
        if len(np.unique(y)) == 1:
            raise DataError(f"{source}: the target is {y[0]} in every row\n  fix: give rows that differ in it")
        return ()
    values = np.unique(y)
    if len(values) < 2:
        raise DataError(
            f"{source}: the target has one class only, {str(values[0])!r}\n  fix: give rows of at least two classes"
        )
    return tuple(label(str(v)) for v in values)


def _numbers(y: np.ndarray, recipe: Recipe, source: str) -> np.ndarray:
    if not recipe.classes:
        if y.dtype.kind == "U":
            raise DataError(f"{source}: the targets are texts, the model predicts a number\n  fix: give numbers")
        return y.astype(np.float64)
    number = {name: k for k, name in enumerate(recipe.classes)}
    values, places = np.unique(y, return_inverse=True)
    found = [number.get(label(str(v)), -1) for v in values]
    if -1 in found:
        raise DataError(
            f"{source}: {str(values[found.index(-1)])!r} is not a class of the model\n"
            f"  fix: one of {', '.join(recipe.classes[:8])}{', ...' if len(number) > 8 else ''}"
        )
    return np.array(found, np.int32)[places]
