"""A risk bound that says what it is made of, what was checked and what has to be believed."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Certificate", "probability"]


def probability(delta: float) -> str:
    """`1 - delta` in a form that does not round to 1.

    Example:
        >>> probability(0.05), probability(1e-20)
        ('0.95', '1 - 1e-20')
    """
    return f"{1 - delta:g}" if delta >= 1e-4 else f"1 - {delta:g}"


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """`risk <= empirical + complexity + concentration` with probability at least `1 - delta`.

    Attributes:
        kind: Which theorem, in words.
        quantity: What is bounded, in words: an error rate, or the mean of a loss.
        bound: Upper bound, never above `largest`.
        empirical: Risk on the sample (of the ramp loss, for an error rate).
        complexity: Price of having chosen the network by looking at the sample; 0 for a hold-out set.
        concentration: Price of averaging n examples only.
        largest: Trivial bound: 1 for an error rate, the range of the loss otherwise.
        delta: Probability that the bound fails.
        delta_split: Where delta went.
        formula: The inequality, as text.
        constants: Every number in the formula.
        checked: What the computation verified.
        assumed: What nothing here can verify.
        warnings: Signs, in the data, that an assumption is false.
        invalid: Settings declared to have been chosen on these very data: with any, this is no
            certificate.
        commitment: Digest of the settings, to be compared with one recorded before seeing the data.
        holdout: The bound from unseen examples, when there are some.

    Example:
        >>> from reseau.theory import certify_errors
        >>> round(certify_errors(3, 1000, 0.05).bound, 4)
        0.0077
    """

    kind: str
    quantity: str
    bound: float
    empirical: float
    complexity: float
    concentration: float
    largest: float
    delta: float
    delta_split: Mapping[str, float]
    formula: str
    constants: Mapping[str, float]
    checked: tuple[str, ...]
    assumed: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    commitment: str = ""
    holdout: "Certificate | None" = field(default=None)

    @property
    def vacuous(self) -> bool:
        """Whether the bound says nothing: it is at least what the quantity can be at most."""
        return self.bound >= self.largest

    @property
    def valid(self) -> bool:
        """Whether the theorem applies, its assumptions granted."""
        return not self.invalid

    def explain(self) -> str:
        """The inequality with its numbers, in words, and the hold-out bound beside it."""
        lines = [self._verdict(), "", f"  {self.formula}"]
        terms = ("empirical", "complexity", "concentration")
        lines += [f"    {term:14} {getattr(self, term):.6g}" for term in terms]
        lines += ["  constants:", *(f"    {name:14} {value:.8g}" for name, value in self.constants.items())]
        lines += ["  delta:", *(f"    {share:<14.6g} {place}" for place, share in self.delta_split.items())]
        for title, texts in (("checked", self.checked), ("assumed", self.assumed), ("warnings", self.warnings)):
            if texts:
                lines += [f"  {title}:", *(f"    - {text}" for text in texts)]
        return "\n".join([*lines, *self._beside()])

    def _repr_html_(self) -> str:
        from reseau.inspect.html import html_text  # loads the engine, which a notebook that shows networks has

        return html_text(self.explain())

    def to_json(self) -> str:
        """Everything, as JSON text.

        Example:
            >>> fields = ("kind", "quantity", "formula")
            >>> numbers = ("bound", "empirical", "complexity", "concentration", "largest", "delta")
            >>> c = Certificate(**dict.fromkeys(fields, ""), **dict.fromkeys(numbers, 1.0), delta_split={},
            ...                 constants={}, checked=(), assumed=())
            >>> json.loads(c.to_json())["vacuous"]
            True
        """
        return json.dumps(self._plain(), indent=2, allow_nan=False)

    def _plain(self) -> dict[str, Any]:
        data = {name: value for name, value in asdict(self).items() if name != "holdout"}
        data |= {"vacuous": self.vacuous, "valid": self.valid}
        # JSON has no infinity: what overflowed is a text.
        for name, value in data.items():
            if isinstance(value, float) and not math.isfinite(value):
                data[name] = str(value)
        data["constants"] = {k: v if math.isfinite(v) else str(v) for k, v in self.constants.items()}
        data["holdout"] = None if self.holdout is None else self.holdout._plain()
        return data

    def _verdict(self) -> str:
        if self.invalid:
            return (
                f"NOT A CERTIFICATE: {', '.join(self.invalid)} chosen on these same examples. The number "
                f"would be {self.bound:.6g}; choose them beforehand, or certify on fresh examples."
            )
        claim = (
            f"With probability at least {probability(self.delta)} over the draw of the examples, {self.quantity} "
            f"is at most {self.bound:.6g} [{self.kind}]."
        )
        if self.vacuous:
            return f"VACUOUS: {claim} It can never be more than {self.largest:.6g}: this says nothing."
        return claim

    def _beside(self) -> list[str]:
        if self.kind.startswith(("hold-out", "pick-to-learn")):
            return []
        if self.holdout is None and self.kind.startswith("PAC-Bayes"):
            return [
                "  hold-out: none given: pac_bayes(..., holdout=(X, y)) puts the bound from unseen examples beside."
            ]
        if self.holdout is None:
            return [
                "  hold-out: none given. A bound from unseen examples is usually much smaller than this one:",
                "    holdout=(X, y) (--holdout DATA) with examples kept out of training and of every choice.",
            ]
        twice = 2 * self.delta
        both = f"both at once, with {probability(twice)}" if twice < 1 else "nothing is claimed of both at once"
        winner = "the hold-out bound is the smaller" if self.holdout.bound < self.bound else "this one is the smaller"
        return [
            f"  {self.holdout.kind}: at most {self.holdout.bound:.6g} from {self.holdout.constants['n']:.0f} unseen "
            f"examples: {winner}.",
            f"    Each holds with probability {probability(self.delta)}; {both}.",
            *(f"    warning: {text}" for text in self.holdout.warnings),
        ]
