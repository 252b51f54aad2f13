"""A network made of the rows that it would get wrong without them, and a bound on its errors from how few they are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from reseau.errors import DataError
from reseau.graph.values import check_finite_params
from reseau.named_arguments import names_arguments
from reseau.objective import Objective
from reseau.optimizers import Adam, Optimizer
from reseau.theory.compression.bound import compression_bound
from reseau.theory.compression.learner import Learned, Learner, learner_of
from reseau.theory.compression.state_file import read_state, write_state
from reseau.theory.generalization.certificate import Certificate
from reseau.theory.generalization.repeated_rows import repeated_rows
from reseau.theory.rounding import is_share

__all__ = ["Picked", "PickingRound", "pick", "pick_to_learn"]

Wrong = Callable[[Any], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class PickingRound:
    """Where the picking stands.

    Attributes:
        number: Rounds of training so far.
        kept: Rows kept so far.
        wrong: Rows outside of them that the network does wrong.
    """

    number: int
    kept: int
    wrong: int


@dataclass(frozen=True)
class Picked:
    """What picking to learn found.

    Attributes:
        params: Of the network.
        kept: The rows it was made of, in the order in which they were picked.
        left: Rows that it still does wrong, where it was stopped before all were right; they count as kept.
        count: All rows.
        certificate: The bound on the error rate on new rows, of this network as it is.

    Example:
        >>> import reseau as rs
        >>> objective = rs.Objective(rs.Network(x := rs.input("x", (1,)), rs.affine(x, 2)), rs.losses.CrossEntropy())
        >>> X = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
        >>> picked = pick_to_learn(objective, X, (X[:, 0] > 0).astype(int), batch=8)
        >>> picked.count, 0 < picked.bound <= 1
        (40, True)
    """

    params: dict[str, Any] = field(repr=False)
    kept: tuple[int, ...] = field(repr=False)
    left: tuple[int, ...]
    count: int
    certificate: Certificate

    @property
    def bound(self) -> float:
        """An upper bound on the error rate on new rows."""
        return self.certificate.bound


@names_arguments
def pick_to_learn(
    objective: Objective,
    X: Any,
    y: Any,
    *,
    before: tuple[Any, Any] | None = None,
    params: Any = None,
    within: float | None = None,
    delta: float = 0.05,
    optimizer: Optimizer = Adam(0.003),  # noqa: B008
    steps: int = 300,
    batch: int = 32,
    growth: float = 0.05,
    most: int | None = None,
    seed: int = 0,
    progress: Callable[[PickingRound], object] | None = None,
    path: str | PathLike[str] | None = None,
) -> Picked:
    """Train on all rows without a hold-out, with a bound on the error rate of the network that comes out.

    Begin with a network that has seen none of these rows. While it does some of them wrong, keep the most wrong ones
    and train on what was kept. At the end it is right on all other rows, and was made without them: how few were kept
    bounds how often it is wrong on new ones. There is one compilation for all rounds.

    Args:
        objective: The network and its loss: of classes, or with `within` of a number.
        X, y: Rows that nothing was chosen on (no scaling either), and their targets.
        before: Other rows and their targets, which do not count: the first network is trained on them, and half of each
            later batch is drawn from them.
        params: The first network in place of a fresh one; it must not depend on `X` and `y`.
        within: How far off a prediction of a number may be, to be right.
        delta: Probability that the bound fails.
        optimizer, steps, batch: Of each round; the first network gets five rounds on `before`.
        growth: How many rows are kept at once: this share of those kept before, at least one.
        most: Stop when this many are kept; rows that are wrong then count as kept. Half of the rows by default.
        seed: Of the first network and the batches.
        progress: Called before each round.
        path: A file of the rounds so far, from which an interrupted call goes on to the same bits.

    Raises:
        DataError: An argument is out of its range, the network behaves otherwise in training, or the file is of another
            call.

    Example:
        >>> import reseau as rs
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1, 1, (400, 2)).astype(np.float32)
        >>> x = rs.input("x", (2,))
        >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 2)), rs.losses.CrossEntropy())
        >>> found = pick_to_learn(objective, X, (X[:, 0] > X[:, 1]).astype(int), steps=100, optimizer=Adam(0.03))
        >>> len(found.kept) < 20, found.bound < 0.1
        (True, True)

    Source: D. Paccagnan, M. Campi, S. Garatti, *The Pick-to-Learn Algorithm*, 2023.
    """
    learner = learner_of(objective, (X, y), before, optimizer, steps, batch, within, seed)
    stop = learner.count // 2 if most is None else most
    if not (is_share(delta) and 0 <= growth <= 1 and 0 <= stop <= learner.count):
        raise DataError(
            f"pick_to_learn: delta={delta}, growth={growth}, most={stop} of {learner.count} rows\n"
            "  fix: 0 < delta < 1, a growth from 0 to 1, most from 0 to the number of rows"
        )
    network = objective.network
    begun = network.init(seed) if params is None else params
    check_finite_params(network.graph.stored, begun, "pick_to_learn")
    first = learner.start(begun)
    kept: tuple[int, ...] = ()
    saved = None if path is None else read_state(Path(path), first, learner.digest)
    if saved is not None:
        first, kept = saved
    elif before is not None:
        for _ in range(5):
            first = learner.train(first, [])

    def told(learned: Learned, now: list[int], wrong: int) -> None:
        if path is not None:
            write_state(Path(path), learned, tuple(now), learner.digest)
        if progress is not None:
            progress(PickingRound(learned.step // steps, len(now), wrong))

    learned, found, left = pick(first, kept, learner.train, learner.wrong, growth, stop, told)
    certificate = _certificate(learner, len(found), len(left), delta, within, before)
    return Picked(learned.params, tuple(found), tuple(left), learner.count, certificate)


def pick(
    learned: Any,
    kept: tuple[int, ...],
    train: Callable[[Any, list[int]], Any],
    wrong: Wrong,
    growth: float,
    most: int,
    told: Callable[[Any, list[int], int], object] = lambda learned, kept, wrong: None,
) -> tuple[Any, list[int], list[int]]:
    """The rule: keep the most wrong rows and train, until all others are right, or `most` are kept.

    A row that is never kept changes nothing: how many are kept at once is a function of how many were kept.

    Args:
        learned: The first predictor, or that after rows were kept.
        kept: Those rows.
        train: The predictor after a round on the rows that are kept, in their order.
        wrong: Which rows a predictor does wrong, and how wrong.
        growth, most: As in `pick_to_learn`.
        told: Called with the predictor, the rows kept, and how many others are wrong.

    Returns:
        The last predictor, the rows kept, and the rows that are still wrong.
    """
    rows = list(kept)
    while True:
        fails, order = wrong(learned)
        outside = np.asarray(fails).copy()
        outside[rows] = False
        left = np.flatnonzero(outside)
        told(learned, rows, len(left))
        if not len(left) or len(rows) >= most:
            return learned, rows, left.tolist()
        worst = left[np.argsort(-np.asarray(order)[left], kind="stable")]
        rows += worst[: max(1, int(growth * len(rows)))].tolist()
        learned = train(learned, rows)


def _certificate(
    learner: Learner, kept: int, left: int, delta: float, within: float | None, before: tuple[Any, Any] | None
) -> Certificate:
    bound = compression_bound(kept + left, learner.count, delta)
    what = "the error rate" if within is None else f"the share of predictions off by more than {within:g}"
    arrays = [np.asarray(a) for a in (*learner.examples.inputs, *learner.examples.targets)]
    counting, known = [a[: learner.count] for a in arrays], [a[learner.count :] for a in arrays]
    again = 0 if before is None else repeated_rows(counting, known)
    others = () if before is None else ("the rows given as `before` are none of these rows",)
    return Certificate(
        kind="pick-to-learn",
        quantity=what,
        bound=bound,
        empirical=0.0,
        complexity=bound,
        concentration=0.0,
        largest=1.0,
        delta=delta,
        delta_split={"the rows kept": delta},
        formula="error rate <= the e at which (delta/n) sum_m C(m, k)/C(n, k) (1 - e)^(m - n) = 1",
        constants={"n": float(learner.count), "k": float(kept + left), "left wrong": float(left)},
        checked=(
            "every row that does not count is right",
            "how many rows are kept at once depends on how many were kept alone",
        ),
        assumed=(
            "the rows are independent draws from the law of future ones",
            "the first network, the settings and the scaling of inputs do not depend on them",
            "training and prediction give the same numbers for the same rows, whatever other rows there are",
            *others,
        ),
        warnings=(f"{again} of the {learner.count} rows are among those given as `before` too",) if again else (),
    )
