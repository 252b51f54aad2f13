"""`hidden_layer_sizes="auto"` on tables as they come: data frames with texts, dates and blanks, arrays with NaN."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import cross_val_score

import reseau as rs
from reseau import NetworkClassifier, NetworkRegressor
from reseau.data import learn_recipe, read_rows, sheet_of
from reseau.errors import DataError

onnxruntime = pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.usefixtures("quick_settings")


def frame_of(n: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "city": pd.Categorical(rng.choice(["Lyon", "Nice", "Paris"], n)),
            "member": rng.random(n) < 0.4,
            "joined": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, n), "D"),
            "score": pd.array(np.where(rng.random(n) < 0.1, None, rng.integers(0, 100, n)), dtype="Int64"),
            "note": rng.choice(["good", "bad", None], n),
            "paid": [f"{x:,.2f}" for x in np.exp(rng.normal(7, 1, n))],
        }
    )
    return frame, np.where((frame.age > 45) ^ (frame.city == "Paris"), "yes", "no")


FRAME, LABELS = frame_of(400)
NEW, NEW_LABELS = frame_of(200, seed=1)


@pytest.fixture(scope="module")
def fitted():
    return NetworkClassifier("auto", random_state=0).fit(FRAME, LABELS)


def test_a_data_frame_is_learned_from_as_it_is(fitted):
    assert fitted.score(NEW, NEW_LABELS) > 0.9
    assert list(fitted.feature_names_in_) == list(FRAME.columns)
    assert fitted.n_features_in_ == 7
    assert "column 'joined' holds dates: year, month, weekday, days" in fitted.recipe_.decisions()
    assert [c.kind for c in fitted.recipe_.columns if c.name == "paid"] == ["number"]


def test_it_is_the_default_for_the_same_table(fitted):
    sheet = sheet_of(FRAME.assign(label=LABELS))
    table = read_rows(sheet, learn_recipe(sheet, "label", auto=True)).fitted()
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    found = rs.tabular.fit_table(table, seed=seed, progress=False)
    scores = found.network.in_blocks(found.params, table.features)
    np.testing.assert_array_equal(np.array(table.classes)[scores.argmax(1)], fitted.predict(FRAME))
    np.testing.assert_allclose(np.exp(scores)[:, 1] / np.exp(scores).sum(1), fitted.predict_proba(FRAME)[:, 1], 1e-5)


def test_the_frames_of_polars_are_those_of_pandas(fitted):
    model = NetworkClassifier("auto", random_state=0).fit(pl.from_pandas(FRAME), LABELS)
    np.testing.assert_array_equal(model.predict_proba(pl.from_pandas(NEW)), fitted.predict_proba(NEW))


def test_texts_among_numbers_are_told_and_are_blanks(fitted):
    with pytest.warns(UserWarning, match="column 'paid': 'unknown' in row 3 cannot be read: blank"):
        found = fitted.predict(NEW.assign(paid=[*NEW.paid[:2], "unknown", *NEW.paid[3:]]))
    np.testing.assert_array_equal(found, fitted.predict(NEW.assign(paid=[*NEW.paid[:2], None, *NEW.paid[3:]])))
    with pytest.raises(DataError, match=r"'.*' is not a number in the notation of the training rows"):
        fitted.predict(NEW.assign(paid=[f"{x:.2f}".replace(".", ",") for x in range(len(NEW))]))


def test_blanks_and_texts_that_were_never_seen_are_predicted(fitted):
    strange = NEW.assign(city=NEW.city.astype(object), age=NEW.age.astype(float))
    strange.loc[:5, ["age", "city", "paid"]] = [np.nan, "Berlin", None]
    shares = fitted.predict_proba(strange)
    assert np.isfinite(shares).all()
    np.testing.assert_array_equal(shares[6:], fitted.predict_proba(NEW)[6:])


def test_copies_folds_and_rows_without_weight(fitted):
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(NEW), fitted.predict(NEW))
    assert cross_val_score(fitted, FRAME, LABELS, cv=2).min() > 0.8
    weight = np.ones(400)
    weight[:100] = 0
    spoiled = FRAME.assign(city=FRAME.city.astype(object))
    spoiled.loc[:99, "city"] = "Atlantis"
    with_them = NetworkClassifier("auto", random_state=0).fit(spoiled, LABELS, sample_weight=weight)
    without = NetworkClassifier("auto", random_state=0).fit(FRAME[100:], LABELS[100:])
    np.testing.assert_array_equal(with_them.predict_proba(NEW), without.predict_proba(NEW))


def test_sets_and_certificates_are_of_raw_rows(fitted):
    model = pickle.loads(pickle.dumps(fitted)).calibrate(NEW, NEW_LABELS)
    assert model.predict_set(FRAME).any(axis=1).mean() > 0.8
    with pytest.warns(UserWarning, match="of these 400 calibration rows were trained on"):
        model.calibrate(FRAME, LABELS)
    errors = (fitted.predict(NEW) != NEW_LABELS).mean()
    assert fitted.certify(FRAME, LABELS, holdout=(NEW, NEW_LABELS)).empirical == errors


def test_the_onnx_file_reads_the_columns_by_their_names(fitted, tmp_path):
    fitted.to_onnx(tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    numbers = read_rows(sheet_of(NEW), fitted.recipe_, target=False).features
    feeds = {}
    for column, values in zip(fitted.recipe_.columns, numbers.T, strict=True):
        if column.categories:
            texts = [
                column.categories[int(k)] if k < len(column.categories) else "" for k in np.nan_to_num(values, nan=99)
            ]
            feeds[column.name] = np.array(texts, object)[:, None]
        else:
            feeds[column.name] = values.astype(np.float32)[:, None]
    assert {i.name for i in session.get_inputs()} == feeds.keys()
    label, shares = session.run(None, feeds)
    np.testing.assert_array_equal(label, fitted.predict(NEW))
    np.testing.assert_allclose(shares, fitted.predict_proba(NEW), atol=1e-5)


def test_numbers_with_nan_and_arrays_of_texts(tmp_path):
    X = NEW[["age", "member"]].to_numpy(float)
    target = X[:, 0] * (1 + X[:, 1])
    X[::9, 0] = np.nan
    model = NetworkRegressor("auto", random_state=0).fit(X, target)
    assert model.score(X, target) > 0.8
    model.to_onnx(tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"X": X.astype("f4")})[0][:, 0], model.predict(X), rtol=1e-4)
    with pytest.warns(UserWarning, match="of these 200 calibration rows were trained on"):
        low, high = model.calibrate(X, target).predict_interval(X).T
    assert np.mean((low <= target) & (target <= high)) >= 0.9
    texts = FRAME[["age", "city", "note"]].to_numpy()
    assert NetworkClassifier("auto", random_state=0).fit(texts, LABELS).score(texts, LABELS) > 0.9


def test_a_frame_of_plain_numbers_is_the_array_of_them():
    frame = FRAME[["age", "member"]]
    one = NetworkClassifier("auto", random_state=0).fit(frame, LABELS)
    other = NetworkClassifier("auto", random_state=0).fit(frame.to_numpy(float), LABELS)
    assert one.recipe_ is None
    np.testing.assert_array_equal(one.predict_proba(frame), other.predict_proba(frame.to_numpy(float)))


def test_columns_that_are_left_out_are_told_and_the_cure_is_silent():
    frame = FRAME.assign(id=[f"u{i}" for i in range(400)])
    with pytest.warns(
        UserWarning, match=r"left out: 'id', names or free texts.*\n  fix: leave them out yourself, \['id'\]"
    ):
        model = NetworkClassifier("auto", random_state=0).fit(frame, LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cured = NetworkClassifier("auto", random_state=0).fit(frame.drop(columns=["id"]), LABELS)
    np.testing.assert_array_equal(cured.predict_proba(FRAME), model.predict_proba(frame))


BAD = {
    "an infinite number": (FRAME.assign(age=np.inf), "column 'age', row 1: 'inf' is not finite"),
    "lists of numbers": (FRAME.assign(l=[[1, 2]] * 400), "column 'l' holds list<item: int64>"),
    "an array with texts among numbers": (np.array([[1, "a"], ["b", "c"]] * 200, object), "column 0 cannot be read"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_one_error(case):
    model = NetworkClassifier("auto")
    with pytest.raises(DataError, match="fix:") as caught:
        model.fit(BAD[case][0], LABELS)
    assert BAD[case][1] in str(caught.value)
    assert not hasattr(model, "params_")


def test_other_columns_are_refused_when_rows_are_predicted(fitted):
    with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing:\n- city"):
        fitted.predict(NEW.drop(columns="city"))
    with (
        pytest.warns(UserWarning, match="does not have valid feature names"),
        pytest.raises(
            DataError, match="fix: a data frame with the columns age, city, member, joined, score, note, paid"
        ),
    ):
        fitted.predict(np.zeros((3, 7)))
    with pytest.raises(DataError, match="column 'age', row 1: 'inf' is not finite"):
        fitted.predict(NEW.assign(age=np.inf))
