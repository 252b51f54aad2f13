"""What the estimators do with data and settings that are wrong or strange: the clean result, or one error."""

import warnings
from contextlib import suppress
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from reseau import NetworkClassifier, NetworkRegressor
from reseau.errors import DataError
from tools.layouts import layouts

RANDOM = np.random.RandomState(0)
X = RANDOM.randn(24, 3)
CLASSES = (X[:, 0] > 0).astype(int)
NUMBERS = X[:, 0] * X[:, 1]
with warnings.catch_warnings(action="ignore"):  # SciPy ignores it too, in the file that imports it first
    MATRIX = np.asmatrix(X)
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 2, "batch_size": 8, "random_state": 0}


def fitted(kind, X, y, sample_weight=None, **settings):
    """What a fit predicts for its own rows, with no warning but that it has not converged."""
    model = kind(**QUICK | settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, sample_weight=sample_weight)
    return model.predict_proba(X) if kind is NetworkClassifier else model.predict(X)


def classified(X=X, y=CLASSES, sample_weight=None, **settings):
    return fitted(NetworkClassifier, X, y, sample_weight, **settings)


def regressed(X=X, y=NUMBERS, sample_weight=None, **settings):
    return fitted(NetworkRegressor, X, y, sample_weight, **settings)


SAME = layouts(X) | {
    "object": X.astype(object),
    "decimals": np.array([[Decimal(repr(v)) for v in row] for row in X.tolist()]),
    "text of numbers": [[repr(v) for v in row] for row in X.tolist()],
    "csr": sparse.csr_matrix(X),
    "csc": sparse.csc_array(X),
    "coo": sparse.coo_array(X),
    "lil": sparse.lil_matrix(X),
}


@pytest.mark.parametrize("name", SAME)
def test_other_forms_of_the_features_give_the_same_bits(name):
    np.testing.assert_array_equal(classified(SAME[name]), classified())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (X > 0, (X > 0) * 1.0),
        ((X > 0).astype("i1"), (X > 0) * 1.0),
        (pd.DataFrame((X > 0) * 1).astype("Int64"), (X > 0) * 1.0),
        (pd.DataFrame((X > 0) * 1).astype("category"), (X > 0) * 1.0),
        (X.astype("f2"), X.astype("f2").astype("f8")),
        (np.full((24, 3), 2**62), np.full((24, 3), 2.0**62)),
        (np.full((24, 3), 2**63 + 1, "u8"), np.full((24, 3), 2.0**63)),
    ],
    ids=["bool", "int8", "Int64", "category", "float16", "int64", "uint64"],
)
def test_other_types_are_read_as_numbers(one, other):
    # half precision is read as float32, as scikit-learn reads it
    np.testing.assert_allclose(classified(one, dtype="float64"), classified(other, dtype="float64"), rtol=1e-6)


def with_entry(value):
    changed = X.copy()
    changed[3, 2] = value
    return changed


REFUSED = {
    "NaN": with_entry(np.nan),
    "infinite": with_entry(-np.inf),
    "masked": np.ma.array(X, mask=X > 1),
    "missing in a frame": pd.DataFrame(X).mask(X > 1),
    "missing whole numbers": pd.DataFrame((X > 0) * 1).astype("Int64").mask(X > 1),
    "none among objects": np.where(X > 1, None, X.astype(object)),
    "text": np.where(X > 1, "a", X.astype(object)),
    "complex": X + 1j,
    "dates": np.zeros((24, 3), "M8[s]"),
    "durations": np.zeros((24, 3), "m8[s]"),
    "dates in a frame": pd.DataFrame(X).assign(when=pd.Timestamp("2020-01-01")).rename(columns=str),
    "records": np.zeros(24, [("a", float), ("b", float)]),
    "a matrix": MATRIX,
    "huge integers": np.full((24, 3), 10**400, dtype=object),
    "ragged": [[1, 2], [3]] * 12,
    "one axis": X[:, 0],
    "three axes": X[:, :, None],
    "one number": np.float64(3),
    "none": None,
    "a text": "abc",
    "no row": X[:0],
    "no column": X[:, :0],
}


@pytest.mark.parametrize("name", REFUSED)
def test_features_that_cannot_be_used_are_one_value_error(name):
    model = NetworkClassifier(**QUICK)
    with pytest.raises(ValueError, match=r"\w"):
        model.fit(REFUSED[name], CLASSES)
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - {"dates in a frame"}))
def test_rows_to_predict_are_checked_alike(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = NetworkClassifier(**QUICK).fit(X, CLASSES)
    with pytest.raises(ValueError, match=r"\w"):
        model.predict(REFUSED[name])


@given(st.floats(), st.sampled_from(["float32", "float64"]))
def test_any_number_is_fitted_or_refused(value, dtype):
    with np.errstate(over="ignore"):
        kept = np.isfinite(np.dtype(dtype).type(value))
    if kept:
        if abs(value) < 1e-3 * float(np.sqrt(np.finfo(dtype).max)):
            assert np.isfinite(classified(with_entry(value), dtype=dtype)).all()
            return
        with suppress(DataError):  # Adam keeps the square of the derivative
            assert np.isfinite(classified(with_entry(value), dtype=dtype)).all()
    else:
        with pytest.raises(ValueError, match=r"NaN|infinity|not finite in float32, in row 3, place \(2,\)"):
            classified(with_entry(value), dtype=dtype)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_targets_whose_squares_overflow_are_one_error(solver):
    model = NetworkRegressor(**QUICK, solver=solver)
    with pytest.raises(DataError, match=r"not finite(.|\n)*fix: scale features and targets"):
        model.fit(X, NUMBERS * 1e200)
    with pytest.raises(NotFittedError):  # and not predictions of the first parameters
        model.predict(X)


def test_targets_beyond_the_precision_are_one_error():
    with pytest.raises(DataError, match=r"the target holds .*, which is not finite in float32, in row 0"):
        regressed(X.astype("f4"), NUMBERS * 1e200)


@pytest.mark.parametrize("constant", [0.0, 1.0, -1e6])
def test_constant_columns_are_fitted(constant):
    found = classified(np.full_like(X, constant))
    assert (found == found[0]).all()
    assert np.isfinite(found).all()


@pytest.mark.filterwarnings("ignore:batch_size=8 is more than the 1 rows")
def test_one_row_and_one_class_are_fitted():
    assert (classified(X[:1], [3]) == [[1.0]]).all()
    assert np.isfinite(regressed(X[:1], NUMBERS[:1])).all()
    assert (classified(y=["a"] * 24) == np.ones((24, 1))).all()


def test_a_hundred_thousand_columns_are_fitted():
    wide, y = RANDOM.randn(8, 100_000), np.arange(8) % 2
    found = classified(wide, y, hidden_layer_sizes=(2,), activation="tanh", max_iter=5)
    assert (found.argmax(axis=1) == y).all()


ALIKE = {
    "booleans": CLASSES > 0,
    "whole floats": CLASSES * 1.0,
    "text": np.where(CLASSES, "b", "a"),
    "objects": np.where(CLASSES, "b", "a").astype(object),
    "list of text": ["ab"[c] for c in CLASSES],
    "big-endian": CLASSES.astype(">i8"),
    "unsigned 64 bits": CLASSES.astype("u8") + np.uint64(2**63),
    "62 bits, one apart": CLASSES + 2**62,
    "a series": pd.Series(CLASSES),
    "categories": pd.Series(CLASSES).astype("category"),
    "text of pandas": pd.Series(np.where(CLASSES, "b", "a")),
}


@pytest.mark.parametrize("name", ALIKE)
def test_other_forms_of_two_classes_give_the_same_bits(name):
    np.testing.assert_array_equal(classified(y=ALIKE[name]), classified())


@pytest.mark.parametrize(
    "y",
    [
        np.array(["a", 1] * 12, dtype=object), ["a", 1] * 12, [1, "a"] * 12, np.where(CLASSES, b"b", b"a"),
        np.where(CLASSES, None, "a"), np.where(CLASSES, None, 1), np.where(CLASSES, 0.5, 1.5),
        np.where(CLASSES, np.nan, 1), np.where(CLASSES, np.inf, 1), CLASSES[:23], np.r_[CLASSES, CLASSES],
        CLASSES + 1j, np.zeros((24, 2, 2)), np.c_[CLASSES, CLASSES + 1], np.zeros((24, 0), int), None, "abc", 3,
        np.ma.array(CLASSES, mask=X[:, 0] > 1), pd.Series(CLASSES).astype("Int64").mask(CLASSES > 0),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_used_are_one_value_error(y):
    with pytest.raises(ValueError, match=r"\w"):
        classified(y=y)


@pytest.mark.parametrize("y", [NUMBERS.astype(">f8"), NUMBERS.astype(object), NUMBERS.tolist(), pd.Series(NUMBERS)])
def test_other_forms_of_numbers_give_the_same_bits(y):
    np.testing.assert_array_equal(regressed(y=y), regressed())


def test_sparse_targets_are_read():
    y = np.c_[NUMBERS, X[:, 2]]
    np.testing.assert_array_equal(regressed(y=sparse.csr_matrix(y)), regressed(y=y))


@pytest.mark.parametrize(
    "y",
    [
        np.where(CLASSES, np.nan, 1), np.where(CLASSES, -np.inf, 1), NUMBERS[:23], NUMBERS + 1j, ["a"] * 24, None,
        np.where(CLASSES, "a", NUMBERS.astype(object)), np.array(CLASSES, "M8[D]"), np.zeros((24, 2, 2)),
        np.ma.array(NUMBERS, mask=CLASSES > 0), np.zeros((24, 0)), np.full(24, 10**400, dtype=object),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be_used_are_one_value_error(y):
    with pytest.raises(ValueError, match=r"\w"):
        regressed(y=y)


@pytest.mark.parametrize("predict", [classified, regressed])
@pytest.mark.parametrize(
    "weights",
    [
        np.zeros(24), -np.ones(24), np.r_[-1, np.ones(23)], np.r_[np.nan, np.ones(23)], np.r_[np.inf, np.ones(23)],
        np.ones(23), np.ones((24, 2)), ["a"] * 24, np.ones(24) + 1j, [None] * 24,
        np.ma.array(np.ones(24), mask=CLASSES > 0),
    ],
)  # fmt: skip
def test_weights_that_cannot_be_used_are_one_value_error(predict, weights):
    with pytest.raises(ValueError, match=r"\w"):
        predict(sample_weight=weights)


@pytest.mark.parametrize(
    ("y", "class_weight", "sample_weight", "cure"),
    [
        (CLASSES, {0: 0, 1: 0}, None, {0: 0, 1: 1}),
        (np.where(CLASSES, "b", "a"), {"a": 0.0, "b": 0.0}, None, {"a": 0.5}),
        (CLASSES, {0: 0}, np.where(CLASSES, 0.0, 1.0), {0: 1.0}),
        (np.c_[CLASSES, 1 - CLASSES], [{0: 0, 1: 0}, {0: 1, 1: 1}], None, [{0: 0, 1: 1}, {0: 1, 1: 1}]),
    ],
)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_class_weights_that_leave_no_row_are_told_and_the_cure_works(y, class_weight, sample_weight, cure, solver):
    with pytest.raises(DataError, match=r"every row has the weight 0(.|\n)*fix: .*a class_weight, above 0"):
        classified(y=y, class_weight=class_weight, sample_weight=sample_weight, solver=solver)
    assert np.isfinite(classified(y=y, class_weight=cure, sample_weight=sample_weight, solver=solver)).all()


@pytest.mark.parametrize("weight", [5e-324, 1e-30, 3.0, 1e308])
def test_the_size_of_equal_weights_does_not_matter(weight):
    np.testing.assert_allclose(regressed(sample_weight=np.full(24, weight)), regressed(), rtol=1e-12)


def test_rows_of_weight_zero_are_as_if_they_were_not_there():
    whole = {"batch_size": 24, "shuffle": False, "dtype": "float64"}
    weights = np.r_[np.ones(12), np.zeros(12)]
    found = regressed(sample_weight=weights, **whole)[:12]
    np.testing.assert_allclose(found, regressed(X[:12], NUMBERS[:12], **whole | {"batch_size": 12}), rtol=1e-12)


NEVER = [object(), "nonsense", -1, float("nan"), 1j, {1: "a"}, b"x", np.array([1.5, 2.5]), 10**400, ("a",), int]
SETTINGS = sorted(NetworkClassifier().get_params())


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in (NetworkClassifier, NetworkRegressor) for name in kind().get_params()]
)
def test_a_senseless_setting_is_one_error_that_names_it(kind, name):
    y = CLASSES if kind is NetworkClassifier else NUMBERS
    for value in NEVER:
        with pytest.raises(DataError, match=r"(?s)fix: ") as refused:
            kind(**QUICK | {name: value}).fit(X, y)
        told = str(refused.value)
        assert kind.__name__ in told
        assert name in told
        if name != "hidden_layer_sizes":
            assert repr(value) in told


@given(st.sampled_from(SETTINGS), st.one_of(st.none(), st.integers(-3, 300), st.floats(), st.text(max_size=5)))
def test_settings_are_used_or_refused(name, value):
    try:
        classified(**{name: value, "early_stopping": False} if name != "early_stopping" else {name: value})
    except DataError as error:
        assert "fix: " in str(error)  # noqa: PT017  (either outcome is right)


def test_a_callable_that_returns_something_else_is_one_error():
    with pytest.raises(DataError, match="network="):
        classified(network=lambda x, scores: x)


def test_classes_of_partial_fit_are_checked():
    with pytest.raises(DataError, match="classes mixes text with 1"):
        NetworkClassifier(**QUICK).partial_fit(X, CLASSES, classes=["a", 1])


@pytest.mark.parametrize("missing", [None, np.nan, float("nan"), pd.NA], ids=repr)
@pytest.mark.parametrize("kind", [list, lambda y: np.array(y, object), lambda y: pd.Series(y, dtype=object)])
@pytest.mark.parametrize("known", [["a", "b"], [True, False], [np.int64(1), np.int64(0)]], ids=repr)
def test_a_missing_label_is_said_to_be_missing(missing, kind, known):
    y = kind([*known, missing] * (len(X) // 3))
    with pytest.raises(ValueError, match=r"y contains NaN: there is no label in row 2") as caught:
        NetworkClassifier(**QUICK).fit(X[: len(y)], y)
    assert "str(label)" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "kind",
    [
        list,
        lambda y: np.array(y, object),
        lambda y: pd.Series(y, dtype=object),
        lambda y: pd.Series(y, dtype="string"),
        lambda y: np.array(y, np.dtypes.StringDType()),
    ],
)
def test_labels_that_numpy_would_join_are_refused(kind):
    y = kind(["a", "a\0"] * (len(X) // 2))
    with pytest.raises(DataError, match=r"y holds 'a\\x00', and NumPy's texts drop NUL at the end"):
        NetworkClassifier(**QUICK).fit(X[: len(y)], y)
    apart = [label.replace("\0", "\\0") for label in y]  # the cure
    assert NetworkClassifier(**QUICK).fit(X[: len(y)], apart).classes_.tolist() == ["a", "a\\0"]
