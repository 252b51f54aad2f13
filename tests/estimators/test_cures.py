"""The cures in the errors of the estimators work."""

import re

import numpy as np
import pandas
import pytest
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import reseau as rs
from reseau import NetworkClassifier, NetworkRegressor, fit_many
from reseau.estimators import (
    automatic,
    certificates,
    classifier,
    design,
    estimator,
    held_out,
    many,
    raw_tables,
    regressor,
    rows,
    settings,
)
from reseau.losses import Quantile
from reseau.tabular import TableSettings, table_fit
from tools.cures import Cure, cured, raises_without_a_case

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.RandomState(0).randn(48, 3)
SIDES = (X[:, 0] > 0).astype(int)
NUMBERS = X[:, 0] - X[:, 1]
UNLABELED = pandas.Series(np.where(SIDES, "yes", "no"), dtype=object).mask(np.arange(48) % 7 == 3, None)
DAYS = np.array("2020-01-01", "M8[D]") + np.arange(48)
PEOPLE = pandas.DataFrame({"town": np.where(np.arange(48) % 3, "Lyon", "Nice"), "pay": X[:, 0]})
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
STEPS = {"networkclassifier__alpha": [0.0, 1.0]}
KNOWN = {"np": np, "rs": rs, "X": X, "y": SIDES}


def classify(X=X, y=SIDES, sample_weight=None, **more):
    return NetworkClassifier(**QUICK | more).fit(X, y, sample_weight)


def regress(X=X, y=NUMBERS, sample_weight=None, **more):
    return NetworkRegressor(**QUICK | more).fit(X, y, sample_weight)


def automatic_of(X, sizes="auto"):
    quick = TableSettings(members=1, epochs=2, held_out=0.2, batch=16, hidden=(4,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_fit, "settings_for", lambda *size: quick)
        return NetworkClassifier(sizes, random_state=0).fit(X, SIDES)


def named_columns(rows):
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        return automatic_of(PEOPLE).predict(rows)


def part(y=SIDES, model=None, **more):
    return (model or NetworkClassifier(**QUICK)).partial_fit(X, y, **more)


def value(text):
    """What the words of a cure say, as Python."""
    return eval(text, KNOWN)


def known_rows(which, *pair):
    """A fit on the rows whose labels are known, as the cure says."""
    names = {"X": X, "y": UNLABELED, "pandas": pandas}
    names["known"] = eval(which, names)
    return classify(*(eval(text, names) for text in pair))


def keywords(text):
    """`early_stopping=False` as a dict."""
    return eval(f"dict({text})", KNOWN)


def allowed(text):
    """A value that the words of a rule allow."""
    if found := re.match(r"(?:one of |)('\w+')", text):
        return value(found[1])
    if found := re.match(r"a (whole )?number (?:of at least|above|from) ([\d.e+-]+)", text):
        low = float(found[2])
        return int(low) + ("above" in text) if found[1] else low + 0.5 * ("above" in text)
    if text == "True or False":
        return True
    return text.split(",")[0] if text.startswith("adam") else None


def setting(kind, name, wrong):
    """A setting of a wrong value, cured by one that its rule allows."""
    model = NetworkRegressor if kind == "regressor" else NetworkClassifier
    y = NUMBERS if kind == "regressor" else SIDES
    return Cure(
        lambda: model(**QUICK | {name: wrong}).fit(X, y),
        "(.*)",
        lambda text: model(**QUICK | {name: allowed(text)}).fit(X, y),
    )


def narrow(scores):
    return lambda x, n: rs.affine(rs.tanh(rs.affine(x, 4)), scores or n)


def other_outputs(outputs):
    return Cure(
        lambda: NetworkRegressor(**QUICK, network=narrow(5)).fit(X, NUMBERS),
        r"one input of (\d+) entries, one output of shape \((\d+),\)",
        lambda n, m: NetworkRegressor(**QUICK, network=narrow(int(m))).fit(X[:, : int(n)], NUMBERS),
    )


SCALE = r"scale features and targets \(sklearn.preprocessing.StandardScaler\)"
CASES = {
    "texts for a network that is named": Cure(
        lambda: classify(X=PEOPLE),
        "hidden_layer_sizes=(.*), which reads texts, dates and blanks; or OneHotEncoder of scikit-learn",
        lambda text: automatic_of(PEOPLE, value(text)),
    ),
    "an infinite number in a data frame": Cure(
        lambda: automatic_of(PEOPLE.assign(pay=np.inf)),
        "correct the cell, or leave it (blank)",
        lambda blank: automatic_of(PEOPLE.assign(pay=[np.nan, *range(47)])),
    ),
    "texts among the numbers of an array": Cure(
        lambda: automatic_of(np.array([[1, "a"], ["b", "c"]] * 24, object)),
        "numbers or texts alone in it",
        lambda: automatic_of(np.array([["1", "a"], ["b", "c"]] * 24, object)),
    ),
    "an array for what was fitted on a data frame": Cure(
        lambda: named_columns(np.zeros((3, 2))),
        "a data frame with the columns (.*)",
        lambda names: automatic_of(PEOPLE).predict(PEOPLE[names.split(", ")]),
    ),
    "a setting that is chosen": Cure(
        lambda: NetworkRegressor("auto", max_iter=1, tol=1.0).fit(X, NUMBERS),
        r"leave (\w+), (\w+) out, or hidden_layer_sizes=(.*)",
        lambda *texts: NetworkRegressor(value(texts[2]), **{n: 1 for n in texts[:2]}).fit(X, NUMBERS),
    ),
    "two targets of the default for tables": Cure(
        lambda: NetworkRegressor("auto").fit(X, np.c_[NUMBERS, NUMBERS]),
        "an estimator for each, or hidden_layer_sizes=(.*)",
        lambda text: NetworkRegressor(value(text), max_iter=1).fit(X, np.c_[NUMBERS, NUMBERS]),
    ),
    "a part of the rows for the default for tables": Cure(
        lambda: NetworkRegressor("auto").partial_fit(X, NUMBERS),
        r"(\w+), or hidden_layer_sizes=(.*)",
        lambda name, text: getattr(NetworkRegressor(value(text), max_iter=1), name)(X, NUMBERS),
    ),
    "a part that stops early": Cure(
        lambda: part(model=NetworkClassifier(**QUICK, early_stopping=True), classes=[0, 1]),
        "(.*)",
        lambda text: part(model=NetworkClassifier(**QUICK, **keywords(text)), classes=[0, 1]),
    ),
    "a first part without classes": Cure(part, "(.*)", lambda text: part(**keywords(text))),
    "other classes": Cure(
        lambda: part(model=part(classes=[0, 1]), classes=[0, 1, 2]),
        "the same classes, or a new estimator",
        lambda: part(model=part(classes=[0, 1]), classes=[0, 1]),
    ),
    "labels that nobody named": Cure(
        lambda: part(SIDES + 1, model=part(classes=[0, 1])),
        "the same classes, or (warm_start=False); in the first partial_fit, all of them as (classes)=",
        lambda fresh, name: (part(SIDES + 1, **{name: [0, 1, 2]}), classify(y=SIDES + 1, **keywords(fresh))),
    ),
    "balanced parts": Cure(
        lambda: part(model=NetworkClassifier(**QUICK, class_weight="balanced"), classes=[0, 1]),
        r"a dict, from sklearn.utils.class_weight.(\w+)",
        lambda name: part(
            classes=[0, 1],
            model=NetworkClassifier(
                **QUICK,
                class_weight=dict(
                    enumerate(
                        getattr(__import__("sklearn.utils.class_weight", fromlist=["_"]), name)(
                            "balanced", classes=np.array([0, 1]), y=SIDES
                        )
                    )
                ),
            ),
        ),
    ),
    "a loss of classes by a wrong name": Cure(
        lambda: classify(loss="squared"),
        "('log_loss'), ('hinge'), or a reseau.losses",
        lambda *texts: [classify(loss=value(text)) for text in texts],
    ),
    "a loss of numbers by a wrong name": Cure(
        lambda: regress(loss="mse"),
        r"one of (\w+), (\w+), (\w+), \w+, or a reseau.losses of numbers",
        lambda *names: [regress(loss=name) for name in names],
    ),
    "one class a row for several labels": Cure(
        lambda: classify(y=np.c_[SIDES, 1 - SIDES], loss=rs.losses.CrossEntropy()),
        "loss=('log_loss')",
        lambda text: classify(y=np.c_[SIDES, 1 - SIDES], loss=value(text)),
    ),
    "other outputs": Cure(
        lambda: regress(warm_start=True).set_params(warm_start=True).fit(X, np.c_[NUMBERS, NUMBERS]),
        "the same outputs, or a new estimator",
        lambda: (regress(warm_start=True).fit(X, NUMBERS), regress(y=np.c_[NUMBERS, NUMBERS])),
    ),
    "another network between parts": Cure(
        lambda: part(model=part(classes=[0, 1]).set_params(hidden_layer_sizes=(5,))),
        "the settings of the network as they were, or a new estimator",
        lambda: (
            part(model=part(classes=[0, 1])),
            part(model=NetworkClassifier(**QUICK | {"hidden_layer_sizes": (5,)}), classes=[0, 1]),
        ),
    ),
    "a network of other scores": other_outputs(5),
    "steps too long": Cure(
        lambda: regress(solver="sgd", learning_rate_init=1e200),
        SCALE + ", or a smaller learning_rate_init",
        lambda: regress(solver="sgd", learning_rate_init=1e-3),
    ),
    "squares that overflow": Cure(
        lambda: classify(
            X=(X * 1e25).astype("f4"), hidden_layer_sizes=(), max_iter=60, n_iter_no_change=1, batch_size=48
        ),
        SCALE + ", or (dtype='float64')",
        lambda text: classify(X=(X * 1e25).astype("f4"), hidden_layer_sizes=(), **keywords(text)),
    ),
    "an objective that is not finite": Cure(
        lambda: regress(y=NUMBERS * 1e200, solver="lbfgs"), SCALE, lambda: regress(solver="lbfgs")
    ),
    "few rows held out": Cure(
        lambda: regress(X[:4], NUMBERS[:4], early_stopping=True),
        "a larger (validation_fraction), or more rows",
        lambda name: (
            regress(X[:4], NUMBERS[:4], early_stopping=True, **{name: 0.5}),
            regress(early_stopping=True),
        ),
    ),
    "all rows held out": Cure(
        lambda: regress(X[:3], NUMBERS[:3], early_stopping=True, validation_fraction=0.9),
        "a smaller (validation_fraction), or more rows",
        lambda name: (
            regress(X[:3], NUMBERS[:3], early_stopping=True, **{name: 0.5}),
            regress(early_stopping=True, validation_fraction=0.9),
        ),
    ),
    "rows held out that weigh nothing": Cure(
        lambda: regress(sample_weight=np.r_[1.0, np.zeros(47)], early_stopping=True),
        "a larger (validation_fraction)",
        lambda name: regress(sample_weight=np.r_[np.ones(24), np.zeros(24)], early_stopping=True, **{name: 0.5}),
    ),
    "many of what is no network": Cure(
        lambda: fit_many(make_pipeline(StandardScaler(), NetworkClassifier(**QUICK)), STEPS, X, SIDES, progress=False),
        r"NetworkClassifier or NetworkRegressor; of anything else (GridSearchCV\(estimator, settings, cv=5\))",
        lambda text: eval(
            text,
            {
                "GridSearchCV": GridSearchCV,
                "estimator": make_pipeline(StandardScaler(), NetworkClassifier(**QUICK)),
                "settings": STEPS,
            },
        ).fit(X, SIDES),
    ),
    "nothing to try": Cure(
        lambda: fit_many(NetworkClassifier(**QUICK), [], X, SIDES, progress=False),
        "(.*)",
        lambda text: fit_many(NetworkClassifier(**QUICK), value(text), X, SIDES, cv=2, progress=False),
    ),
    "weights before a fit": Cure(
        lambda: NetworkClassifier(**QUICK).coefs_,
        "call (fit) first",
        lambda name: getattr(NetworkClassifier(**QUICK), name)(X, SIDES).coefs_,
    ),
    "beyond the precision": Cure(
        lambda: classify(X * 1e60, dtype="float32"),
        r"scale it to the range of (\w+), or compute in (dtype='float64')",
        lambda narrow, wide: (classify(dtype=narrow), classify(X * 1e60, **keywords(wide))),
    ),
    "masked entries": Cure(
        lambda: classify(np.ma.masked_greater(X, 1.0)),
        "fill them in, with sklearn.impute for instance",
        lambda: classify(np.ma.masked_greater(X, 1.0).filled(0.0)),
    ),
    "images": Cure(
        lambda: NetworkClassifier("auto").fit(X.reshape(48, 3, 1), SIDES),
        r"(X\.reshape\(len\(X\), -1\)); rs\.fit and rs\.tabular\.fit_table take images as they are",
        lambda text: classify(eval(text, {"X": X.reshape(48, 3, 1)})),
    ),
    "a matrix": Cure(lambda: classify(np.matrix(X)), r"np.asarray\(X\)", lambda: classify(np.asarray(np.matrix(X)))),
    "dates": Cure(
        lambda: classify(DAYS[:, None]),
        r"make numbers of them, such as (.*)",
        lambda text: classify(eval(text, KNOWN | {"dates": DAYS})[:, None]),
    ),
    "one label": Cure(lambda: classify(y=1), "a label for each row", lambda: classify(y=np.full(48, 1))),
    "texts beside numbers": Cure(
        lambda: classify(y=["a", *SIDES[1:].tolist()]),
        r"one kind: (\[.*\])",
        lambda text: classify(y=eval(text, {"y": ["a", *SIDES[1:].tolist()]})),
    ),
    "a label that is missing": Cure(
        lambda: classify(y=UNLABELED),
        r"leave such rows out: known = (.*), and give (X\[known\]) and (y\[known\])",
        lambda *texts: known_rows(*texts),
    ),
    "a text that ends in NUL": Cure(
        lambda: classify(y=["a", "a\0"] * 24),
        r"labels without it: (\[.*\])",
        lambda text: classify(y=eval(text, {"y": ["a", "a\0"] * 24})),
    ),
    "bytes": Cure(
        lambda: classify(y=np.where(SIDES, b"yes", b"no")),
        "text: (.*)",
        lambda text: classify(y=eval(text, {"np": np, "y": np.where(SIDES, b"yes", b"no")})),
    ),
    "a sparse matrix too large": Cure(
        lambda: classify(sparse.csr_array((48, 1 << 26))),
        "fewer columns, or rows in parts with partial_fit",
        lambda: classify(sparse.csr_array((48, 8))),
    ),
    "lbfgs with dropout": Cure(
        lambda: classify(solver="lbfgs", dropout=0.5),
        "(solver='adam'), or (dropout=0) and (constraint=None)",
        lambda one, *others: (
            classify(**{"solver": "lbfgs", "dropout": 0.5} | keywords(one)),
            classify(**{"solver": "lbfgs"} | keywords(", ".join(others))),
        ),
    ),
    "sets of labels": Cure(
        lambda: classify(y=np.stack([SIDES, 1 - SIDES], 1)).calibrate(X, SIDES),
        r"one class each",
        lambda: classify().calibrate(X[:, ::-1], SIDES),
    ),
    "several quantiles of several outputs": Cure(
        lambda: regress(y=np.stack([NUMBERS, NUMBERS], 1), loss=Quantile((0.05, 0.95))),
        r"one estimator for each output",
        lambda: regress(loss=Quantile((0.05, 0.95))),
    ),
    "an interval of several outputs": Cure(
        lambda: regress(y=np.stack([NUMBERS, NUMBERS], 1)).calibrate(X, NUMBERS),
        r"one output, and loss='(\w+)' or (Quantile\(\(0.05, 0.95\)\))",
        lambda *texts: [
            regress(loss=loss).calibrate(X[:, ::-1], NUMBERS)
            for loss in (texts[0], eval(texts[1], {"Quantile": Quantile}))
        ],
    ),
    "processes that are none": Cure(
        lambda: fit_many(NetworkClassifier(**QUICK), {"alpha": [1.0]}, X, SIDES, processes=0, progress=False),
        r"a whole number from (\d) on",
        lambda least: fit_many(
            NetworkClassifier(**QUICK), {"alpha": [1.0]}, X, SIDES, processes=int(least), progress=False
        ),
    ),
    "layers of nothing": Cure(
        lambda: classify(hidden_layer_sizes=(0,)),
        r"whole numbers, one for each hidden layer: (.*), or (\(\)) for none",
        lambda *texts: [classify(hidden_layer_sizes=value(text)) for text in texts],
    ),
    "an error rate of several labels": Cure(
        lambda: classify(y=np.stack([SIDES, 1 - SIDES], 1)).certify(X, np.stack([SIDES, 1 - SIDES], 1)),
        "certify a model of each label",
        lambda: [classify(y=label).certify(X, label) for label in (SIDES, 1 - SIDES)],
    ),
    "a bound of several outputs": Cure(
        lambda: regress(y=np.stack([NUMBERS, X[:, 2]], 1)).certify(
            X, np.stack([NUMBERS, X[:, 2]], 1), clip=9.0, target_bound=9.0
        ),
        "certify a model of each output",
        lambda: [regress(y=y).certify(X, y, clip=9.0, target_bound=9.0) for y in (NUMBERS, X[:, 2])],
    ),
    "a bound without unseen rows": Cure(
        lambda: classify(hidden_layer_sizes=(3, 3)).certify(X, SIDES),
        r"(holdout)=\(X, y\), rows that no choice has used",
        lambda name: classify(X[:24], SIDES[:24], hidden_layer_sizes=(3, 3)).certify(
            X[:24], SIDES[:24], **{name: (X[24:], SIDES[24:])}
        ),
    ),
} | {
    f"{name}={wrong!r}": setting(kind, name, wrong)
    for kind, name, wrong in (
        ("classifier", "activation", "swish"),
        ("classifier", "alpha", -1),
        ("regressor", "batch_size", 0),
        ("classifier", "learning_rate", "falling"),
        ("regressor", "learning_rate_init", 0.0),
        ("classifier", "max_iter", 2.5),
        ("regressor", "momentum", 1.0),
        ("classifier", "shuffle", "yes"),
        ("classifier", "random_state", -1),
        ("regressor", "validation_fraction", 1.0),
        ("classifier", "beta_1", 1.0),
        ("classifier", "n_iter_no_change", 0),
        ("classifier", "network", "mlp"),
        ("classifier", "penalty", "l2"),
        ("regressor", "constraint", 3),
        ("classifier", "class_weight", "even"),
        ("regressor", "dropout", 1.0),
        ("classifier", "dtype", "float16"),
        ("classifier", "scoring", "acc"),
        ("classifier", "solver", "adamw"),
    )
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_cure_works(name):
    cured(CASES[name])


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_every_error_of_the_estimators_with_a_cure_has_a_case():
    modules = [automatic, certificates, classifier, design, estimator, held_out, many, raw_tables]
    modules += [regressor, rows, settings]
    not_mechanical = ["the data cannot be read"]  # numbers that NumPy cannot hold: the user has to scale them
    assert raises_without_a_case(modules, CASES.values(), not_mechanical) == []
