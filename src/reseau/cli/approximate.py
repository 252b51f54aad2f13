"""`reseau approximate`."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseau.cli.options import Approximate
from reseau.errors import DataError
from reseau.extras import import_extra

if TYPE_CHECKING:
    from reseau.theory import Approximation
    from reseau.theory.shallow.shallow_network import FloatArray

__all__ = ["approximate"]

PICTURES = (".png", ".svg", ".pdf")


def approximate(arguments: Approximate) -> int:
    """Print how few affine pieces are within the tolerance, and what is proved; write the network and its picture."""
    _check_words(arguments)
    from reseau.theory import approximate as fewest_pieces

    interval = None if arguments.interval is None else tuple(arguments.interval)
    function: Any = arguments.expression if arguments.csv is None else _points(arguments.csv)
    found = fewest_pieces(function, interval, arguments.tolerance)
    lines = _lines(found, arguments)
    picture = None if arguments.plot is None else _picture(found, arguments)
    if arguments.out is not None:
        lines.append(_write(found, arguments.out, arguments.precision))
    if picture is not None and arguments.plot is not None:
        from reseau.disk import replace_file

        replace_file(Path(arguments.plot), [picture])
        lines.append(f"drawn in {arguments.plot}")
    print("\n".join(lines))
    return 0


def _check_words(arguments: Approximate) -> None:
    """Refuse, before any work, what cannot be done."""
    if (arguments.expression is None) == (arguments.csv is None):
        said = "both EXPRESSION and --csv are" if arguments.csv else "neither EXPRESSION nor --csv is"
        raise DataError(f'{said} given\n  fix: give one: an expression such as "sin(3*x)", or a file of points')
    if arguments.expression is not None and arguments.interval is None:
        raise DataError("an expression needs an interval\n  fix: --interval LOW HIGH, for example --interval -1 1")
    if arguments.out is not None:
        from reseau.modelfiles.formats import SUFFIXES

        _check_place(Path(arguments.out), tuple(SUFFIXES), "--out")
    if arguments.plot is not None:
        _check_place(Path(arguments.plot), PICTURES, "--plot")
        import_extra("matplotlib", "--plot")  # said before the work, not after it


def _check_place(path: Path, suffixes: tuple[str, ...], option: str) -> None:
    folder = path.parent
    if path.suffix.lower() not in suffixes:
        raise DataError(
            f"{option} {path}: the name does not end in {', '.join(suffixes[:-1])} or {suffixes[-1]}\n"
            f"  fix: {option} {path.with_suffix(suffixes[0]) if path.name else 'file' + suffixes[0]}"
        )
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "is a folder" if path.is_dir() else f"cannot be written: {folder} is not a folder that may be written"
        raise DataError(f"{option} {path} {why}\n  fix: {option} with another name")


def _points(name: str) -> "tuple[FloatArray, FloatArray]":
    """The points of a CSV file of two columns, sorted by the first."""
    import numpy as np

    from reseau.data import read_sheet
    from reseau.data.table.columns import as_numbers, spelled

    sheet = read_sheet(name)
    if len(sheet.names) != 2:
        raise DataError(f"{name}: {len(sheet.names)} columns are not points\n  fix: give two columns, x and then y")
    if len(sheet) < 2:
        raise DataError(f"{name}: there is only one point\n  fix: give two rows or more")
    columns = []
    for title, cells in zip(sheet.names, sheet.columns, strict=True):
        values = as_numbers(cells)[0]
        if not np.isfinite(values).all():
            i = int(np.flatnonzero(~np.isfinite(values))[0])
            cell = spelled(cells, i)
            said = f"{cell!r} is not a finite number" if cell else "the cell is blank"
            raise DataError(f"{name}: column {title!r}, line {sheet.lines[i]}: {said}\n  fix: correct or remove it")
        columns.append(values)
    x, y = columns
    falls = np.flatnonzero(np.diff(x) < 0)
    if len(falls):
        i = int(falls[0])
        raise DataError(
            f"{name}: line {sheet.lines[i + 1]}: x = {x[i + 1]:g} comes after x = {x[i]:g}\n"
            f"  fix: sort the rows by column {sheet.names[0]!r}"
        )
    return x, y


def _lines(found: "Approximation", arguments: Approximate) -> list[str]:
    """What was found and what is proved of it."""
    x = found.chords.x
    points = f"{len(x)} points of {arguments.csv}" if arguments.csv else arguments.expression
    fewest = "the fewest possible" if found.lower == found.upper else "perhaps not the fewest"
    return [
        f"{points} on [{x[0]:g}, {x[-1]:g}], tolerance {arguments.tolerance:g}",
        f"pieces:  {found.pieces}, {fewest} (at least {found.lower} are needed, {found.upper} are enough)",
        f"neurons: {found.network.width}, in one hidden layer (at least {found.least_neurons} are needed)",
        f"error:   at most {_up(found.error)}",
        f"proved:  {found.reason}",
    ]


def _write(found: "Approximation", name: str, precision: str) -> str:
    """Write the network to a model file; say what its error is there."""
    import jax

    from reseau.theory.univariate.approximation import rounding_error

    rounding = 0.0 if precision == "float64" else rounding_error(found.network, precision)
    if rounding == float("inf"):
        raise DataError(f"{name}: its numbers overflow in {precision}\n  fix: --precision float64")
    with jax.enable_x64(precision == "float64"):
        network, params = found.network.to_network()
        network.save(name, params)
    if not rounding:
        return f"written to {name} in float64: the same bound on the error"
    total = found.error + rounding
    above = ", above the tolerance" if total > found.tolerance else ""
    return f"written to {name} in {precision}: error at most {_up(total)}{above}, {_up(rounding)} of it for rounding"


def _up(value: float) -> str:
    """Six digits, not below the value."""
    from decimal import ROUND_CEILING, Context

    return f"{float(Context(prec=6, rounding=ROUND_CEILING).create_decimal_from_float(value)):g}"


def _picture(found: "Approximation", arguments: Approximate) -> bytes:
    """The function with its corridor and the network; below, the error."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    found.plot(above)
    subject = Path(arguments.csv).name if arguments.csv else arguments.expression
    above.set_title(f"{subject}: {found.pieces} pieces within {arguments.tolerance:g}", parse_math=False)
    above.set_xlabel("")
    x, y = found.chords.x, found.chords.y
    if not arguments.csv:  # of a function the largest errors are at the knots too
        x = np.union1d(x, np.array([float(t) for t in found.pwl.breaks]))
        y = np.interp(x, found.chords.x, found.chords.y)
    below.plot(x, found.pwl(x) - y, "." if arguments.csv else "-", markersize=3, linewidth=1)
    for bound in (-arguments.tolerance, arguments.tolerance):
        below.axhline(bound, color="0.5", linestyle="--", linewidth=1)
    below.set(xlabel="x", ylabel="error")
    content = io.BytesIO()
    figure.savefig(content, format=Path(arguments.plot or "").suffix[1:].lower(), dpi=120)
    return content.getvalue()
