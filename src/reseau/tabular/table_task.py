"""A table to be learned by members of one shape: their network, objective and rows, made once for all of them."""

from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike

import jax.numpy as jnp
import numpy as np
from jax import Array

from reseau.batches import Shuffled
from reseau.data.splits import split
from reseau.data.table.table import Table
from reseau.losses import AbsoluteError, CrossEntropy, Loss, SmoothedCrossEntropy, SquaredError
from reseau.network import Network
from reseau.objective import Objective
from reseau.tabular.ensemble import (
    chosen_features,
    first_values,
    member_network,
    what_is_screened,
    what_layers_read,
)
from reseau.tabular.optimizer import TableOptimizer
from reseau.tabular.table_settings import TableSettings
from reseau.training import FitResult, fit
from reseau.training.progress import Show

__all__ = ["TableTask", "held_out_parts", "loss_for"]


@dataclass(frozen=True)
class TableTask:
    """What members that differ in seed, rows held out, rate, decay and epochs have in common, their programs included.

    Attributes:
        table: The rows, of which each member holds some out.
        shape: Settings whose network and loss all members have.
        seed: Seed of everything.
        sample_weight: A weight for each row, or nothing.
    """

    table: Table
    shape: TableSettings
    seed: int
    sample_weight: np.ndarray | None = None

    @cached_property
    def member(self) -> Network:
        """The network of a member."""
        return member_network(self.table.recipe, self.table.features, self.shape)

    @cached_property
    def objective(self) -> Objective:
        """What is minimized."""
        classes = len(self.table.classes)
        watch = () if classes else (("absolute_error", AbsoluteError()),)
        return Objective(self.member, loss=loss_for(self.shape, classes), watch=watch)

    @cached_property
    def unit(self) -> tuple[float, float, float, float] | None:
        """Mean, deviation, least and largest of the targets; nothing for classes."""
        target = self.table.target
        if self.table.classes or target is None:
            return None
        return float(target.mean()), float(target.std()) or 1.0, float(target.min()), float(target.max())

    @cached_property
    def target(self) -> np.ndarray:
        """The targets as the loss reads them."""
        assert self.table.target is not None
        return self.table.target if self.unit is None else (self.table.target - self.unit[0]) / self.unit[1]

    @cached_property
    def kinds(self) -> tuple["TableTask", ...]:
        """The task of each kind of members."""
        return tuple(self if shape == self.shape else replace(self, shape=shape) for shape in self.shape.kinds)

    @cached_property
    def parts(self) -> tuple[np.ndarray, ...]:
        """The rows that members hold out, by the number of the part."""
        classes = self.table.target if self.table.classes else None
        return held_out_parts(len(self.table), self.shape, self.seed, classes)

    def steps_an_epoch(self, number: int) -> int:
        """Steps in which a member sees each of its rows once."""
        return -(-(len(self.table) - len(self.parts[number])) // self.shape.batch)

    def batch(self, number: int) -> int:
        """Rows in a step of a member, nearly as many in each of an epoch: a mean over few moves it as far as any."""
        return -(-(len(self.table) - len(self.parts[number])) // self.steps_an_epoch(number))

    @cached_property
    def _read(self) -> Network:
        return what_layers_read(self.member)

    @cached_property
    def _screened(self) -> Network | None:
        return what_is_screened(self.member)

    def first(self, rows: np.ndarray, seed: int) -> dict[str, Array]:
        """The first parameters of a member that trains on these rows."""
        X, target, classes = self.table.features[rows], self.target[rows], len(self.table.classes)
        targets = np.eye(classes)[target.astype(int)] if classes else target[:, None]
        params = chosen_features(self._screened, self.member.init(seed), X, targets)
        return first_values(self.member, self._read, params, X, seed) if self.shape.fitted_start else params

    def train(
        self,
        settings: TableSettings,
        number: int,
        *,
        seconds: float | None = None,
        checkpoint: str | PathLike[str] | None = None,
        progress: bool | Show = False,
    ) -> FitResult:
        """Train one member.

        Args:
            settings: With what rate and decay, for how many epochs; the rest is that of `shape`.
            number: Which part is held out; part of the seed.
            seconds: After how long it ends, whatever it has reached.
            checkpoint: Folder for its checkpoints.
            progress: Whether progress is shown, or what shows it.
        """
        held = self.parts[number]
        stay = np.setdiff1d(np.arange(len(self.table)), held)
        own, X, weight = (self.seed + number) % 2**32, self.table.features, self.sample_weight
        steps = self.steps_an_epoch(number) * settings.epochs
        return fit(
            self.objective,
            (X[stay], self.target[stay]),
            params=self.first(stay, own),
            sample_weight=None if weight is None else weight[stay],
            validation=(X[held], self.target[held], None if weight is None else weight[held]),
            patience=settings.patience,
            best="accuracy" if self.table.classes else "loss",
            seconds=seconds,
            optimizer=TableOptimizer(settings.rate, settings.decay, steps),
            batches=Shuffled(self.batch(number)),
            epochs=settings.epochs,
            seed=own,
            checkpoint=checkpoint,
            keep=1,
            progress=progress,
        )

    def predicted(self, result: FitResult, number: int) -> np.ndarray:
        """The probabilities of the classes, or the standardized number, of each row that a member held out."""
        scores = np.asarray(self.member.in_blocks(result.params, self.table.features[self.parts[number]]))
        logs = loss_for(self.shape, len(self.table.classes)).log_probabilities(scores)
        return scores.astype(np.float64) if logs is None else np.exp(logs)

    def loss_of(self, predicted: np.ndarray, number: int) -> float:
        """Of predictions for the rows of a part: the weighted sum of squared errors, or of minus log probabilities."""
        held = self.parts[number]
        if self.table.classes:
            right = predicted[np.arange(len(held)), self.target[held].astype(int)]
            each = -np.log(np.maximum(right, np.finfo(np.float32).tiny))
        else:
            each = (predicted[:, 0] - self.target[held]) ** 2
        return float(each @ (np.ones(len(held)) if self.sample_weight is None else self.sample_weight[held]))

    def at_least_the_mean(self, result: FitResult, number: int) -> FitResult:
        """The member, or where the mean of the targets does better on the rows that it held out, one that gives it."""
        held = self.parts[number]
        if self.unit is None or not len(held):
            return result
        of_mean = np.asarray(
            loss_for(self.shape, 0).forward(jnp.zeros((len(held), 1)), jnp.asarray(self.target[held, None]))
        )
        weight = None if self.sample_weight is None else self.sample_weight[held]
        if np.min(result.history["validation_loss"], initial=np.inf) < np.average(of_mean, weights=weight):
            return result
        flat = {name: jnp.zeros_like(result.params[name]) for name in ("scores.weight", "scores.bias")}
        return replace(result, params={**result.params, **flat})


def loss_for(settings: TableSettings, classes: int) -> Loss:
    """What is minimized: of classes the cross-entropy with smoothed labels, of a number the squared error."""
    if not classes:
        return SquaredError()
    return SmoothedCrossEntropy(settings.smoothing) if settings.smoothing else CrossEntropy()


def held_out_parts(rows: int, settings: TableSettings, seed: int, classes: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """The rows that members do not train on, one part each: equally many, disjoint, alike in classes.

    Members of several kinds hold out the same parts. There are enough for all members of a kind, and for all rows.
    """
    if settings.members == 1:
        return (split(rows, settings.held_out, seed, classes)[1],)
    order = np.random.default_rng(seed).permutation(rows)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    of_a_kind = -(-settings.members // 2) if settings.alternate else settings.members  # there are two kinds or three
    parts = max(of_a_kind, round(1 / settings.held_out))
    return tuple(np.sort(order[i::parts][: rows // parts]) for i in range(parts))
