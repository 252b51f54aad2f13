"""The network that a command makes or reads: scaling inside the graph, scores in the unit of the target."""

import json
from dataclasses import dataclass

import numpy as np

import reseau as rs
from reseau.cache import Recent
from reseau.cli.options import Train
from reseau.data import Recipe, Table
from reseau.data.table.preprocessing import in_unit, pixels, preprocess, standardized
from reseau.errors import DataError
from reseau.graph import Node
from reseau.layers.hidden import hidden_layers
from reseau.losses import Loss
from reseau.modelfiles.description import describe
from reseau.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSProp
from reseau.penalties import L1, L2, Penalty

__all__ = ["Design", "design", "objective_of", "optimizer_of", "penalty_of"]

CLASS_LOSSES: dict[str, Loss] = {
    "cross-entropy": rs.losses.CrossEntropy(),
    "logistic": rs.losses.Logistic(),
    "hinge": rs.losses.Hinge(),
}

NUMBER_LOSSES: dict[str, Loss] = {
    "squared": rs.losses.SquaredError(),
    "absolute": rs.losses.AbsoluteError(),
    "huber": rs.losses.Huber(),
}

LOSSES = CLASS_LOSSES | NUMBER_LOSSES


@dataclass(frozen=True)
class Design:
    """What is trained, and what is kept.

    Attributes:
        trained: The network whose output the loss reads.
        kept: The network that is saved: for a number, its output is in the unit of the target.
        loss: The loss.
        loss_name: Its name on the command line.
        shift: What the targets are reduced by, and
        scale: divided by, before the loss.
    """

    trained: rs.Network
    kept: rs.Network
    loss: Loss
    loss_name: str
    shift: float = 0.0
    scale: float = 1.0

    @property
    def unit(self) -> tuple[float, float]:
        """What targets are reduced by and divided by, before the loss; it may want classes to be -1 and 1."""
        two_classes = self.loss_name in CLASS_LOSSES and self.loss_name != "cross-entropy"
        return (0.5, 0.5) if two_classes else (self.shift, self.scale)

    @property
    def watch(self) -> tuple[tuple[str, Loss], ...]:
        """What is measured of numbers after each epoch, beside the loss: what RMSE and MAE need."""
        if self.loss_name not in NUMBER_LOSSES:
            return ()
        measured = {"squared": "squared_error", "absolute": "absolute_error"}
        return tuple((name, NUMBER_LOSSES[kind]) for kind, name in measured.items() if kind != self.loss_name)

    def targets(self, table: Table) -> np.ndarray:
        """The targets as the loss wants them."""
        assert table.target is not None
        shift, scale = self.unit
        return table.target if self.loss_name == "cross-entropy" else (table.target - shift) / scale


def design(arguments: Train, train: Table) -> Design:
    """The network that the arguments ask for, with scalings fitted to the training part."""
    name, loss = _loss(arguments.loss, train.recipe)
    x, h = preprocess(train.recipe) if train.recipe.columns else _scaled(train)
    if arguments.conv and len(train.recipe.shape) == 1:
        raise DataError("--conv reads images, and each row is a list of numbers\n  fix: leave --conv out")
    h = hidden_layers(
        h, arguments.hidden, arguments.activation, filters=arguments.conv, dropped=arguments.dropout or 0.0
    )
    if train.classes:
        scores = rs.affine(h, len(train.classes) if name == "cross-entropy" else 1, name="scores")
        network = rs.Network(x, scores)
        return Design(network, network, loss, name)
    assert train.target is not None
    shift, scale = float(train.target.mean()), float(train.target.std()) or 1.0
    scores = rs.affine(h, 1, name="standardized")
    kept = rs.Network(x, in_unit(scores, shift, scale))
    return Design(rs.Network(x, scores), kept, loss, name, shift, scale)


def optimizer_of(arguments: Train) -> Optimizer:
    """The optimizer that the arguments ask for."""
    rate, momentum = arguments.learning_rate, arguments.momentum
    if arguments.optimizer == "sgd":
        return SGD(rate or 0.05, momentum=0.9 if momentum is None else momentum)
    if momentum is not None:
        raise DataError(f"--momentum is for sgd, not {arguments.optimizer}\n  fix: --optimizer sgd, or leave it out")
    if arguments.optimizer == "adagrad":
        return Adagrad(rate or 0.01)
    kinds = {"adam": Adam, "adamw": AdamW, "rmsprop": RMSProp}
    made: Optimizer = kinds[arguments.optimizer](rate or 0.001)
    return made


OBJECTIVES: Recent[tuple[object, ...], rs.Objective] = Recent(most=4)


def objective_of(made: Design, penalty: Penalty | None) -> rs.Objective:
    """The objective of a design; that of an earlier one where they differ in stored numbers alone, as folds do.

    Those numbers, means and deviations of columns, are among the parameters: one compilation serves all folds.
    """
    graph = made.trained.graph
    values = {name: np.asarray(value) for name, value in made.trained.init(0).items()}
    said, arrays = describe(graph, values)
    fixed = tuple((name, array.tobytes()) for name, array in sorted(arrays.items()) if name not in values)
    key = json.dumps(said, sort_keys=True), fixed, made.loss, penalty
    return OBJECTIVES.get(key, lambda: rs.Objective(made.trained, loss=made.loss, penalty=penalty, watch=made.watch))


def penalty_of(arguments: Train) -> Penalty | None:
    """The penalty that the arguments ask for."""
    terms: list[Penalty] = []
    if arguments.l2:
        terms.append(L2(arguments.l2))
    if arguments.l1:
        terms.append(L1(arguments.l1))
    return None if not terms else terms[0] if len(terms) == 1 else terms[0] + terms[1]


def _loss(name: str | None, recipe: Recipe) -> tuple[str, Loss]:
    known = CLASS_LOSSES if recipe.classes else NUMBER_LOSSES
    name = name or next(iter(known))
    if name not in known:
        raise DataError(f"--loss {name} is not for {recipe.task}\n  fix: --loss {', '.join(known)}, or another --task")
    if recipe.classes and name != "cross-entropy" and len(recipe.classes) > 2:
        raise DataError(f"--loss {name} is for two classes, the data has {len(recipe.classes)}\n  fix: cross-entropy")
    return name, known[name]


def _scaled(train: Table) -> tuple[Node, Node]:
    """The input, and what the layers read: pixels from 0 to 1, columns with mean 0 and deviation 1."""
    if len(train.recipe.shape) > 1:
        return pixels(train.features)
    x = rs.input("features", train.recipe.shape)
    return x, standardized(x, train.features.mean(axis=0), train.features.std(axis=0))
