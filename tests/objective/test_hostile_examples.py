"""What `fit` and `Objective` do with input that is wrong or strange: the clean result, or one error that says why."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import reseau as rs
from reseau.errors import DataError, DivergenceError
from tools.layouts import layouts

RANDOM = np.random.RandomState(0)
X = RANDOM.randn(24, 3)
Y = X[:, 0] * X[:, 1]
x = rs.input("x", (3,))
NET = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 4)), 1))
OBJECTIVE = rs.Objective(NET, loss=rs.losses.SquaredError())
START = NET.init(seed=0, dtype="float32")


def fitted(X=X, y=Y, **settings):
    settings = {"batches": rs.batches.Cyclic(8), "epochs": 1, "params": START, "progress": False} | settings
    return rs.fit(OBJECTIVE, (X, y), **settings).params


SAME = layouts(X)


@pytest.mark.parametrize("name", SAME)
def test_other_forms_of_an_array_give_the_same_bits(name):
    wanted, found = fitted(), fitted(SAME[name])
    assert all((np.asarray(found[k]) == np.asarray(wanted[k])).all() for k in wanted)


def with_entry(value):
    changed = X.copy()
    changed[3, 2] = value
    return changed


REFUSED = {
    "NaN": with_entry(np.nan),
    "infinite": with_entry(-np.inf),
    "beyond float32": with_entry(1e39),
    "1e308": with_entry(1e308),
    "masked": np.ma.array(X, mask=X > 1),
    "missing in a frame": pd.DataFrame(X).mask(X > 1),
    "object": X.astype(object),
    "text": X.astype(str),
    "sparse": sparse.csr_matrix(X),
    "complex": X + 0j,
    "dates": np.zeros((24, 3), "M8[s]"),
    "ragged": [[1, 2], [3]],
    "one column": X[:, 0],
    "another axis": X[:, :, None],
    "no row": X[:0],
    "none": None,
    "a generator": (row for row in X),
    "huge integers": [[10**400] * 3] * 24,
}


@pytest.mark.parametrize("name", REFUSED)
def test_inputs_that_cannot_be_used_are_one_error(name):
    with pytest.raises(DataError, match=r"input 'x'|no row"):
        fitted(REFUSED[name])


@pytest.mark.parametrize(
    "y",
    [
        np.where(Y > 0, np.nan, Y), np.where(Y > 0, np.inf, Y), Y * 1e200, np.full(24, 1e308), Y + 0j, Y.astype(object),
        Y[:23], np.ma.array(Y, mask=Y > 0), np.zeros((24, 2)), np.zeros((24, 2, 2)), None, 1.0, Y.astype(str),
        sparse.csr_matrix(Y), [[1], [1, 2]], pd.Series(Y).mask(Y > 0),
    ],
)  # fmt: skip
def test_targets_that_cannot_be_used_are_one_error(y):
    with pytest.raises(DataError, match="target"):
        fitted(y=y)


@pytest.mark.parametrize(
    "weights",
    [
        np.zeros(24), -np.ones(24), np.r_[np.nan, np.ones(23)], np.r_[np.inf, np.ones(23)], np.ones(23),
        np.ones((24, 1)), 2.0, ["a"] * 24, np.ones(24) + 1j, [None] * 24, [[1], [1, 2]],
        np.ma.array(np.ones(24), mask=Y > 0),
    ],
)  # fmt: skip
def test_weights_that_cannot_be_used_are_one_error(weights):
    with pytest.raises(DataError, match="sample_weight"):
        fitted(sample_weight=weights)


@given(st.floats(min_value=5e-324, max_value=1.7e308))
def test_the_size_of_the_weights_does_not_matter(size):
    wanted = OBJECTIVE.read(X, Y, np.ones(24), np.dtype("float64")).weights
    np.testing.assert_allclose(OBJECTIVE.read(X, Y, np.full(24, size), np.dtype("float64")).weights, wanted, rtol=1e-15)


@given(st.floats(), st.integers(0, 23), st.integers(0, 2))
def test_every_number_is_read_or_refused_where_it_stands(value, row, column):
    changed = X.copy()
    changed[row, column] = value
    with np.errstate(over="ignore"):
        kept = np.isfinite(np.float32(value))
    if kept:
        examples = OBJECTIVE.read(changed, Y, None, np.dtype("float32"))
        assert np.asarray(examples.inputs[0])[row, column] == np.float32(value)
    else:
        with pytest.raises(DataError, match=rf"row {row}, place \({column},\)"):
            OBJECTIVE.read(changed, Y, None, np.dtype("float32"))


def test_numbers_that_overflow_in_training_name_the_node():
    with pytest.raises(DivergenceError, match="squared_error"):
        fitted(with_entry(1e38))


@pytest.mark.parametrize(
    "setting",
    [
        {"epochs": 0}, {"epochs": 1.5}, {"epochs": None}, {"steps": 3}, {"optimizer": "adam"}, {"batches": 16},
        {"batches": rs.batches.Cyclic(0)}, {"batches": rs.batches.Cyclic(2.5)}, {"batches": rs.batches.Shuffled("a")},
        {"seed": "a"}, {"seed": 1.5}, {"seed": -1}, {"seed": None}, {"validation": X}, {"validation": (X,)},
        {"validation": (X[:3], Y[:2])}, {"patience": 3}, {"patience": 1.5, "validation": (X, Y)},
        {"patience": "a", "validation": (X, Y)}, {"params": {}}, {"params": [1]},
        {"params": {k: np.asarray(v).tolist() for k, v in START.items()}},
        {"params": {k: np.asarray(v).astype(int) for k, v in START.items()}},
    ],
    ids=lambda setting: repr(setting)[:40],
)  # fmt: skip
def test_settings_of_fit_that_mean_nothing_are_one_error(setting):
    with pytest.raises(DataError):
        fitted(**setting)


@pytest.mark.parametrize("data", [X, (X, Y, Y), (X,), None, "data"])
def test_data_that_is_no_pair_is_one_error(data):
    with pytest.raises(DataError, match=r"fix: data=\(X, y\)"):
        rs.fit(OBJECTIVE, data, epochs=1, progress=False)


@pytest.mark.parametrize(
    "made",
    [
        lambda: rs.Objective(NET, loss="squared"), lambda: rs.Objective(NET, loss=rs.losses.SquaredError),
        lambda: rs.Objective(NET, loss=rs.losses.SquaredError(), penalty=1e-3),
        lambda: rs.Objective(x, loss=rs.losses.SquaredError()),
        lambda: rs.Objective(NET, loss=rs.losses.SquaredError(), keep="none"),
    ],
)  # fmt: skip
def test_objectives_of_other_things_are_one_error(made):
    with pytest.raises(DataError, match="fix: "):
        made()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "float"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_real_numbers_are_finite_whatever_word_the_input_says(dtype, wrong):
    v = rs.input("v", (3,), dtype=dtype)
    objective = rs.Objective(rs.Network(v, rs.affine(v, 1)), rs.losses.SquaredError())
    rows = with_entry(wrong)
    if dtype == "float64" and np.isfinite(wrong):
        rows[:] = 1e100  # finite in its type
        assert objective.read(rows, Y, None, np.dtype("float32")).inputs[0].dtype == np.float64
        return
    with pytest.raises(DataError, match=r"input 'v' holds (nan|inf|1e\+300), which is not finite"):
        objective.value_and_grad(objective.network.init(), rows, Y)
    with pytest.raises(DataError, match="which is not finite"):
        rs.fit(objective, (rows, Y), epochs=1, progress=False, params=objective.network.init())


def test_whole_numbers_beyond_half_precision_are_refused():
    start = NET.init(seed=0, dtype="float16")
    with pytest.raises(DataError, match="holds 70000, which is not finite in float16"):
        rs.fit(OBJECTIVE, (np.full((8, 3), 70_000), Y[:8]), params=start, progress=False)


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8"])
@pytest.mark.parametrize("wrong", [0.5, -3.25, np.nan, 1e30, 2**40, -(2**40)])
def test_numbers_that_an_input_of_whole_numbers_would_change_are_refused(dtype, wrong):
    ids = rs.input("ids", (), dtype=dtype)
    network = rs.Network(ids, rs.affine(rs.embedding(ids, 5, 2), 1))
    start = network.init()
    good = network(start, np.array([0, 4, 1]))
    assert np.array_equal(network(start, np.array([0.0, 4.0, 1.0])), good)  # as pandas has them beside blanks
    with pytest.raises(DataError, match=f"input 'ids' reads {dtype}, and .* at \\(1,\\) is no such number"):
        network(start, np.array([0, wrong, 1]))
