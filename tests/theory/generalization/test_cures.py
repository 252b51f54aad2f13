"""The cures that errors of risk certificates name are applied to what raised them."""

import numpy as np
import pytest

from reseau import theory
from reseau.errors import DataError
from reseau.theory import CertificateSettings, ShallowNetwork, certify, complexity_chain, rademacher
from tools.cures import Cure, cured, files_of, raises_without_a_case

X = np.linspace(-1, 1, 8)
Y = np.sign(X + 0.1)
PLANE = np.stack([X, X**2], axis=1)
F = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.5], [1.0, -1.0])
TWO = ShallowNetwork([[1.0]], [0.0], [[1.0, 0.0]])
SQUARED = CertificateSettings(loss="squared", clip=1.0, target_bound=1.0)

CASES = {
    "more errors than rows": Cure(
        lambda: theory.binomial_upper(5, 4),
        "use whole numbers 0 <= errors <= count, count >= 1 and models >= 1, and 0 < delta < 1",
        lambda: theory.binomial_upper(4, 4),
    ),
    "a text for a count": Cure(
        lambda: theory.binomial_upper("1", 4),
        "use whole numbers 0 <= errors <= count, count >= 1 and models >= 1, and 0 < delta < 1",
        lambda: theory.binomial_upper(1, 4),
    ),
    "nothing for a probability": Cure(
        lambda: theory.binomial_upper(1, 4, None),
        "use whole numbers 0 <= errors <= count, count >= 1 and models >= 1, and 0 < delta < 1",
        lambda: theory.binomial_upper(1, 4, 0.05),
    ),
    "a risk below 0": Cure(
        lambda: theory.hoeffding_upper(-0.1, 10, 1.0),
        "use numbers at least 0, whole numbers count >= 1 and models >= 1, and 0 < delta < 1",
        lambda: theory.hoeffding_upper(0.0, 10, 1.0),
    ),
    "sequential without rows in order": Cure(
        lambda: certify(F, X, Y, sequential=True),
        r"(holdout)=\(X, y\), in their order",
        lambda name: certify(F, X, Y, sequential=True, **{name: (X, Y)}),
    ),
    "settings that are a number": Cure(
        lambda: certify(F, X, Y, settings=0.01),
        r"settings=CertificateSettings\(delta=([\d.]+)\), for instance",
        lambda delta: certify(F, X, Y, settings=CertificateSettings(delta=float(delta))),
    ),
    "a choice of another name": Cure(
        lambda: certify(F, X, Y, chosen_on_sample=("seed",)),
        r"use names among (\(.*\))",
        lambda names: certify(F, X, Y, chosen_on_sample=eval(names)),
    ),
    "targets of other rows": Cure(lambda: certify(F, X, Y[:3]), "give one each", lambda: certify(F, X, Y)),
    "rows outside the ball": Cure(
        lambda: certify(F, 2 * X, Y, CertificateSettings(complexity="ball", radius=1.0)),
        r"scale the inputs into the ball inside the predictor, or use complexity='(\w+)'",
        lambda complexity: (
            certify(F, X, Y, CertificateSettings(complexity="ball", radius=1.0)),
            certify(F, 2 * X, Y, CertificateSettings(complexity=complexity, radius=1.0)),
        ),
    ),
    "a target above its bound": Cure(
        lambda: certify(F, X, 2 * Y, SQUARED),
        "a target_bound that holds for every target there will ever be",
        lambda: certify(F, X, 2 * Y, CertificateSettings(loss="squared", clip=1.0, target_bound=2.0)),
    ),
    "classes as 0 and 1 for one score": Cure(
        lambda: certify(F, X, Y > 0), r"use -1 and \+1", lambda: certify(F, X, 2.0 * (Y > 0) - 1)
    ),
    "a class too many": Cure(
        lambda: certify(TWO, X, 2 * (Y > 0)),
        r"use classes from (\d) to (\d)",
        lambda low, high: certify(TWO, X, np.where(Y > 0, int(high), int(low))),
    ),
    "scores of shape (m, 1)": Cure(
        lambda: certify(ShallowNetwork([[1.0]], [0.0], [[1.0]]), X, Y),
        r"use shape \(m,\)",
        lambda: certify(ShallowNetwork([[1.0]], [0.0], [1.0]), X, Y),
    ),
    "two scores and simulated signs": Cure(
        lambda: certify(TWO, X, Y > 0, CertificateSettings(complexity="simulated")),
        r"use loss='(\w+)' and complexity='(\w+)' or '(\w+)'",
        lambda loss, *kinds: [certify(TWO, X, Y > 0, CertificateSettings(loss=loss, complexity=k)) for k in kinds],
    ),
    "a delta of 1": Cure(
        lambda: CertificateSettings(delta=1.0), "a probability between 0 and 1", lambda: CertificateSettings(delta=0.5)
    ),
    "no such complexity": Cure(
        lambda: CertificateSettings(complexity="exact"),
        r"use one of (\(.*\))",
        lambda kinds: [CertificateSettings(complexity=kind) for kind in eval(kinds)],
    ),
    "a radius below 0": Cure(
        lambda: CertificateSettings(radius=-1.0),
        "positive finite numbers",
        lambda: CertificateSettings(radius=(1.0, 2.0)),
    ),
    "a loss without a clip": Cure(
        lambda: CertificateSettings(loss="logistic"),
        "give clip > 0",
        lambda: CertificateSettings(loss="logistic", clip=1.0),
    ),
    "a loss without a bound on the targets": Cure(
        lambda: CertificateSettings(loss="squared", clip=1.0),
        r"give target_bound, a bound on \|y\| known beforehand",
        lambda: CertificateSettings(loss="squared", clip=1.0, target_bound=1.0),
    ),
    "a slope below 0": Cure(
        lambda: complexity_chain(X, 1.0, lipschitz=-1.0),
        "give a finite number at least 0",
        lambda: complexity_chain(X, 1.0, lipschitz=0.0, draws=2),
    ),
    "no row": Cure(lambda: rademacher([], 1.0), "give at least one row", lambda: rademacher([0.0], 1.0, draws=2)),
    "a bound below 0": Cure(
        lambda: rademacher(X, -1.0), "give a finite number at least 0", lambda: rademacher(X, 0.0, draws=2)
    ),
    "no such method": Cure(
        lambda: rademacher(X, 1.0, method="guess"),
        r"use one of (\(.*\)), l2 or w",
        lambda methods: [rademacher(X, 1.0, method=m, draws=2) for m in eval(methods)],
    ),
    "no draw": Cure(
        lambda: rademacher(X, 1.0, draws=0),
        "use draws >= 1 and 0 < delta < 1",
        lambda: rademacher(X, 1.0, draws=1, delta=0.5),
    ),
    "a norm for one input": Cure(
        lambda: rademacher(PLANE, 1.0, norm="w"),
        r"use norm='(\w+)'",
        lambda norm: rademacher(PLANE, 1.0, norm=norm, draws=2),
    ),
    "too many signs to enumerate": Cure(
        lambda: rademacher(np.linspace(0, 1, 17), 1.0, method="enumeration"),
        r"use n <= (\d+) and d <= 2, or '(\w+)'",
        lambda n, method: (
            rademacher(np.linspace(0, 1, 4), 1.0, method="enumeration"),
            rademacher(np.linspace(0, 1, 17), 1.0, method=method, draws=2),
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_cure_works(name):
    cured(CASES[name])


def test_every_error_with_a_cure_has_a_case():
    assert raises_without_a_case(files_of("reseau.theory.generalization"), CASES.values()) == []


@pytest.mark.parametrize("old", [{"delta": 0.01}, {"radius": 2.0, "grid": (1.0, 2.0)}])
def test_settings_are_still_read_one_by_one(old):
    new = certify(F, X, Y, CertificateSettings(**old))
    with pytest.warns(DeprecationWarning, match=r"certify: .* settings=CertificateSettings\((delta|radius)=\.\.\."):
        assert certify(F, X, Y, **old) == new
    if "delta" in old:
        with pytest.warns(DeprecationWarning, match=r"settings=CertificateSettings\(delta=\.\.\.\)"):
            assert certify(F, X, Y, old["delta"]) == new
    with pytest.raises(TypeError, match="unexpected keyword"):
        certify(F, X, Y, CertificateSettings(), **old)
    with pytest.warns(DeprecationWarning, match="one object"), pytest.raises(DataError, match="fix: a probability"):
        certify(F, X, Y, delta=2.0)
