"""Normal weights, trained for a small bound on their error rate, around a prior learned from a part of the rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import jax
import numpy as np

from reseau.batches import Shuffled
from reseau.errors import DataError
from reseau.graph.values import check_finite_params, precision_of
from reseau.losses import Loss
from reseau.named_arguments import names_arguments
from reseau.objective import Examples, Objective
from reseau.ops.normalization import BatchNorm
from reseau.optimizers import Adam, Cosine
from reseau.theory.generalization.certificate import Certificate
from reseau.theory.generalization.certify import certify_errors
from reseau.theory.generalization.repeated_rows import repeated_rows
from reseau.theory.rounding import is_share
from reseau.theory.sequential.anytime import sequential_mean_upper
from reseau.theory.stochastic.drawn_risk import LossOfRow, drawn_losses, loss_of_row, losses_of_mean
from reseau.theory.stochastic.gaussians import GRID, Divergence, divergence
from reseau.theory.stochastic.inverse_kl import pac_bayes_bound
from reseau.theory.stochastic.posterior import DivergencePenalty, deviations_of, means_of, noisy, scales_of
from reseau.theory.stochastic.stochastic_network import StochasticNetwork
from reseau.training.fit import FitResult, fit

__all__ = ["PacBayes", "pac_bayes"]

DRAWN = 0.1  # the share of delta for the draws of weights
RATE = 0.005  # of the steps of the normal law, whose numbers have unit scale: larger ones leave noise that costs


@dataclass(frozen=True, eq=False)
class PacBayes:
    """What `pac_bayes` found.

    Attributes:
        network: The stochastic network, of which the bound holds.
        prior: Mean of the prior: parameters that have seen none of the rows that count.
        certificate: The bound on the mean over draws of the weights and new rows.

    Example:
        >>> import reseau as rs
        >>> net = rs.Network(x := rs.input("x", (1,)), rs.affine(x, 2))
        >>> varied = rs.theory.StochasticNetwork(net, net.init(0), {k: v + 9 for k, v in net.init(0).items()})
        >>> PacBayes(varied, net.init(0), rs.theory.certify_errors(3, 1000)).bound < 0.01
        True
    """

    network: StochasticNetwork
    prior: dict[str, Any] = field(repr=False)
    certificate: Certificate

    @property
    def bound(self) -> float:
        """An upper bound on the mean loss of the stochastic network on new rows."""
        return self.certificate.bound


@names_arguments
def pac_bayes(
    objective: Objective,
    data: tuple[Any, Any],
    *,
    prior: float | Mapping[str, Any] = 0.5,
    delta: float = 0.05,
    within: float | None = None,
    largest: float | None = None,
    price: float = 30.0,
    epochs: int = 20,
    batch: int = 64,
    draws: int = 2000,
    holdout: tuple[Any, Any] | None = None,
    seed: int = 0,
    checkpoint: str | PathLike[str] | None = None,
    progress: bool = True,
) -> PacBayes:
    """Train a network whose weights are normal numbers, with a bound on its error rate on new rows.

    A part of the rows trains the prior's mean; on the others the normal law is trained so that few errors and a small
    divergence from the prior come together, and these others give the bound. What is bounded is the error rate of the
    network that draws its weights anew for each prediction; that of the mean weights is told beside it.

    Args:
        objective: The network and its loss, of one output; its penalty and dropout are used for the prior only.
        data: `(X, y)`: independent rows, and their targets.
        prior: The share of the rows that trains the prior, or parameters that depend on none of these rows.
        delta: Probability that the bound fails.
        within: Of numbers, how far off a prediction may be to be right; nothing for classes.
        largest: Bound the mean loss itself, cut at this number, in place of an error rate.
        price: What the divergence counts in training, in units of a row's loss; the bound holds for any number.
        epochs: Of each of the two trainings.
        batch: Rows in a step.
        draws: Of the weights, for the upper bound on the mean loss on the rows that count; 128 rows for each.
        holdout: Rows that nothing was chosen on, whose bound stands beside; the weights are drawn for each.
        seed: Of the split, the trainings and the draws.
        checkpoint: Folder from which an interrupted call goes on to the same bits, as in `rs.fit`.
        progress: Show the bars of the two trainings.

    Raises:
        DataError: An argument is out of its range, there are too few rows, or a row's prediction depends on others.
        KeyboardInterrupt: Ctrl-C was pressed in one of the trainings; `checkpoint` holds what was done.

    Example:
        >>> import reseau as rs
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1, 1, (2000, 2)).astype(np.float32)
        >>> objective = rs.Objective(rs.Network(x := rs.input("x", (2,)), rs.affine(x, 2)), rs.losses.CrossEntropy())
        >>> found = pac_bayes(objective, (X, (X[:, 0] > X[:, 1]).astype(int)), epochs=10, draws=500, progress=False)
        >>> found.bound < 0.3
        True

    Source: J. Langford and M. Seeger, *Bounds for averaging classifiers*, 2001; G. Dziugaite and D. Roy, *Computing
    nonvacuous generalization bounds for deep (stochastic) neural networks*, 2017; M. Pérez-Ortiz, O. Rivasplata, J.
    Shawe-Taylor and C. Szepesvári, *Tighter risk certificates for neural networks*, 2021.
    """
    _check(objective, prior, delta, price, draws, (within, largest), holdout)
    network, loss = objective.network, objective.losses[0]
    read = objective.checked(*data, None, precision_of(network.init(seed)))
    order = np.random.default_rng(seed).permutation(len(read))
    spared = round(prior * len(read)) if isinstance(prior, float | int) else 0
    if len(read) - spared < 8:
        raise DataError(
            f"pac_bayes: {len(read) - spared} rows are left for the bound\n  fix: at least 8, or a smaller prior"
        )
    counting, folder = _rows(read, order[spared:]), None if checkpoint is None else Path(checkpoint)
    how: dict[str, Any] = {"epochs": epochs, "batches": Shuffled(batch), "seed": seed, "progress": progress}
    if isinstance(prior, Mapping):
        check_finite_params(network.graph.stored, prior, "pac_bayes")
        center = {name: prior[name] for name in network.graph.stored}
    elif not spared:
        center = network.init(seed)
    else:
        folder_of_prior = None if folder is None else folder / "prior"
        center = _trained(fit(objective, _pair(_rows(read, order[:spared])), checkpoint=folder_of_prior, **how))
    held = {name: np.asarray(value) for name, value in center.items()}
    scale = scales_of(network.graph, held)
    varied = noisy(network, held, scale)
    count = len(counting)
    penalized = Objective(varied, loss, DivergencePenalty(price / count))
    steps = epochs * how["batches"].steps(count)
    found = _trained(
        fit(
            penalized,
            _pair(counting),
            optimizer=Adam(Cosine(RATE, steps)),
            params=varied.init(seed) | {n: center[n] for n in network.graph.states},
            checkpoint=None if folder is None else folder / "posterior",
            **how,
        )
    )
    mean = held | means_of(found, held, scale)
    stochastic = StochasticNetwork(network, jax.device_put(mean), jax.device_put(deviations_of(found, held, scale)))
    distance = divergence(
        {name: mean[name] for name in scale}, {k: np.asarray(v) for k, v in stochastic.deviation.items()}, held, scale
    )
    rate = loss_of_row(loss, within, largest)
    beside = None
    if holdout is not None:
        unseen = objective.checked(*holdout, None, precision_of(network.init(seed)))
        beside = unseen, repeated_rows(*(_arrays(examples) for examples in (unseen, read)))
    made = _certificate(stochastic, counting, rate, distance, delta, draws, seed, (within, largest), spared, beside)
    return PacBayes(stochastic, dict(center), made)


def _trained(result: FitResult) -> dict[str, Any]:
    """The parameters of a training that came to its end: a prior that is trained further later would be another one."""
    if result.stopped == "interrupted":
        raise KeyboardInterrupt
    return result.params


def _certificate(
    stochastic: StochasticNetwork,
    counting: Examples,
    rate: LossOfRow,
    distance: Divergence,
    delta: float,
    draws: int,
    seed: int,
    kind: tuple[float | None, float | None],
    spared: int,
    beside: tuple[Examples, int] | None,
) -> Certificate:
    """The bound, from the draws and the divergence."""
    within, largest = kind
    count, rows = len(counting), min(128, len(counting))
    losses = drawn_losses(stochastic, counting, rate, draws, rows, seed, in_turn=False)
    measured, share = float(losses.mean()), delta * DRAWN
    empirical = max(sequential_mean_upper(losses, 1.0, share), measured)
    bound = pac_bayes_bound(empirical, distance.value, count, delta - share, distance.choices)
    unit = 1.0 if largest is None else largest
    what = (
        f"the mean loss, cut at {largest:g}," if largest is not None
        else "the error rate" if within is None
        else f"the share of predictions off by more than {within:g}"
    )  # fmt: skip
    quantity = f"{what} of the stochastic network, whose weights are drawn for each prediction,"
    return Certificate(
        kind="PAC-Bayes",
        quantity=quantity,
        bound=min(np.nextafter(bound * unit, np.inf).item(), unit),
        empirical=measured * unit,
        complexity=(bound - empirical) * unit,
        concentration=(empirical - measured) * unit,
        largest=unit,
        delta=delta,
        delta_split={"the rows": delta - share, "the draws of the weights": share},
        formula="kl(empirical + concentration || risk) <= (KL + choices + log(2 sqrt(n)/delta_rows))/n",
        constants={
            "n": float(count),
            "KL": distance.value,
            "choices": distance.choices,
            "draws": float(draws),
            "rows a draw": float(rows),
            "of mean weights": losses_of_mean(stochastic, counting, rate) * unit,
        },
        checked=(
            "the divergence of the weights as they are stored from the prior, in float64 rounded up",
            f"the choice of the prior's deviation in {len(distance.deviations)} arrays, of {len(GRID)} in each",
            "the mean loss over the draws, bounded with a share of delta of its own",
        ),
        assumed=(
            "the rows are independent draws from the law of future ones",
            f"the scaling of inputs and the network depend on none of the {count} rows that count",
            *(() if spared else ("the prior depends on none of them either",)),
            "random numbers of the generator behave as independent normal ones",
            "(of mean weights, in the constants, is measured on the rows that count; nothing is promised of it)",
        ),
        holdout=None if beside is None else _beside(stochastic, *beside, rate, delta, seed, what),
    )


def _beside(
    stochastic: StochasticNetwork, examples: Examples, again: int, rate: LossOfRow, delta: float, seed: int, what: str
) -> Certificate:
    """The bound from unseen rows, each with weights of its own: so its losses are independent."""
    count = len(examples)
    losses = drawn_losses(stochastic, examples, rate, count, 1, seed + 1, in_turn=True)
    warnings = (f"{again} of the {count} hold-out rows are also in the data",) if again else ()
    return certify_errors(int(losses.sum()), count, delta, quantity=what, warnings=warnings)


def _arrays(examples: Examples) -> list[np.ndarray]:
    """Inputs and targets, without what pads them."""
    return [np.asarray(a)[: len(examples)] for a in (*examples.inputs, *examples.targets)]


def _rows(examples: Examples, rows: np.ndarray) -> Examples:
    inputs, targets = (tuple(np.asarray(a)[rows] for a in given) for given in (examples.inputs, examples.targets))
    on_device = jax.device_put((inputs, targets))
    return Examples(on_device[0], on_device[1], np.ones(len(rows)))


def _pair(examples: Examples) -> tuple[Any, Any]:
    """As `fit` reads them."""
    inputs = tuple(np.asarray(x) for x in examples.inputs)
    return inputs if len(inputs) > 1 else inputs[0], np.asarray(examples.targets[0])


def _check(
    objective: Objective,
    prior: float | Mapping[str, Any],
    delta: float,
    price: float,
    draws: int,
    kind: tuple[float | None, float | None],
    holdout: Any,
) -> None:
    within, largest = kind
    network, graph = objective.network, objective.network.graph
    if len(graph.outputs) != 1 or not network.by_rows or any(isinstance(n.op, BatchNorm) for n in graph.nodes):
        raise DataError(
            "pac_bayes: it needs one output, computed of each row alone, and no batch statistics\n"
            "  fix: rs.Network(inputs, output), layer_norm in place of batch_norm"
        )
    if not isinstance(prior, Mapping) and not 0 <= prior < 1:
        raise DataError(f"pac_bayes: prior={prior}\n  fix: a share of the rows from 0 to below 1, or parameters")
    if not (is_share(delta) and 0 < price < np.inf and draws >= 2):
        raise DataError(
            f"pac_bayes: delta={delta}, price={price}, draws={draws}\n  fix: 0 < delta < 1, price > 0, draws >= 2"
        )
    decides = type(objective.losses[0]).correct is not Loss.correct
    given = [value for value in (within, largest) if value is not None]
    if (
        len(given) > 1
        or not (decides or given)
        or (decides and within is not None)
        or not all(0 < v < np.inf for v in given)
    ):
        raise DataError(
            f"pac_bayes: within={within}, largest={largest}, of the loss {type(objective.losses[0]).__name__}\n"
            "  fix: of numbers, within=E or largest=B above 0 and finite; of classes, largest=B or neither"
        )
    if holdout is not None and largest is not None:
        raise DataError("pac_bayes: holdout= counts errors, largest= bounds a loss\n  fix: leave one of them out")
