"""The cures in the errors of few kept rows work."""

import numpy as np
import pytest

import reseau as rs
from reseau.errors import DataError
from reseau.theory import compression_bound, pick_to_learn
from reseau.theory.compression.learner import Learned
from reseau.theory.compression.state_file import read_state, write_state
from tools.cures import Cure, cured, files_of, raises_without_a_case

ROWS = np.eye(4, 2, dtype=np.float32), np.zeros(4, int)


def objective(layer=lambda h: h, penalty=None):
    x = rs.input("x", (2,))
    return rs.Objective(rs.Network(x, rs.affine(layer(x), 2, name="line")), rs.losses.CrossEntropy(), penalty)


PLAIN = objective()


def accepted(objective, **settings):
    """The network and the settings of its steps are read to their end: what is refused next is delta."""
    with pytest.raises(DataError, match="pick_to_learn: delta=2"):
        pick_to_learn(objective, *ROWS, delta=2.0, **settings)


def cases_in(folder):
    first = Learned({"line": np.zeros(2)}, (), 0)
    other, path, damaged = folder / "other", folder / "picked", folder / "damaged"
    write_state(path, first, (), "these rows")
    damaged.write_bytes(b"no file of arrays")
    return {
        "more rows than there are": Cure(
            lambda: compression_bound(5, 4),
            "whole numbers 0 <= kept <= count, count >= 1, 0 < delta < 1",
            lambda: compression_bound(4, 4),
        ),
        "dropout": Cure(
            lambda: pick_to_learn(objective(lambda h: rs.dropout(h, 0.5)), *ROWS),
            r"(\w+) in place of batch_norm, a penalty in place of dropout",
            lambda name: (accepted(objective(getattr(rs, name))), accepted(objective(penalty=rs.penalties.L2(0.1)))),
        ),
        "one row in a batch": Cure(
            lambda: pick_to_learn(PLAIN, *ROWS, batch=1),
            r"within=E above 0 for numbers and None for classes, at least (\d) rows in a batch and (\d) step",
            lambda batch, steps: accepted(PLAIN, batch=int(batch), steps=int(steps)),
        ),
        "a delta of 2": Cure(
            lambda: pick_to_learn(PLAIN, *ROWS, delta=2.0),
            "0 < delta < 1, a growth from 0 to 1, most from 0 to the number of rows",
            lambda: pick_to_learn(PLAIN, *ROWS, delta=0.5, most=0),
        ),
        "a file of other rows": Cure(
            lambda: read_state(path, first, "other rows"),
            "another path, or the same arguments",
            lambda: (read_state(other, first, "other rows"), read_state(path, first, "these rows")),
        ),
        "no file of rows": Cure(
            lambda: read_state(damaged, first, ""), "another path", lambda: read_state(other, first, "")
        ),
    }  # fmt: skip


def test_cures_work_and_every_error_with_a_cure_has_a_case(tmp_path):
    cases = cases_in(tmp_path).values()
    for case in cases:
        cured(case)
    assert raises_without_a_case(files_of("reseau.theory.compression"), cases) == []
