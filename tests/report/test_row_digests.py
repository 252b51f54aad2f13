"""Rows that a model was trained on are recognized in any order and any file."""

import numpy as np

from reseau.data import Recipe, Table
from reseau.report.row_digests import are_known, row_digests


def test_equal_rows_have_equal_digests_and_others_do_not():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((500, 3)).astype(np.float32), rng.standard_normal(500)
    X[::7, 1] = np.nan
    table = Table(X, y, Recipe((3,), "y"))
    digests = row_digests(table)
    assert len(np.unique(digests)) == 500
    order = rng.permutation(500)[:100]
    assert are_known(row_digests(table.rows(order)), digests).all()
    moved = Table(X + np.float32(1e-3), y, Recipe((3,), "y"))
    assert not are_known(row_digests(moved), digests).any()
    assert not are_known(row_digests(Table(X, y + 1, Recipe((3,), "y"))), digests).any()


def test_the_sign_of_a_zero_and_the_bits_of_a_blank_do_not_matter():
    one = Table(np.array([[0.0, np.nan]]), np.array([1.0]), Recipe((2,), "y"))
    other = Table(np.array([[-0.0, -np.nan]]), np.array([1.0]), Recipe((2,), "y"))
    np.testing.assert_array_equal(row_digests(one), row_digests(other))
