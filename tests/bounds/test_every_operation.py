"""Each operation of the vocabulary has intervals that its values never leave, or is named by what has none."""

import jax
import numpy as np
import pytest

from reseau.bounds.interval import Interval
from reseau.bounds.walk import RULES
from tools.operation_cases import APART, CASES, draw

rule = RULES[0]

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
SAMPLES = 6


def boxed(rng, array, width):
    """A box around real numbers; other arrays are known."""
    a = np.asarray(array)
    return (a - width * rng.random(a.shape), a + width * rng.random(a.shape)) if a.dtype.kind == "f" else (a, a)


@pytest.mark.parametrize("widths", [(0.0,), (0.3, 0.0), (0.3, 0.3)])
def test_no_value_of_any_operation_leaves_its_interval(widths):
    """The widths of the boxes of the first input and of the others: weights are mostly known."""
    checked, rng = set(), np.random.default_rng(0)
    for op, case in CASES + APART:
        arrays = draw(case)
        boxes = [boxed(rng, a, widths[min(i, len(widths) - 1)]) for i, a in enumerate(arrays)]
        found = rule(op, *(Interval(low, high) for low, high in boxes))
        if found is None or (type(op), len(arrays)) in checked:
            continue
        checked.add((type(op), len(arrays)))
        with jax.enable_x64(True):
            run = jax.jit(op.forward, compiler_options=QUICK)
            for _ in range(SAMPLES):
                share = rng.choice([0.0, 1.0, float(rng.random())])
                at = [low if low is high else low + (high - low) * np.abs(share - rng.integers(0, 2, low.shape))
                      for low, high in boxes]  # fmt: skip
                value = np.asarray(run(*at), np.float64)
                slack = 1e-12 * (1 + np.abs(value))
                # where there is no value, at arcsin(2), there is nothing to leave
                assert (np.isnan(value) | (value >= found.low - slack)).all(), op
                assert (np.isnan(value) | (value <= found.high + slack)).all(), op
    assert len(checked) > 30
