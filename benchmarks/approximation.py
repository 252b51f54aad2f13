"""Fewest affine pieces within a tolerance: reseau, scipy and pwlf on the same points; writes approximation.json.

    python -m benchmarks.approximation [--rounds 3] [--seconds 20]

Every contender is asked for a continuous piecewise-affine function within the tolerance at every point. reseau answers
that question; the others answer another, of least squares for given knots or for a given number of pieces, so their
own search for the fewest is timed with them. A contender that is out of time is stopped: what it found so far, if
anything, may not be its fewest.
"""

import argparse
import json
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pwlf import PiecewiseLinFit
from scipy.interpolate import UnivariateSpline, make_lsq_spline

from benchmarks.other_ratios import write_other_ratios
from benchmarks.run import processor
from reseau.theory import approximate

HERE = Path(__file__).parent
TABLE = HERE.parent / "docs" / "data" / "thermocouple-k.csv"
MOST_PIECES = 1024


@dataclass(frozen=True)
class Case:
    """Points to pass within a tolerance of."""

    title: str
    x: np.ndarray
    y: np.ndarray
    tolerance: float

    def meets(self, values: np.ndarray) -> bool:
        """Whether the values at the points are within the tolerance, up to a millionth of it."""
        return bool(np.abs(values - self.y).max() <= self.tolerance * (1 + 1e-6))


def cases() -> list[Case]:
    """Two curves and a table of measurements."""
    x, long = np.linspace(-1, 1, 501), np.linspace(-np.pi, np.pi, 2001)
    volts, degrees = np.loadtxt(TABLE, delimiter=",", skiprows=1).T
    return [
        Case("exp on [-1, 1] within 0.01, 501 points", x, np.exp(x), 1e-2),
        Case("sin on [-π, π] within 0.001, 2001 points", long, np.sin(long), 1e-3),
        Case("type K thermocouple table within 0.1 °C, 1371 points", volts, degrees, 0.1),
    ]


def ours(case: Case, deadline: float) -> int:
    """The fewest there are, with proof."""
    found = approximate((case.x, case.y), None, case.tolerance)
    if found.lower != found.upper or not case.meets(found.network(case.x)):
        raise RuntimeError(f"{case.title}: the count is open, or the network misses a point")
    return found.pieces


def uniform_knots(case: Case, deadline: float) -> int | None:
    """scipy's least-squares spline of degree 1, its knots at equal steps: twice as many until it fits, then halving."""

    def fits(pieces: int) -> bool:
        inner = np.linspace(case.x[0], case.x[-1], pieces + 1)
        knots = np.concatenate([inner[:1], inner, inner[-1:]])
        return case.meets(make_lsq_spline(case.x, case.y, knots, k=1)(case.x))

    return first(fits, deadline)


def smoothing(case: Case, deadline: float) -> int | None:
    """scipy's smoothing spline of degree 1, its smoothing as large as the tolerance lets it be, by bisection."""
    low, high, pieces = 0.0, case.tolerance**2 * len(case.x), None
    for _ in range(40):
        middle = (low + high) / 2
        spline = UnivariateSpline(case.x, case.y, k=1, s=middle)
        if case.meets(spline(case.x)):
            low, pieces = middle, len(spline.get_knots()) - 1
        else:
            high = middle
        if time.perf_counter() > deadline:
            break
    return pieces


def pwlf(case: Case, deadline: float) -> int | None:
    """pwlf's fast fit of given pieces by least squares, its knots free: twice as many until it fits, then halving."""

    def fits(pieces: int) -> bool:
        fit = PiecewiseLinFit(case.x, case.y, seed=0)
        fit.fitfast(pieces)
        return case.meets(fit.predict(case.x))

    return first(fits, deadline)


def first(fits: Callable[[int], bool], deadline: float) -> int | None:
    """A number of pieces that fits while one less does not; at the deadline the least that was found, if any."""
    low, high, found = 0, 1, None
    with suppress(TimeoutError), ringing(deadline):
        while not fits(high):
            low, high = high, 2 * high
            if high > MOST_PIECES:
                return None
        found = high
        while found - low > 1:
            middle = (low + found) // 2
            low, found = (low, middle) if fits(middle) else (middle, found)
    return found


@contextmanager
def ringing(deadline: float) -> Iterator[None]:
    """Within it, `TimeoutError` is raised at the deadline, in the middle of a fit too."""

    def ring(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(deadline - time.perf_counter(), 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


CONTENDERS: dict[str, Callable[[Case, float], int | None]] = {
    "reseau": ours,
    "scipy, least squares, equal steps": uniform_knots,
    "scipy, smoothing spline": smoothing,
    "pwlf": pwlf,
}


def measure(case: Case, contender: Callable[[Case, float], int | None], rounds: int, limit: float) -> dict[str, object]:
    """Pieces, and the median of the seconds; slow contenders run fewer rounds, and are stopped before their fewest."""
    times: list[float] = []
    pieces = None
    while len(times) < rounds and sum(times) < limit:
        start = time.perf_counter()
        pieces = contender(case, start + limit)
        times.append(time.perf_counter() - start)
    return {
        "pieces": pieces,
        "seconds": statistics.median(times),
        "spread": [min(times), max(times)],
        "rounds": len(times),
        "stopped": times[-1] >= limit,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="for one contender on one curve (default: 10)")
    asked = parser.parse_args()
    found = {}
    for case in cases():
        print(case.title)
        found[case.title] = {}
        for name, contender in CONTENDERS.items():
            row = measure(case, contender, asked.rounds, asked.seconds)
            found[case.title][name] = row
            pieces = row["pieces"] or "none"
            stopped = ", stopped" if row["stopped"] else ""
            print(f"  {name:34s} {pieces:>5} pieces {row['seconds']:10.4f} s{stopped}", flush=True)
    versions = {name: version(name) for name in ("numpy", "scipy", "pwlf")}
    written = {"machine": {"processor": processor(), "versions": versions}, "cases": found}
    (HERE / "approximation.json").write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    write_other_ratios()


if __name__ == "__main__":
    main()
