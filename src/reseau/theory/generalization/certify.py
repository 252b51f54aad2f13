"""Certify a network that was trained: choose the theorem, spend delta, check what can be checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.named_arguments import names_arguments
from reseau.theory.deprecation import keywords_gathered
from reseau.theory.generalization import certificate_text as wording
from reseau.theory.generalization.certificate import Certificate
from reseau.theory.generalization.certify_settings import CHOICES, CertificateSettings
from reseau.theory.generalization.holdout import binomial_upper, hoeffding_upper
from reseau.theory.generalization.rademacher import moment, rademacher
from reseau.theory.generalization.terms import (
    ball_complexity,
    concentration,
    evaluation_error,
    path_norm_up,
    ramp_risk,
    sample_complexity,
)
from reseau.theory.rounding import divide_up, product_up, sum_up, up
from reseau.theory.score_losses import score_loss
from reseau.theory.sequential.anytime import sequential_mean_upper, sequential_upper
from reseau.theory.shallow.shallow_network import FloatArray, ShallowNetwork, inputs_of, reals, row_norms

__all__ = ["certify", "certify_errors", "commitment"]

Examples = tuple[npt.ArrayLike, npt.ArrayLike]


@dataclass(frozen=True)
class _Cell:
    """The bound at one grid point."""

    empirical: float
    complexity: float
    concentration: float
    constants: dict[str, float]

    @property
    def total(self) -> float:
        return up(up(self.empirical + self.complexity) + self.concentration)


@names_arguments
@keywords_gathered(CertificateSettings)
def certify(
    f: ShallowNetwork,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    settings: CertificateSettings | None = None,
    *,
    holdout: Examples | None = None,
    sequential: bool = False,
    chosen_on_sample: Sequence[str] = (),
) -> Certificate:
    """Bound the risk of `f` on new examples, from the very examples it may have been trained on.

    The bound holds for all networks at once, so `f` may depend on the examples in any way; its path
    norm `D` and the margin `rho` are chosen afterwards among the ratios of `settings.grid`, each of which
    receives an equal share of delta.

    Args:
        X: Shape (n, d), or (n,) for d = 1; independent draws from one law.
        y: Shape (n,): -1 or +1 for one output; the index of the class for C outputs; numbers for a loss.
        settings: What was fixed before the examples were seen: delta, the loss, the grid, the scale of a bias;
            `CertificateSettings()` by default, the error rate with delta = 0.05.
        holdout: Examples `(X, y)` kept out of training and of every choice; their bound is put beside.
        sequential: Whether that bound holds at all times at once, so that one may look at it after every example and
            stop when one likes.
        chosen_on_sample: Which of `"radius"`, `"grid"`, `"preprocessing"` were chosen by looking at these
            examples: the result then says that it is no certificate.

    Raises:
        DataError: If an argument is out of its range, or examples and network do not fit.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.uniform(-1, 1, 10_000)
        >>> f = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, -1.0])      # the identity
        >>> certificate = certify(f, x, np.sign(x))
        >>> 0.2 < certificate.bound < 0.5, certificate.vacuous, certificate.valid
        (True, False, True)

    Source: F. Bach, *Learning Theory from First Principles*, chapters 4 and 9, with the constants of
    `complexity_chain`; structural risk minimization over the grid; A. Maurer, 2016, for several outputs.
    """
    settings = _completed(settings, f)
    if sequential and holdout is None:
        raise DataError("certify: sequential=True is about the hold-out bound\n  fix: holdout=(X, y), in their order")
    if not set(chosen_on_sample) <= set(CHOICES):
        raise DataError(f"certify: chosen_on_sample={tuple(chosen_on_sample)}\n  fix: use names among {CHOICES}")
    points, targets = _examples(X, y, f, settings)
    outputs, largest = _outputs(f), settings.slope_and_range[1]
    cells = _margin_cells if settings.loss == "error" else _loss_cells
    best = min(cells(f, points, targets, settings), key=lambda cell: cell.total)
    return Certificate(
        kind=wording.kind(settings, outputs),
        quantity=_quantity(settings),
        bound=min(best.total, largest),
        empirical=best.empirical,
        complexity=best.complexity,
        concentration=best.concentration,
        largest=largest,
        delta=settings.delta,
        delta_split=wording.delta_split(settings),
        formula=wording.formula(settings, outputs),
        constants=best.constants,
        checked=wording.checked(settings, points),
        assumed=wording.assumed(settings),
        warnings=wording.suspicions(points, settings),
        invalid=tuple(chosen_on_sample),
        commitment=settings.digest,
        holdout=None if holdout is None else _holdout(f, points, holdout, settings, sequential),
    )


@names_arguments
@keywords_gathered(CertificateSettings)
def commitment(f: ShallowNetwork, settings: CertificateSettings | None = None) -> str:
    """SHA-256 of the settings of `certify`, to record before the examples are seen.

    Of `f`, only the number of outputs and (when `settings.radius` is not given) the radius are used.

    Example:
        >>> f = ShallowNetwork([[1.0]], [0.0], [1.0])
        >>> certify(f, [1.0, -1.0], [1.0, -1.0]).commitment == commitment(f)
        True
    """
    return _completed(settings, f).digest


def _completed(settings: CertificateSettings | None, f: ShallowNetwork) -> CertificateSettings:
    if not isinstance(settings, CertificateSettings | None):
        raise DataError(
            f"certify: settings={settings!r} cannot be used\n"
            "  fix: settings=CertificateSettings(delta=0.01), for instance"
        )
    return (settings or CertificateSettings()).of(f)


def _margin_cells(
    f: ShallowNetwork, points: FloatArray, targets: FloatArray, settings: CertificateSettings
) -> list[_Cell]:
    margins, deviation, outputs = _margins(f, points, targets), _deviation(points, settings), _outputs(f)
    cells = []
    for radius in settings.radii:
        norm = path_norm_up(f, radius)
        unit, constants = _unit_complexity(points, settings, radius, outputs)
        for kappa in settings.grid:
            # Rounded up, so that D / rho is at most kappa. A null network has margin 0 at every scale.
            rho = divide_up(norm, kappa) if norm > 0 else 1.0
            numbers = {"D": norm, "rho": rho, "kappa": kappa, "C": float(outputs)}
            cells.append(_Cell(ramp_risk(margins, rho), product_up(kappa, unit), deviation, numbers | constants))
    return cells


def _loss_cells(
    f: ShallowNetwork, points: FloatArray, targets: FloatArray, settings: CertificateSettings
) -> list[_Cell]:
    slope, largest = settings.slope_and_range
    empirical, deviation = _clipped_risk(f, points, targets, settings), _deviation(points, settings)
    cells = []
    for radius in settings.radii:
        norm = path_norm_up(f, radius)
        unit, constants = _unit_complexity(points, settings, radius, 1)
        numbers = {"D": norm, "G": slope, "B": largest} | constants
        reached = [bound for bound in settings.grid if bound >= norm]
        if reached:
            numbers["D of the grid"] = min(reached)
            cells.append(_Cell(empirical, product_up(slope, min(reached), unit), deviation, numbers))
        else:  # a path norm beyond the grid: nothing is proved, and the bound says so by being trivial
            cells.append(_Cell(empirical, largest, deviation, numbers))
    return cells


def _unit_complexity(
    points: FloatArray, settings: CertificateSettings, radius: float, outputs: int
) -> tuple[float, dict[str, float]]:
    """Complexity term for a slope and a path norm of one, and the constants in it."""
    n = len(points)
    constants = {"n": float(n), "K": float(settings.cells), "R": radius}
    if settings.complexity == "ball":
        return ball_complexity(1.0, 1.0, radius, n, outputs), constants
    constants["Q"] = moment(points, radius)
    if settings.complexity == "sample":
        return sample_complexity(1.0, 1.0, constants["Q"], n, outputs), constants
    method = "supremum" if points.shape[1] <= 2 else "dual"
    share = settings.simulated_delta / len(settings.radii)
    if not share:  # a delta that underflows leaves nothing for the signs, of which then nothing is known
        return math.inf, constants | {"simulated": math.inf}
    estimate = rademacher(points, 1.0, radius, method=method, delta=share, seed=settings.seed)
    return product_up(2.0, estimate.upper), constants | {"simulated": estimate.upper}


def _deviation(points: FloatArray, settings: CertificateSettings) -> float:
    delta = settings.delta - settings.simulated_delta
    largest = settings.slope_and_range[1]
    return concentration(len(points), delta, settings.cells, largest, from_sample=settings.from_sample)


def _margins(f: ShallowNetwork, points: FloatArray, targets: FloatArray) -> FloatArray:
    """Lower bounds on `y f(x)`, or on the score of the class minus the best other score, shape (n,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        margins = _margins_in_floats(f, points, targets)
    # Where a score overflows nothing is known: the example counts as an error.
    lower: FloatArray = np.where(np.isnan(margins), -np.inf, margins)
    return lower


def _margins_in_floats(f: ShallowNetwork, points: FloatArray, targets: FloatArray) -> FloatArray:
    scores, error = f(points), evaluation_error(f, points)
    if scores.ndim == 1:
        margins: FloatArray = targets * scores - error
        return margins
    rows, classes = np.arange(len(scores)), targets.astype(np.intp)
    others = scores.copy()
    others[rows, classes] = -np.inf
    gaps = scores[rows, classes] - others.max(axis=1)
    lower: FloatArray = gaps - 2 * error - np.abs(gaps) * 2.0**-52
    return lower


def _clipped_risk(f: ShallowNetwork, points: FloatArray, targets: FloatArray, settings: CertificateSettings) -> float:
    return divide_up(sum_up(_clipped_losses(f, points, targets, settings)), len(points))


def _clipped_losses(
    f: ShallowNetwork, points: FloatArray, targets: FloatArray, settings: CertificateSettings
) -> FloatArray:
    """Upper bounds on the loss of every example, shape (n,)."""
    slope, largest = settings.slope_and_range
    with np.errstate(over="ignore", invalid="ignore"):
        scores = np.clip(f(points), -settings.cap, settings.cap)
        losses = score_loss(settings.loss, targets).value(targets, scores) + slope * evaluation_error(f, points)
    losses = np.where(np.isnan(losses), largest, losses)
    # The factor covers the few roundings of the loss itself.
    upper: FloatArray = np.minimum(losses * (1 + 2.0**-48), largest)
    return upper


def _holdout(
    f: ShallowNetwork, points: FloatArray, holdout: Examples, settings: CertificateSettings, sequential: bool
) -> Certificate:
    unseen, targets = _examples(*holdout, f, settings)
    n, delta = len(unseen), settings.delta
    seen = {row.tobytes() for row in points}
    again = sum(row.tobytes() in seen for row in unseen)
    checked = ("the score of every hold-out example, with a bound on its rounding error",)
    warnings = (f"{again} of the {n} hold-out inputs are also in the sample",) if again else ()
    if settings.loss == "error":
        errors = int(np.sum(_margins(f, unseen, targets) <= 0))
        return certify_errors(errors, n, delta, sequential=sequential, checked=checked, warnings=warnings)
    largest = settings.slope_and_range[1]
    losses = _clipped_losses(f, unseen, targets, settings)
    empirical = divide_up(sum_up(losses), n)
    if sequential:
        bound = sequential_mean_upper(losses, largest, delta)
        formula = "mean loss <= the m at which sum_k s_k prod_i (1 + b_k (m - l_i)/B) reaches 1/delta"
    else:
        bound = min(hoeffding_upper(empirical, n, largest, delta), largest)
        formula = "mean loss <= empirical + B sqrt(log(1/delta)/(2n))"
    constants = {"n": float(n), "B": largest}
    return _from_unseen(
        _quantity(settings), bound, empirical, largest, delta, formula, constants, checked, warnings, sequential
    )


def certify_errors(
    errors: int,
    count: int,
    delta: float = 0.05,
    *,
    quantity: str = "the error rate",
    sequential: bool = False,
    checked: tuple[str, ...] = ("the number of errors",),
    warnings: tuple[str, ...] = (),
) -> Certificate:
    """Bound the error rate of any predictor by its errors on examples that no choice has used.

    Args:
        errors: Wrong predictions.
        count: Examples.
        delta: Probability that the bound fails.
        quantity: What an error is, in words, such as "the share of predictions off by more than 1".
        sequential: Whether the bound holds at all times at once, so that one may look after every example.
        checked: What was verified of the errors, in words.
        warnings: Signs that an assumption is false.

    Example:
        >>> round(certify_errors(100, 10_000).bound, 5)
        0.0118

    Source: the binomial tail, see `binomial_upper`; at all times, see `sequential_upper`.
    """
    if sequential:
        bound = sequential_upper(errors, count, delta)
        formula = "share of errors <= the p at which the mixture M_n(p) reaches 1/delta, for all n at once"
    else:
        bound = binomial_upper(errors, count, delta)
        formula = "share of errors <= the p at which P(Binomial(n, p) <= errors) = delta"
    constants = {"n": float(count), "errors": float(errors)}
    return _from_unseen(quantity, bound, errors / count, 1.0, delta, formula, constants, checked, warnings, sequential)


def _from_unseen(
    quantity: str,
    bound: float,
    empirical: float,
    largest: float,
    delta: float,
    formula: str,
    constants: dict[str, float],
    checked: tuple[str, ...],
    warnings: tuple[str, ...],
    sequential: bool,
) -> Certificate:
    return Certificate(
        kind="hold-out, at all times" if sequential else "hold-out",
        quantity=quantity,
        bound=bound,
        empirical=empirical,
        complexity=0.0,
        concentration=max(bound - empirical, 0.0),
        largest=largest,
        delta=delta,
        delta_split={"the hold-out examples": delta},
        formula=formula,
        constants=constants,
        checked=checked,
        assumed=(
            "the hold-out examples are independent draws from the law of future ones",
            "no choice (training, early stopping, model selection) has used them",
            *(("the predictor was not changed while they came",) if sequential else ()),
        ),
        warnings=warnings,
    )


def _quantity(settings: CertificateSettings) -> str:
    return "the error rate" if settings.loss == "error" else f"the mean {settings.loss} loss of the clipped network"


def _outputs(f: ShallowNetwork) -> int:
    return 1 if f.outputs.ndim == 1 else int(f.outputs.shape[1])


def _examples(
    X: npt.ArrayLike, y: npt.ArrayLike, f: ShallowNetwork, settings: CertificateSettings
) -> tuple[FloatArray, FloatArray]:
    points, targets = inputs_of(X, f.dimension), reals(y, "targets")
    if targets.shape != (len(points),) or not len(points):
        raise DataError(
            f"certify: {len(points)} rows of inputs against targets of shape {targets.shape}\n  fix: give one each"
        )
    if settings.complexity == "ball" and float(row_norms(points).max()) > min(settings.radii):
        row = int(np.argmax(row_norms(points)))
        raise DataError(
            f"certify: complexity='ball', but row {row} has norm {row_norms(points)[row]:.6g} > R\n"
            "  fix: scale the inputs into the ball inside the predictor, or use complexity='sample'"
        )
    if settings.loss != "error":
        score_loss(settings.loss, targets)
        limit = settings.target_bound if settings.target_bound is not None else 1.0
        if float(np.abs(targets).max()) > limit:
            raise DataError(
                f"certify: a target is {np.abs(targets).max():.6g} in size, above target_bound={limit:g}\n"
                "  fix: a target_bound that holds for every target there will ever be"
            )
        return points, targets
    wanted = (-1.0, 1.0) if f.outputs.ndim == 1 else tuple(range(_outputs(f)))
    if not np.isin(targets, wanted).all():
        cure = "-1 and +1" if f.outputs.ndim == 1 else f"classes from 0 to {_outputs(f) - 1}"
        raise DataError(f"certify: there is a target {targets[~np.isin(targets, wanted)][0]}\n  fix: use {cure}")
    return points, targets
