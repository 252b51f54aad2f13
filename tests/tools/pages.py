"""The pages of `docs/`: run as `docs/figures.py` runs them, and compared with what they print."""

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.image import imread

from reseau.cli import main
from reseau.extras import EXTRAS

__all__ = [
    "DOCS",
    "figures",
    "french",
    "hide_extras",
    "notebooks",
    "printed",
    "same_but_for_rounding",
    "same_picture",
    "typed",
]

DOCS = Path(__file__).resolve().parents[2] / "docs"
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]\d+)?")

sys.path.append(str(DOCS))
import figures  # noqa: E402
import french  # noqa: E402
import notebooks  # noqa: E402


def hide_extras(text, monkeypatch):
    """From now on only the extras can be imported that the page names above its first block."""
    named = set(re.findall(r"`(\w+)`", text.partition("```")[0]))
    if "plot" in named:
        named.add("images")  # matplotlib brings Pillow
    for extra in EXTRAS.keys() - named:
        for module in EXTRAS[extra]:
            monkeypatch.setitem(sys.modules, module, None)


def printed(text, name):
    """What each block of a page prints; the command `reseau` runs in this process, which has imported what it needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "shell", typed)
        return figures.run(text, name)


def typed(code):
    """What the lines of a shell's block print, `reseau` run in this process."""
    return "".join(map(_line, code.splitlines()))


def _line(line):
    """What a line of a shell's block prints."""
    command, _, rest = line.partition(" | ")
    program, *words = shlex.split(command, comments=True)
    if program != "reseau":
        return _bash(line)
    out = io.StringIO()
    with redirect_stdout(out):
        assert main(words) == 0, line
    return _bash(rest, out.getvalue()) if rest else out.getvalue()


def _bash(code, read=""):
    command = ["bash", "-e", "-o", "pipefail", "-c", code]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path}
    return subprocess.run(command, env=environment, input=read, stdout=subprocess.PIPE, check=True, text=True).stdout


def same_but_for_rounding(again, text, within=0.0):
    """What training prints is the same up to the rounding of the machine: a tenth, or `within` where that is more."""
    assert _without_numbers(again).splitlines() == _without_numbers(text).splitlines()
    found, said = ([float(n) for n in NUMBER.findall(page)] for page in (again, text))
    assert found == pytest.approx(said, rel=0.1, abs=within)


def _without_numbers(page):
    """Every number as 0, and no space that only aligns numbers: an array pads the shorter ones, at its end too."""
    return NUMBER.sub("0", re.sub(r" +", " ", re.sub(r" +(?=\])|(?<=\[) +", "", page)))


def same_picture(drawn, kept):
    """A picture drawn again says the same words in the same places, up to what rounding moves.

    Of an SVG the texts are equal, and every group of marks has its corners within a fiftieth of the picture; of a PNG
    less than a twentieth of its squares of 16 pixels differ by more than a fiftieth in the mean.
    """
    if kept.suffix == ".png":
        one, other = imread(drawn), imread(kept)
        assert one.shape == other.shape, kept.name
        assert np.mean(_squares(np.abs(one - other)) > 0.02) < 0.05, kept.name
        return
    one, other = (ElementTree.parse(path).getroot() for path in (drawn, kept))
    assert _words(one) == _words(other), kept.name
    size = max(float(n) for n in other.get("viewBox").split()[2:])
    ours, theirs = _corners(one), _corners(other)
    assert ours.keys() == theirs.keys(), kept.name
    for name, corners in theirs.items():
        assert np.abs(np.subtract(ours[name], corners)).max() < size / 50, (kept.name, name)


def _squares(pixels, side=16):
    """The mean of each square of so many pixels."""
    high, wide = (n // side for n in pixels.shape[:2])
    return pixels[: high * side, : wide * side].reshape(high, side, wide, -1).mean(axis=(1, 3))


def _words(root):
    return ["".join(e.itertext()) for e in root.iter() if e.tag.endswith("}text")]


def _corners(root):
    """Of each group of marks that has a name: its least and largest coordinates, left, top, right, bottom."""
    found = {}
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        name = group.get("id", "")
        if not re.match(r"(line2d|patch|PathCollection|LineCollection|PolyCollection|QuadContourSet)_", name):
            continue
        points = [
            pair
            for e in group.iter()
            for pair in (
                [(e.get("x"), e.get("y"))]
                if e.tag.endswith("}use")
                else re.findall(r"(-?[\d.]+) (-?[\d.]+)", e.get("d", ""))
                if e.get("clip-path")
                else []
            )
        ]
        if points:
            x, y = np.array(points, float).T
            found[name] = x.min(), y.min(), x.max(), y.max()
    return found
