"""The cures in the errors of networks whose weights are drawn work."""

import numpy as np
import pytest

import reseau as rs
from reseau.errors import DataError
from reseau.losses import CrossEntropy, SquaredError
from reseau.theory import StochasticNetwork, inverse_kl, pac_bayes, pac_bayes_bound
from reseau.theory.stochastic.posterior import DivergencePenalty, noisy, scales_of
from tools.cures import Cure, cured, files_of, raises_without_a_case

FEW = np.zeros((7, 2), np.float32), np.zeros(7, int)


def line(normalize=lambda h: h, outputs=2):
    x = rs.input("x", (2,))
    return rs.Network(x, normalize(rs.affine(x, outputs, name="line")))


def objective(net, loss=CrossEntropy()):  # noqa: B008
    return rs.Objective(net, loss)


CLASSES, NUMBERS = objective(line()), objective(line(outputs=1), SquaredError())


def accepted(objective, **settings):
    """The settings are read to their end: next the rows are counted, and there are too few of them."""
    with pytest.raises(DataError, match="7 rows are left for the bound"):
        pac_bayes(objective, FEW, progress=False, **{"prior": 0.0} | settings)


def counted(share):
    rows = np.tile(FEW[0], (2, 1)), np.tile(FEW[1], 2)
    return pac_bayes(CLASSES, rows, prior=share, epochs=1, batch=7, draws=2, progress=False)


def penalized(net):
    params = {name: np.asarray(value) for name, value in net.init(0).items()}
    return DivergencePenalty(1.0).node(noisy(net, params, scales_of(net.graph, params)).graph)


def varied(net, deviation):
    return StochasticNetwork(net, net.init(0), {name: deviation(np.shape(v)) for name, v in net.init(0).items()})


def cases_in(folder):
    path = folder / "fixed.safetensors"
    line().save(path, line().init(0))
    return {
        "a rate of 2": Cure(
            lambda: inverse_kl(2.0, 0.1), "0 <= rate <= 1 and a distance of at least 0", lambda: inverse_kl(1.0, 0.0)
        ),
        "seven rows": Cure(
            lambda: pac_bayes_bound(0.1, 1.0, 7, 0.05),
            r"0 <= empirical <= 1, a divergence and choices of at least 0, a whole count >= (\d), 0 < delta < 1",
            lambda count: pac_bayes_bound(0.1, 1.0, int(count), 0.05),
        ),
        "too large a prior": Cure(
            lambda: counted(0.9), r"at least (8), or a smaller prior", lambda count: counted(1 - int(count) / 14)
        ),
        "statistics of the batch": Cure(
            lambda: pac_bayes(objective(line(rs.batch_norm)), FEW),
            r"rs\.Network\(inputs, output\), (\w+) in place of batch_norm",
            lambda name: accepted(objective(line(getattr(rs, name)))),
        ),
        "all rows for the prior": Cure(
            lambda: pac_bayes(CLASSES, FEW, prior=1.0),
            "a share of the rows from 0 to below 1, or parameters",
            lambda: (accepted(CLASSES), accepted(CLASSES, prior=line().init(0))),
        ),
        "one draw": Cure(
            lambda: pac_bayes(CLASSES, FEW, draws=1),
            r"0 < delta < 1, price > 0, draws >= (\d)",
            lambda least: accepted(CLASSES, draws=int(least)),
        ),
        "numbers without a distance": Cure(
            lambda: pac_bayes(NUMBERS, FEW),
            r"of numbers, (\w+)=E or (\w+)=B above 0 and finite; of classes, (\w+)=B or neither",
            lambda *names: (
                [accepted(NUMBERS, **{name: 1.0}) for name in names[:2]],
                accepted(CLASSES, **{names[2]: 1.0}),
                accepted(CLASSES),
            ),
        ),
        "errors beside a mean loss": Cure(
            lambda: pac_bayes(CLASSES, FEW, largest=1.0, holdout=FEW),
            "leave one of them out",
            lambda: (accepted(CLASSES, largest=1.0), accepted(CLASSES, holdout=FEW)),
        ),
        "no weight": Cure(
            lambda: penalized(rs.Network(x := rs.input("x", (2,)), rs.relu(x))),
            "a network with parameters",
            lambda: penalized(line()),
        ),
        "a deviation of 0": Cure(
            lambda: varied(line(outputs=1), np.zeros),
            r"a positive number for each entry, \(\d.*\)",
            lambda: varied(line(outputs=1), np.ones),
        ),
        "a file of fixed weights": Cure(
            lambda: StochasticNetwork.load(path), r"rs\.load\(path\)", lambda: rs.load(path)
        ),
    }  # fmt: skip


def test_cures_work_and_every_error_with_a_cure_has_a_case(tmp_path):
    cases = cases_in(tmp_path).values()
    for case in cases:
        cured(case)
    assert raises_without_a_case(files_of("reseau.theory.stochastic"), cases) == []
