"""What has to be fixed before the examples are seen, for a risk certificate to mean something."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from reseau.errors import DataError
from reseau.theory.rounding import is_share, up
from reseau.theory.score_losses import score_loss
from reseau.theory.shallow.shallow_network import ShallowNetwork

__all__ = ["ANY_UNIT", "CHOICES", "GRID", "CertificateSettings"]

GRID = tuple(2.0 ** (k / 4) for k in range(-20, 61))
"""Ratios `kappa = D / rho` of path norm to margin tried by default: 81, from 1/32 to 32768."""

COMPLEXITIES = ("sample", "ball", "simulated")
CHOICES = ("radius", "grid", "preprocessing")


@dataclass(frozen=True, kw_only=True)
class CertificateSettings:
    """What `certify` must know before the examples are seen: a choice made on them would void the bound.

    Attributes:
        delta: Probability that the bound fails.
        loss: `"error"`, the error rate, through the ramp loss of the margin (scores of 0 and ties count
            as errors); or `"squared"` (half of the square), `"absolute"`, `"logistic"`, `"hinge"`, for the
            predictor whose single output is clipped to `[-clip, clip]`.
        clip: `U`, for a loss other than `"error"`.
        target_bound: `|y| <= target_bound` for every example there will ever be; with `"squared"` and
            `"absolute"`.
        radius: `R`, the scale of a bias, or several to choose from; that of the network by default.
        grid: Ratios `D / rho`, or path norms `D` for a loss other than `"error"`.
        complexity: `"sample"` (no assumption on the inputs); `"ball"`, if all inputs have `|x| <= R`,
            now and later; `"simulated"` (one output): random signs, exact for d <= 2, on a tenth of delta.
        seed: Of the random signs; a setting, since the best of several would be a choice made on the examples.

    Raises:
        DataError: If one is out of its range.

    Example:
        >>> from reseau.theory import CertificateSettings, ShallowNetwork, certify, commitment
        >>> settings = CertificateSettings(delta=0.01, loss="squared", clip=1.0, target_bound=1.0)
        >>> f = ShallowNetwork([[1.0]], [0.0], [0.5])
        >>> promised = commitment(f, settings)      # recorded before the examples are seen
        >>> certify(f, [0.2, 1.0], [0.3, 0.4], settings).commitment == promised
        True
    """

    delta: float = 0.05
    loss: str = "error"
    clip: float | None = None
    target_bound: float | None = None
    radius: float | Sequence[float] | None = None
    grid: Sequence[float] = GRID
    complexity: str = "sample"
    seed: int = 0

    def __post_init__(self) -> None:
        if not is_share(self.delta):
            raise DataError(f"CertificateSettings: delta={self.delta}\n  fix: a probability between 0 and 1")
        if self.complexity not in COMPLEXITIES:
            raise DataError(f"CertificateSettings: complexity {self.complexity!r}\n  fix: use one of {COMPLEXITIES}")
        plain = {
            "delta": float(self.delta),
            "clip": None if self.clip is None else float(self.clip),
            "target_bound": None if self.target_bound is None else float(self.target_bound),
            "radius": None if self.radius is None else _positive(self.radius, "radius"),
            "grid": _positive(self.grid, "grid"),
            "seed": int(self.seed),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        if self.loss != "error":
            self._check_loss()

    def _check_loss(self) -> None:
        loss = score_loss(self.loss, np.zeros(0))
        if not (math.isfinite(self.cap) and self.cap > 0):
            raise DataError(
                f"CertificateSettings: the {loss.name} loss is bounded for a clipped score only\n  fix: give clip > 0"
            )
        target = self.target_bound
        if not loss.binary and not (target is not None and math.isfinite(target) and target >= 0):
            raise DataError(
                f"CertificateSettings: the {loss.name} loss has no largest value while targets have none\n"
                "  fix: give target_bound, a bound on |y| known beforehand"
            )

    def of(self, f: ShallowNetwork) -> "CertificateSettings":
        """The settings with the radius of the network, where none was given.

        Raises:
            DataError: If they do not fit the outputs of the network.
        """
        if f.outputs.ndim == 2 and f.outputs.shape[1] == 1:
            raise DataError("certify: outputs of shape (m, 1) have no margin between classes\n  fix: use shape (m,)")
        if f.outputs.ndim == 2 and (self.loss != "error" or self.complexity == "simulated"):
            raise DataError(
                f"certify: loss {self.loss!r} with complexity {self.complexity!r} is for one output, and this network "
                f"has {f.outputs.shape[1]}\n  fix: use loss='error' and complexity='sample' or 'ball'"
            )
        return self if self.radius is not None else replace(self, radius=f.radius)

    @property
    def radii(self) -> tuple[float, ...]:
        """Scales of a bias, among which the best is kept."""
        return () if self.radius is None else _positive(self.radius, "radius")

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


def _positive(value: float | Sequence[float], place: str) -> tuple[float, ...]:
    numbers = tuple(float(v) for v in np.atleast_1d(np.asarray(value, dtype=np.float64)))
    if not numbers or not all(math.isfinite(v) and v > 0 for v in numbers):
        raise DataError(f"CertificateSettings: {place}={value!r}\n  fix: positive finite numbers")
    return numbers


ANY_UNIT = CertificateSettings(
    radius=(0.1, 1.0, 10.0, 100.0, 1000.0), grid=tuple(2.0 ** (k / 4) for k in range(-80, 61))
)
"""Ratios, and scales of a bias, for features in any unit; each of them costs delta."""
