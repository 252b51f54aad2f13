"""What has to be fixed before the examples are seen, for a risk certificate to mean something."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from reseau.errors import DataError
from reseau.theory.rounding import up
from reseau.theory.score_losses import score_loss
from reseau.theory.shallow.network import ShallowNetwork

__all__ = ["CHOICES", "GRID", "WIDE_GRID", "WIDE_RADII", "Settings", "settings_of"]

GRID = tuple(2.0 ** (k / 4) for k in range(-20, 61))
"""Ratios `kappa = D / rho` of path norm to margin tried by default: 81, from 1/32 to 32768."""

WIDE_GRID = tuple(2.0 ** (k / 4) for k in range(-80, 61))
WIDE_RADII = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""Ratios, and scales of a bias, for features in any unit; each of them costs delta."""

COMPLEXITIES = ("sample", "ball", "simulated")
CHOICES = ("radius", "grid", "preprocessing")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The arguments of `certify` that must not depend on the examples.

    Attributes:
        radii: Scales of a bias, among which the best is kept.
        seed: Of the random signs, for the complexity by simulation.
        grid: Ratios of path norm to margin, or path norms for a loss other than `"error"`.
    """

    delta: float
    loss: str
    clip: float | None
    target_bound: float | None
    radii: tuple[float, ...]
    grid: tuple[float, ...]
    complexity: str
    seed: int = 0

    @property
    def cells(self) -> int:
        """Number of bounds that hold at once."""
        return len(self.radii) * len(self.grid)

    @property
    def digest(self) -> str:
        """SHA-256 of all the settings; of the seed only where signs are drawn."""
        names = [item.name for item in fields(self) if item.name != "seed" or self.complexity == "simulated"]
        values = [getattr(self, name) for name in names]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()

    @property
    def simulated_delta(self) -> float:
        """Part of delta spent on the random signs."""
        return self.delta / 10 if self.complexity == "simulated" else 0.0

    @property
    def from_sample(self) -> bool:
        """Whether the complexity is computed on the examples."""
        return self.complexity != "ball"

    @property
    def cap(self) -> float:
        """Largest absolute score once clipped."""
        return math.inf if self.clip is None else self.clip

    @property
    def slope_and_range(self) -> tuple[float, float]:
        """`G` and `B` of the loss; those of an error rate are 1 (the slope is that of the margin)."""
        if self.loss == "error":
            return 1.0, 1.0
        loss = score_loss(self.loss, np.zeros(0))
        target = self.target_bound if self.target_bound is not None else 1.0
        return up(loss.lipschitz(self.cap, target)), up(loss.largest(self.cap, target), 4)


def settings_of(
    f: ShallowNetwork,
    delta: float,
    loss: str,
    clip: float | None,
    target_bound: float | None,
    radius: float | Sequence[float] | None,
    grid: Sequence[float],
    complexity: str,
    seed: int = 0,
) -> Settings:
    """Check the settings and complete them with the radius of `f`.

    Raises:
        DataError: If one is out of its range, or does not fit the outputs of the network.
    """
    settings = Settings(
        delta=float(delta),
        loss=loss,
        clip=None if clip is None else float(clip),
        target_bound=None if target_bound is None else float(target_bound),
        radii=_numbers(f.radius if radius is None else radius, "radius"),
        grid=_numbers(grid, "grid"),
        complexity=complexity,
        seed=int(seed),
    )
    if not 0 < settings.delta < 1:
        raise DataError(f"certify: delta={delta} must be a probability between 0 and 1")
    if complexity not in COMPLEXITIES:
        raise DataError(f"certify: complexity {complexity!r}; use one of {COMPLEXITIES}")
    if f.outputs.ndim == 2 and f.outputs.shape[1] == 1:
        raise DataError("certify: outputs of shape (m, 1) have no margin between classes; use shape (m,)")
    if f.outputs.ndim == 2 and (loss != "error" or complexity == "simulated"):
        raise DataError(
            f"certify: loss {loss!r} with complexity {complexity!r} is for one output; with "
            f"{f.outputs.shape[1]}, use loss='error' and complexity='sample' or 'ball'"
        )
    if loss != "error":
        _check_loss(settings)
    return settings


def _check_loss(settings: Settings) -> None:
    loss = score_loss(settings.loss, np.zeros(0))
    if not (math.isfinite(settings.cap) and settings.cap > 0):
        raise DataError(f"certify: the {loss.name} loss is bounded for a clipped score only; give clip > 0")
    target = settings.target_bound
    if not loss.binary and not (target is not None and math.isfinite(target) and target >= 0):
        raise DataError(f"certify: the {loss.name} loss needs target_bound, a bound on |y| known beforehand")


def _numbers(value: float | Sequence[float], place: str) -> tuple[float, ...]:
    numbers = tuple(float(v) for v in np.atleast_1d(np.asarray(value, dtype=np.float64)))
    if not numbers or not all(math.isfinite(v) and v > 0 for v in numbers):
        raise DataError(f"certify: {place} must be positive finite numbers, not {value!r}")
    return numbers
