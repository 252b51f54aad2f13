"""What is explored: a network, its parameters, and, where there are any, the rows and the loss it is trained with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reseau.data import Table, split
from reseau.data.table.preprocessing import in_unit, pixels, preprocess
from reseau.errors import DataError
from reseau.graph import Node, apply_op, input, is_text
from reseau.layers.hidden import ACTIVATIONS, hidden_layers
from reseau.layers.parametric import affine
from reseau.losses import CrossEntropy, Loss, SquaredError
from reseau.network import Network
from reseau.objective import Objective
from reseau.penalties import L1, L2, Penalty

__all__ = ["PENALTIES", "Predicted", "Problem", "Shape", "build"]

PENALTIES: dict[str, Penalty | None] = {"none": None, "l2": L2(1.0), "l1": L1(1.0)}

HELD = 0.25  # share of the rows that validate
MOST_UNITS, MOST_LAYERS = 512, 8
SAMPLE = 32  # rows that are drawn where no data was given


@dataclass(frozen=True)
class Shape:
    """The network that a form asks for.

    Attributes:
        hidden: Units of each hidden layer.
        filters: Filters of each block of convolution, activation and pooling before them, for images.
        activation: One of `ACTIVATIONS`.
    """

    hidden: tuple[int, ...] = (8, 8)
    filters: tuple[int, ...] = ()
    activation: str = "tanh"

    def __post_init__(self) -> None:
        for count in (*self.hidden, *self.filters):
            if not 1 <= count <= MOST_UNITS:
                raise DataError(f"a layer of {count} units cannot be made\n  fix: 1 to {MOST_UNITS} units")
        if len(self.hidden) + len(self.filters) > MOST_LAYERS:
            raise DataError(f"{len(self.hidden) + len(self.filters)} layers are too many\n  fix: up to {MOST_LAYERS}")
        if self.activation not in ACTIVATIONS:
            raise DataError(f"there is no activation {self.activation!r}\n  fix: one of {', '.join(ACTIVATIONS)}")


@dataclass(frozen=True)
class Predicted:
    """What the network says of rows.

    Attributes:
        value: In the unit of the target for a regression, else the number of the class.
        confidence: The probability of that class, where the loss makes probabilities; else 1.
    """

    value: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True, eq=False)
class Problem:
    """A network with what it is looked at on.

    Attributes:
        title: What it is called.
        network: The network whose output the loss reads.
        loss: The loss, where the network can be trained here.
        table: All rows; nothing where none were given.
        held: Places of the rows that validate.
        unit: What targets are reduced by, and divided by, before the loss reads them.
        start: First parameters; where there are none, `network.init(seed)`.
        note: What a person must know about where the rows come from.
    """

    title: str
    network: Network
    loss: Loss | None = None
    table: Table | None = None
    held: np.ndarray | None = None
    unit: tuple[float, float] = (0.0, 1.0)
    start: Mapping[str, Any] | None = None
    note: str = ""

    def parameters(self, seed: int) -> dict[str, np.ndarray]:
        """The first parameters."""
        return {k: np.array(v) for k, v in (self.start or self.network.init(seed)).items()}

    def objective(self, penalty: str) -> Objective | None:
        """What training minimizes, the strength of the penalty left open."""
        if self.loss is None or self.table is None or self.table.target is None:
            return None
        if penalty not in self._objectives:
            self._objectives[penalty] = Objective(self.network, self.loss, PENALTIES[penalty])
        return self._objectives[penalty]

    @cached_property
    def _objectives(self) -> dict[str, Objective]:
        """Those that were made; each has compiled programs."""
        return {}

    @cached_property
    def walk(self) -> Network:
        """From a row and its target to the loss of each row; the network alone where there is no loss."""
        plain = self.objective("none")
        if plain is None:
            return self.network
        graph = self.network.graph
        loss = apply_op(plain.losses[0], graph.outputs[0], plain.targets[0], name=_free("loss", graph.names.values()))
        return Network((*graph.inputs, plain.targets[0]), loss)

    def rows(self, places: Sequence[int] | np.ndarray) -> tuple[np.ndarray, ...]:
        """What `walk` reads for these rows: inputs, then targets where there is a loss."""
        inputs = tuple(x[places] for x in self.inputs)
        return inputs if self.loss is None or self.targets is None else (*inputs, self.targets[places])

    @property
    def count(self) -> int:
        """Rows there are."""
        return len(self.inputs[0])

    @cached_property
    def inputs(self) -> tuple[np.ndarray, ...]:
        """The rows as the network reads them; drawn at random where none were given."""
        if self.table is not None:
            return (self.table.recipe.clipped(self.table.features),)
        generator = np.random.default_rng(0)
        return tuple(_drawn(generator, node) for node in self.network.graph.inputs)

    @cached_property
    def targets(self) -> np.ndarray | None:
        """The targets as the loss reads them."""
        plain = self.objective("none")
        if plain is None or self.table is None:
            return None
        shift, scale = self.unit
        target = np.asarray(self.table.target)
        if isinstance(self.loss, CrossEntropy):
            return target
        scaled: np.ndarray = ((target - shift) / scale).astype(np.float32)
        return scaled.reshape(-1, *(int(n) for n in plain.targets[0].shape[1:]))

    @cached_property
    def train(self) -> np.ndarray:
        """Places of the rows that are trained on."""
        stays = np.ones(self.count, bool)
        if self.held is not None:
            stays[self.held] = False
        return np.flatnonzero(stays)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; none for a regression."""
        return self.table.classes if self.table is not None else ()

    def decided(self, scores: np.ndarray) -> Predicted:
        """What the network's outputs stand for, one row of them for each row."""
        if not self.classes:
            shift, scale = self.unit
            return Predicted(scores[:, 0] * scale + shift, np.ones(len(scores)))
        assert self.loss is not None
        chosen = self.loss.decide(scores)
        logs = self.loss.log_probabilities(scores)
        sure = np.ones(len(scores)) if logs is None else np.exp(logs[np.arange(len(scores)), chosen])
        return Predicted(chosen, sure)

    def kept(self) -> tuple[Network, dict[str, np.ndarray]]:
        """The network whose output is in the unit of the target, and what it stores besides."""
        shift, scale = self.unit
        if self.classes or (shift, scale) == (0.0, 1.0):
            return self.network, {}
        graph = self.network.graph
        whole = Network(graph.inputs, in_unit(graph.outputs[0], shift, scale))
        return whole, {"target.scale": np.asarray(np.float32(scale)), "target.mean": np.asarray(np.float32(shift))}


def build(table: Table, shape: Shape, seed: int, title: str) -> Problem:
    """A fresh network for these rows, a quarter of which are held out.

    Args:
        table: The rows, with their target.
        shape: The layers.
        seed: Of the split.
        title: What it is called.

    Example:
        >>> from reseau.explorer.datasets import generate
        >>> build(generate("rings", 80, 0.0, 0), Shape((4,)), 0, "rings").network
        <Network x (batch, 2) -> scores (batch, 2), 8 nodes>
    """
    recipe = table.recipe
    stays, held = split(len(table), HELD, seed, table.target if table.classes else None)
    if recipe.columns and any(c.deviation for c in recipe.columns):
        table = table.under(table.rows(stays).fitted().recipe)
        x, h = preprocess(table.recipe)
    elif len(recipe.shape) > 1:
        x, h = pixels(table.features)
    else:
        x = h = input("x", recipe.shape)
    if shape.filters and not recipe.of_images:
        raise DataError("convolutions read images, and each row is a list of numbers\n  fix: leave the filters out")
    h = hidden_layers(h, shape.hidden, shape.activation, filters=shape.filters)
    if table.classes:
        network = Network(x, affine(h, len(table.classes), name="scores"))
        return Problem(title, network, CrossEntropy(), table, held)
    assert table.target is not None
    standardized = any(c.deviation for c in recipe.columns)
    known = table.target[stays]
    unit = (float(known.mean()), float(known.std()) or 1.0) if standardized else (0.0, 1.0)
    return Problem(title, Network(x, affine(h, 1, name="output")), SquaredError(), table, held, unit)


def _drawn(generator: np.random.Generator, node: Node) -> np.ndarray:
    """Rows for an input of which none were given: normal numbers, and zeros for indices."""
    source, shape = node.source, node.shape
    if is_text(node):
        return np.full((SAMPLE, *(_length(n) for n in shape[1:])), "", object)
    dims = (SAMPLE if shape and not isinstance(shape[0], int) else 1, *(_length(n) for n in shape[1:]))
    dims = dims if shape else ()
    if getattr(source, "dtype", "float") == "float":
        return generator.normal(size=dims).astype(np.float32)
    return np.zeros(dims, getattr(source, "dtype", "int32"))


def _length(n: Any) -> int:
    """The length of an axis; of one that is open, a few."""
    return int(n) if isinstance(n, int) else 4


def _free(name: str, taken: Any) -> str:
    """The name, or one like it that no node has."""
    while name in taken:
        name += "'"
    return name
