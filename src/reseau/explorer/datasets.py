"""Small generated data sets: the four regressions of the course, and classes in the plane."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reseau.data import Column, Recipe, Table, digits
from reseau.errors import DataError

__all__ = ["DATASETS", "MOST_ROWS", "Dataset", "generate"]

MOST_ROWS = 5000

Drawn = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Dataset:
    """A data set that is drawn: its title, its task, and how rows are drawn.

    Attributes:
        title: What a person reads.
        inputs: Columns.
        classes: Number of classes; 0 for a regression.
        draw: `(generator, rows, noise) -> (inputs, targets)`.
    """

    title: str
    inputs: int
    classes: int
    draw: Callable[[np.random.Generator, int, float], Drawn]


def _line(target: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.random.Generator, int, float], Drawn]:
    """A regression of one input, uniform on [-1, 1]."""

    def draw(generator: np.random.Generator, rows: int, noise: float) -> Drawn:
        x = generator.uniform(-1, 1, rows)
        return x[:, None], target(x) + noise * generator.normal(size=rows)

    return draw


def _spirals(generator: np.random.Generator, rows: int, noise: float) -> Drawn:
    y = np.arange(rows) % 3
    along = np.sqrt(generator.uniform(0.02, 1, rows))
    angle = 4.2 * along + 2 * np.pi * y / 3 + noise * generator.normal(size=rows)
    return np.column_stack([along * np.cos(angle), along * np.sin(angle)]), y


def _rings(generator: np.random.Generator, rows: int, noise: float) -> Drawn:
    y = np.arange(rows) % 2
    radius = np.where(y == 0, 0.35 * np.sqrt(generator.uniform(0, 1, rows)), generator.uniform(0.6, 0.9, rows))
    angle = generator.uniform(0, 2 * np.pi, rows)
    x = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return x + noise * generator.normal(size=x.shape), y


def _quadrants(generator: np.random.Generator, rows: int, noise: float) -> Drawn:
    x = generator.uniform(-1, 1, (rows, 2))
    y = (x[:, 0] * x[:, 1] < 0).astype(int)
    return x + noise * generator.normal(size=x.shape), y


def _clouds(generator: np.random.Generator, rows: int, noise: float) -> Drawn:
    y = np.arange(rows) % 4
    centers = 0.55 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    return centers[y] + (0.12 + noise) * generator.normal(size=(rows, 2)), y


def _saddle(generator: np.random.Generator, rows: int, noise: float) -> Drawn:
    x = generator.uniform(-1, 1, (rows, 2))
    return x, 2 * x[:, 0] * x[:, 1] + noise * generator.normal(size=rows)


DATASETS = {
    "sine": Dataset("sine", 1, 0, _line(lambda x: np.sin(2 * np.pi * x))),
    "sign": Dataset("sign of the sine", 1, 0, _line(lambda x: np.sign(np.sin(2 * np.pi * x)))),
    "kink": Dataset("one kink", 1, 0, _line(lambda x: np.maximum(x, 0))),
    "triangle": Dataset("triangle wave", 1, 0, _line(lambda x: 2 / np.pi * np.arcsin(np.sin(2 * np.pi * x)))),
    "spirals": Dataset("three spirals", 2, 3, _spirals),
    "rings": Dataset("a disk in a ring", 2, 2, _rings),
    "quadrants": Dataset("quadrants (exclusive or)", 2, 2, _quadrants),
    "clouds": Dataset("four clouds", 2, 4, _clouds),
    "saddle": Dataset("a saddle", 2, 0, _saddle),
}
"""By name; `digits` is the other name that `generate` knows."""


def generate(name: str, rows: int, noise: float, seed: int) -> Table:
    """The rows of a data set.

    Args:
        name: One of `DATASETS`, or "digits", which takes the first `rows` of the 1797 images.
        rows: How many, from 8 to 5000.
        noise: Standard deviation of what is added, from 0 to 1.
        seed: The same seed gives the same rows.

    Raises:
        DataError: A setting is out of its range.

    Example:
        >>> generate("spirals", 300, 0.1, 0).classes
        ('A', 'B', 'C')
    """
    if not 8 <= rows <= MOST_ROWS or not 0 <= noise <= 1:
        raise DataError(f"{rows} rows with noise {noise:g}\n  fix: 8 to {MOST_ROWS} rows, and noise from 0 to 1")
    if name == "digits":
        table = digits()
        return table.rows(np.arange(min(rows, len(table))))
    if name not in DATASETS:
        raise DataError(f"there is no data set {name!r}\n  fix: one of {', '.join((*DATASETS, 'digits'))}")
    chosen = DATASETS[name]
    x, y = chosen.draw(np.random.default_rng(seed), rows, noise)
    x = x.astype(np.float32)
    names = ("x",) if chosen.inputs == 1 else tuple(f"x{i + 1}" for i in range(chosen.inputs))
    columns = tuple(Column(n, low=float(v.min()), high=float(v.max())) for n, v in zip(names, x.T, strict=True))
    recipe = Recipe((chosen.inputs,), "class" if chosen.classes else "y", tuple("ABCD"[: chosen.classes]), columns)
    return Table(x, y.astype(np.int32) if chosen.classes else y.astype(np.float32), recipe)
