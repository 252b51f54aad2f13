"""Bounds and alarms that hold at all times: by simulation, by quadrature, and by what they may not do."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp

from reseau.theory import (
    CertificateSettings,
    Monitor,
    ShallowNetwork,
    binomial_upper,
    certify,
    certify_errors,
    sequential_mean_upper,
    sequential_upper,
)
from reseau.theory.sequential.anytime import BETS, SHARES, log_evidence
from tools.refusals import refused


@pytest.mark.parametrize(("errors", "count", "rate"), [(0, 5, 0.3), (3, 40, 0.1), (7, 20, 0.35), (20, 21, 0.9)])
@pytest.mark.parametrize("below", [True, False])
def test_the_evidence_is_its_integral(errors, count, rate, below):
    def factor(q):
        return (q / rate) ** errors * ((1 - q) / (1 - rate)) ** (count - errors)

    ends = (0, rate) if below else (rate, 1)
    integral = quad(factor, *ends, epsabs=0, epsrel=1e-11)[0] / (ends[1] - ends[0])
    assert float(log_evidence(np.array(errors), np.array(count), rate, below=below)) == pytest.approx(
        math.log(integral)
    )


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.4])
def test_the_bound_is_rarely_ever_violated_and_the_alarm_rarely_ever_false(rate):
    rng = np.random.default_rng(1)
    errors = np.cumsum(rng.random((600, 600)) < rate, axis=1)
    count = np.broadcast_to(np.arange(1, 601), errors.shape)
    for below in (True, False):  # the true rate is below its bound, and the promise is kept exactly
        ever = (log_evidence(errors, count, rate, below=below) >= math.log(1 / 0.05)).any(1).mean()
        assert 0.003 < ever <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / 600)


def test_the_bound_is_where_the_evidence_reaches_its_limit_and_above_the_binomial_tail():
    for errors, count in ((100, 10_000), (9, 360), (0, 100), (1, 1), (5, 9), (0, 1)):
        upper = sequential_upper(errors, count)
        assert binomial_upper(errors, count) <= upper <= 1
        if upper < 1:
            rates = np.linspace(upper, 1, 200, endpoint=False)
            evidence = [float(log_evidence(np.array(errors), np.array(count), p, below=True)) for p in rates]
            assert min(evidence) >= math.log(1 / 0.05)
    assert sequential_upper(100, 10_000) == pytest.approx(0.0134, abs=5e-5)
    assert sequential_upper(0, 100) / binomial_upper(0, 100) == pytest.approx(1.49, abs=0.01)


@pytest.mark.parametrize(
    ("errors", "count", "prior"),
    [(0, 10, (1e4, 1.0)), (5, 10, (1e5, 1.0)), (10, 1000, (2000.0, 1.0)), (1, 5, (1e300, 2.0)), (5, 100, (40.0, 40.0))],
)  # fmt: skip
def test_a_law_beforehand_whose_share_underflows_is_no_evidence(errors, count, prior):
    flint = pytest.importorskip("flint")
    upper = sequential_upper(errors, count, prior=prior)
    assert upper > errors / count + 1e-3
    if upper < 1:
        with flint.ctx.workprec(500):
            p, (a, b) = flint.arb(upper), (flint.arb(v) for v in prior)
            share = p.beta_lower(a + errors, b + (count - errors)).log() - p.beta_lower(a, b).log()
            assert share - errors * p.log() - (count - errors) * (1 - p).log() >= math.log(1 / 0.05)


def test_digits_that_a_strong_law_beforehand_takes_are_no_evidence():
    # of one who is sure of one half, 5 errors in 100 are evidence against rates above .516 alone
    for strength in (1e9, 1e12, 1e15, 1e20, 1e100, 1e300):
        assert sequential_upper(5, 100, prior=(strength, strength)) > 0.515, strength


@pytest.mark.parametrize(
    "given",
    [
        (2.5, 10),
        (0, math.inf),
        (5, 10**400),
        (5, 10, 0.05, (math.inf, 1.0)),
        (5, 10, 0.05, (1.0, math.nan)),
        (math.nan, 10),
    ],
)
def test_what_is_no_count_and_no_law_is_refused(given):
    assert "whole numbers 0 <= errors <= count" in refused(sequential_upper, *given)


def test_a_monitor_does_not_care_how_its_rows_are_cut():
    errors = (np.random.default_rng(0).random(500) < 0.12).astype(int)
    whole = Monitor(0.05).update(errors)
    parts = Monitor(0.05)
    for cut in np.array_split(errors, 37):
        parts = parts.update(cut)
    assert parts == whole
    assert whole.broken
    assert not Monitor(0.05).update(errors[: whole.broken_at - 1]).broken
    assert Monitor(0.05).update(errors[: whole.broken_at]).broken
    assert whole.update(np.zeros(5000)).broken  # an alarm stays


def test_what_is_refused():
    assert "entry 1 is 2" in refused(Monitor(0.1).update, [0, 2])
    assert "no numbers" in refused(Monitor(0.1).update, ["right", "wrong"])
    assert "entry 0 is nan" in refused(Monitor(0.1).update, [math.nan])
    assert "promised=0" in refused(Monitor, 0)
    assert "promised='0.05'" in refused(Monitor, "0.05")
    assert "delta=1" in refused(Monitor, 0.1, 1)
    assert "errors=3" in refused(sequential_upper, 3, 2)
    assert Monitor(0.1).update([]) == Monitor(0.1)
    assert Monitor(0.1).upper == 1


def test_the_bound_on_a_mean_is_rarely_ever_violated_and_not_loose():
    rng = np.random.default_rng(3)
    for mean in (0.05, 0.3):
        losses = rng.beta(2 * mean, 2 * (1 - mean), (200, 300))
        ever = 0
        for stream in losses:
            # the capital against the true mean, at all times, as the definition has it
            factors = np.log1p(BETS[:, None] * (mean - stream))
            ever += (logsumexp(np.cumsum(factors, 1), axis=0, b=SHARES[:, None]) >= math.log(1 / 0.05)).any()
        assert ever <= 200 * 0.05 + 2.6 * math.sqrt(200 * 0.05 * 0.95)
        uppers = [sequential_mean_upper(stream, 1.0) for stream in losses[:8]]
        assert mean < np.mean(uppers) < mean + 0.1
        assert sequential_mean_upper(losses[0], 1.0) == pytest.approx(sequential_mean_upper(3 * losses[0], 3.0) / 3)


def test_the_bound_on_a_mean_is_where_the_capital_reaches_its_limit():
    losses = np.random.default_rng(0).random(50) ** 3
    upper = sequential_mean_upper(losses, 1.0, 0.1)
    capital = [sum(s * np.prod(1 + b * (m - losses)) for b, s in zip(BETS, SHARES, strict=True)) for m in (upper, 1)]
    assert 10 <= capital[0] <= 10.0001 < capital[1]
    assert sequential_mean_upper([1.0], 1.0) == 1
    assert sum(SHARES) < 1
    for wrong in ([], [2.0], [-0.1], [math.nan]):
        assert "fix" in refused(sequential_mean_upper, wrong, 1.0)


def test_a_certificate_at_all_times_names_itself_and_is_the_anytime_bound():
    certificate = certify_errors(100, 10_000, sequential=True)
    assert certificate.bound == sequential_upper(100, 10_000)
    assert certificate.kind == "hold-out, at all times"
    f, rng = ShallowNetwork([[1.0]], [0.0], [1.0]), np.random.default_rng(0)
    x = rng.uniform(-1, 1, 300)
    y = np.where(rng.random(300) < 0.9, np.sign(x), -np.sign(x))
    found = certify(f, x, y, holdout=(x + 1e-3, y), sequential=True)
    assert "hold-out, at all times: at most" in found.explain()
    assert found.holdout.bound > certify(f, x, y, holdout=(x + 1e-3, y)).holdout.bound
    squared = CertificateSettings(loss="squared", clip=1.0, target_bound=1.0)
    loss = 0.5 * (y - x.clip(0, 1)) ** 2
    assert certify(f, x, y, squared, holdout=(x, y), sequential=True).holdout.bound == pytest.approx(
        sequential_mean_upper(loss, 2.0), rel=1e-9
    )
    assert "holdout=" in refused(certify, f, x, y, sequential=True)
