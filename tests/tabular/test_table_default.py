"""The default for tables: what it learns, that one row does not move it, that it is one network like any other."""

from dataclasses import replace

import numpy as np
import pandas
import pytest
from sklearn.preprocessing import RobustScaler

import reseau as rs
from reseau.data import Column, Recipe, Table
from reseau.errors import DataError
from reseau.graph import Input
from reseau.tabular import TableSettings, fit_table, settings_for
from reseau.tabular.ensemble import member_network
from reseau.tabular.features import interval_ends, robust_scales, table_features
from reseau.tabular.table_fit import _divisions
from reseau.tabular.table_task import TableTask, held_out_parts

onnxruntime = pytest.importorskip("onnxruntime")

QUICK = TableSettings(members=3, epochs=30, held_out=1 / 3, batch=64, hidden=(32,), rate=0.1)


def mixed(n: int, seed: int = 0) -> Table:
    """Numbers with blanks and a constant, a text of few categories and one of many; the target is a number."""
    rng = np.random.default_rng(seed)
    numbers = rng.standard_normal((n, 3)) * [1, 100, 0] + [0, 5, 7]
    few, many = rng.integers(0, 3, n), rng.integers(0, 12, n)
    y = numbers[:, 0] * (few - 1) + np.sin(many) + numbers[:, 1] / 200
    numbers[rng.random(n) < 0.05, 1] = np.nan
    columns = (
        *(Column(name) for name in ("a", "b", "constant")),
        *(Column("few", ("x", "y", "z")), Column("many", tuple("abcdefghijkl"))),
    )
    recipe = Recipe((5,), "target", (), columns, "impute", "one-hot")
    return Table(np.column_stack([numbers, few, many]).astype(float), y, recipe).fitted()


@pytest.fixture(scope="module")
def regression() -> tuple[Table, rs.tabular.TableFit]:
    table = mixed(600)
    return table, fit_table(table, settings=QUICK, progress=False)


def test_numbers_texts_and_blanks_are_learned_from(regression) -> None:
    _, found = regression
    fresh = mixed(400, seed=1)
    predicted = np.asarray(found.network(found.params, fresh.features))[:, 0]
    assert 1 - np.mean((predicted - fresh.target) ** 2) / fresh.target.var() > 0.8


def test_progress_is_told_in_a_few_lines_over_all_members(capfd) -> None:
    fit_table(mixed(100), settings=QUICK)
    lines = capfd.readouterr().err.splitlines()
    assert 3 <= len(lines) <= 11
    assert lines[-1].startswith("epoch 90 of 90  members 3")
    assert [line.split("member ")[1][0] for line in lines[:-1]] == sorted(
        line.split("member ")[1][0] for line in lines[:-1]
    )


def test_members_are_one_network_saved_drawn_and_exported_whole(regression, tmp_path) -> None:
    table, found = regression
    wanted = np.asarray(found.network(found.params, table.features[:20]))
    assert sum(name.startswith("member3 ") for name in found.params) > 4
    found.network.save(tmp_path / "m.safetensors", found.params, recipe=table.recipe)
    again, read = rs.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again(read, table.features[:20]), wanted)
    found.network.save(tmp_path / "m.onnx", found.params, recipe=table.recipe)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    cells = {"a": [0.5, 1.0], "b": [3.0, np.nan], "constant": [7.0, 7.0], "few": ["x", "new"], "many": ["a", "l"]}
    feeds = {k: np.array(v, object if isinstance(v[0], str) else np.float32)[:, None] for k, v in cells.items()}
    (by_onnx,) = session.run(["predicted"], feeds)
    rows = np.array([[0.5, 3.0, 7.0, 0, 0], [1.0, np.nan, 7.0, 3, 11]])
    np.testing.assert_allclose(by_onnx, found.network(found.params, rows), rtol=1e-3, atol=1e-3)
    assert "<svg" in found.network.draw()


def test_the_joined_prediction_is_the_mean_of_the_members(regression) -> None:
    table, found = regression
    assert isinstance(found.trained.graph.inputs[0].source, Input)
    member = member_network(table.recipe, table.features, QUICK)
    rows = table.features[:50]
    each = [np.asarray(member(r.params, rows)) for r in found.members]
    unit = table.target.mean(), table.target.std()
    low, high = table.target.min(), table.target.max()
    wanted = np.clip(np.mean(each, 0) * unit[1] + unit[0], low, high)
    np.testing.assert_allclose(found.network(found.params, rows), wanted, rtol=1e-3, atol=1e-3)


def only(monkeypatch: pytest.MonkeyPatch, *shares: tuple[float, ...]) -> None:
    """Let the kinds count in one of these ways."""
    monkeypatch.setattr("reseau.tabular.table_fit._divisions", lambda kinds: np.array(shares))


def of_several_kinds(X: np.ndarray, y: np.ndarray, **changes: object) -> rs.tabular.TableFit:
    """A table learned by members of several kinds."""
    settings = replace(QUICK, held_out=0.2, alternate=True, **changes)
    return fit_table(rs.data.from_arrays(X, y).fitted(), settings=settings, progress=False)


def test_kinds_count_as_makes_the_loss_on_rows_that_all_held_out_least(tmp_path, monkeypatch) -> None:
    shares = [(0.5, 0.25, 0.25), (0.25, 0.5, 0.25), (0.25, 0.25, 0.5)]
    only(monkeypatch, *shares)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 3)).astype(np.float32)
    X[:, 2] = np.round(X[:, 2])
    y = X @ [1.0, -2.0, 0.5] + np.floor(3 * X[:, 0]) + rng.standard_normal(300)
    found = of_several_kinds(X, y, members=6, hidden=(32, 32))
    parts = [part.tolist() for part in found.held_out]
    assert parts[:1] * 3 + parts[3:4] * 3 == parts
    assert parts[0] != parts[3]
    assert sorted(found.trained.graph.states) == ["features.center", "features.factor"]  # stored once for all
    recipe, unit = rs.data.from_arrays(X, y).recipe, found.trained
    kinds = replace(QUICK, alternate=True, members=6, hidden=(32, 32)).kinds
    assert [(k.activation, k.hidden) for k in kinds] == [("relu", (32, 32)), ("mish", (32, 32)), ("mish", (32,))]
    each = [np.asarray(member_network(recipe, X, kinds[i % 3])(r.params, X))[:, 0] for i, r in enumerate(found.members)]
    target = (y - y.mean()) / y.std()
    errors = {
        one: sum(np.mean((np.dot(one, each[n : n + 3]) - target)[found.held_out[n]] ** 2) for n in (0, 3))
        for one in shares
    }
    best = min(errors, key=errors.__getitem__)
    wanted = np.dot(best, (np.array(each[:3]) + each[3:]) / 2)
    wanted = np.clip(wanted, target.min(), target.max())
    own = {name: found.params[name] for name in unit.graph.stored}
    np.testing.assert_allclose(unit(own, X)[:, 0], wanted, rtol=1e-4, atol=1e-4)
    found.network.save(tmp_path / "kinds.onnx", found.params)
    session = onnxruntime.InferenceSession(tmp_path / "kinds.onnx", providers=["CPUExecutionProvider"])
    (by_onnx,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(by_onnx, found.network(found.params, X), rtol=1e-3, atol=1e-3)


def test_kinds_may_count_any_number_of_quarters() -> None:
    found = _divisions(3)
    assert found.tolist() == sorted(np.unique(found, axis=0).tolist(), reverse=True)
    assert len(found) == 15
    np.testing.assert_array_equal(found.sum(1), 1)


def test_kinds_of_classes_share_the_probability(monkeypatch) -> None:
    only(monkeypatch, (0.75, 0.25))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 2))
    y = (X[:, 0] > X[:, 1]).astype(np.int32)
    table = Table(X, y, Recipe((2,), "y", ("a", "b")))
    settings = replace(QUICK, held_out=0.2, epochs=4, alternate=True)
    found = fit_table(table, settings=settings, progress=False)
    each = []
    for result, kind in zip(found.members, (0, 1, 0), strict=True):  # of one hidden layer, there are two kinds
        logits = np.asarray(member_network(table.recipe, X, settings.kinds[kind])(result.params, X), float)
        each.append(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    wanted = 0.375 * each[0] + 0.25 * each[1] + 0.375 * each[2]
    np.testing.assert_allclose(np.exp(np.asarray(found.network(found.params, X), float)), wanted, rtol=1e-3, atol=1e-5)


def test_a_kind_that_does_not_count_leaves_no_trace(monkeypatch) -> None:
    only(monkeypatch, (1.0, 0.0))
    X = np.random.default_rng(0).standard_normal((200, 2))
    table = rs.data.from_arrays(X, X[:, 0]).fitted()
    settings = replace(QUICK, held_out=0.2, epochs=4, members=3, alternate=True)
    found = fit_table(table, settings=settings, progress=False)
    alone = fit_table(table, settings=replace(settings, members=2, alternate=False), progress=False)
    assert len(found.members) == 2
    for name, value in alone.params.items():
        np.testing.assert_array_equal(value, found.params[name])


def test_where_another_kind_alone_counts_its_settings_are_told(monkeypatch) -> None:
    only(monkeypatch, (0.0, 0.0, 1.0))
    X = np.random.default_rng(0).standard_normal((100, 2))
    told = of_several_kinds(X, X[:, 0], members=3, epochs=30, hidden=(8, 8)).settings
    assert (told.activation, told.intervals, told.hidden, told.members, told.epochs) == ("mish", 0, (8,), 1, 30)


def test_rows_of_no_weight_do_not_decide_how_much_a_kind_counts() -> None:
    X = np.random.default_rng(0).standard_normal((40, 2))
    weight = np.repeat([1.0, 0.0], 20)
    task = TableTask(rs.data.from_arrays(X, X[:, 0]).fitted(), replace(QUICK, held_out=0.5, members=2), 0, weight)
    held = task.parts[0]
    predicted = np.where(weight[held, None] > 0, task.target[held, None], 9.0)
    assert task.loss_of(predicted, 0) == pytest.approx(0)


def test_the_same_seed_gives_the_same_bits(regression) -> None:
    table, found = regression
    again = fit_table(table, settings=QUICK, progress=False)
    for name, value in found.params.items():
        np.testing.assert_array_equal(value, again.params[name])


def test_the_score_of_classes_is_the_logarithm_of_the_mean_probability() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int32) + (X[:, 0] > 1.2)
    recipe = Recipe((2,), "y", ("a", "b", "c"))
    table = Table(X, y.astype(np.int32), recipe)
    found = fit_table(table, settings=QUICK, progress=False)
    member = member_network(recipe, X, QUICK)
    logits = [np.asarray(member(r.params, X), float) for r in found.members]
    shares = [np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in logits]
    scores = np.asarray(found.network(found.params, X), float)
    np.testing.assert_allclose(np.exp(scores), np.mean(shares, 0), rtol=1e-3, atol=1e-5)
    fresh = rng.standard_normal((500, 2))
    wanted = (fresh[:, 0] * fresh[:, 1] > 0).astype(int) + (fresh[:, 0] > 1.2)
    assert (np.asarray(found.network(found.params, fresh)).argmax(1) == wanted).mean() > 0.85


def test_one_row_115_deviations_away_moves_little() -> None:
    table = mixed(400)
    far = table.features.copy()
    far[0, :2] = [115.0, 11500.0]
    center, factor = robust_scales(table.features[:, :2])
    moved_center, moved_factor = robust_scales(far[:, :2])
    np.testing.assert_allclose((moved_center - center) * factor, 0, atol=0.02)
    np.testing.assert_allclose(moved_factor, factor, rtol=0.02)
    found = fit_table(replace(table, features=far), settings=QUICK, progress=False)
    fresh = mixed(400, seed=1)
    predicted = np.asarray(found.network(found.params, fresh.features))[:, 0]
    assert 1 - np.mean((predicted - fresh.target) ** 2) / fresh.target.var() > 0.75
    assert np.isfinite(found.network(found.params, np.full((1, 5), 1e38) * [1, 1, 1, 0, 0])).all()


def test_robust_scales_are_those_of_scikit_learn() -> None:
    """Where quartiles differ; blanks count for nothing. Clipped, as in the layers, the formula of the paper."""
    rng = np.random.default_rng(0)
    X = rng.standard_t(2, (200, 4)) * [1, 10, 1e-3, 1e3] + [0, 5, -1, 3]
    X[rng.random(X.shape) < 0.1] = np.nan
    center, factor = robust_scales(X)
    wanted = RobustScaler().fit(X)
    np.testing.assert_allclose(center, wanted.center_, rtol=1e-12)
    np.testing.assert_allclose(factor, 1 / wanted.scale_, rtol=1e-12)
    recipe = rs.data.from_arrays(np.nan_to_num(X), rng.standard_normal(200), task="regression").recipe
    x, h = table_features(recipe, np.nan_to_num(X), replace(QUICK, intervals=0))
    scaled = RobustScaler().fit_transform(np.nan_to_num(X))
    read = rs.Network(x, h)
    found = read(read.init(), np.nan_to_num(X))  # in single precision: deviations of 1e-3 from -1 have 4 digits
    np.testing.assert_allclose(found, scaled / np.sqrt(1 + (scaled / 3) ** 2), rtol=1e-4, atol=2e-4)


def test_each_member_holds_out_other_rows_alike_in_classes() -> None:
    classes = np.repeat([0, 1, 2], [90, 60, 30])
    parts = held_out_parts(180, TableSettings(3, 1, 1 / 3), 0, classes)
    assert sorted(np.concatenate(parts)) == list(range(180))
    for part in parts:
        np.testing.assert_array_equal(np.bincount(classes[part]), [30, 20, 10])
    one = held_out_parts(180, TableSettings(1, 1, 0.2), 0, classes)
    assert [len(p) for p in one] == [36]


@pytest.mark.parametrize(("rows", "sizes"), [(1605, [214] * 6), (401, [161, 160]), (321, [129, 128]), (257, [206])])
def test_steps_of_an_epoch_have_as_many_rows(rows: int, sizes: list[int]) -> None:
    """In batches of 256, the last one of 321 rows would be one row, which weighs as much as all others."""
    settings = TableSettings(members=5, epochs=1, held_out=0.2)
    task = TableTask(mixed(rows), settings, 0)
    trained = rows - len(task.parts[0])
    indices, weights = rs.batches.Shuffled(task.batch(0)).epoch(trained, seed=0, epoch=0)
    assert len(indices) == task.steps_an_epoch(0)
    counts = (weights > 0).sum(1)
    assert counts.max() <= settings.batch
    assert sorted(counts, reverse=True) == sizes


def test_more_time_gives_more_members_and_epochs_and_larger_tables_fewer() -> None:
    work = 150_000
    plans = [settings_for(20_000, 0, work, t) for t in (5, 30, 60, 600)]
    totals = [p.members * p.epochs for p in plans]
    assert totals == sorted(totals)
    assert plans[-1].members == 9
    assert all(p.alternate == (p.members % 3 == 0) for p in plans)
    rows = [settings_for(n, 2, work) for n in (500, 5_000, 50_000)]
    assert [p.members for p in rows] == sorted((p.members for p in rows), reverse=True)
    assert [settings_for(n, 2, work).epochs for n in (699, 700)] == [64, 128]
    with pytest.raises(DataError, match="fix: a positive number"):
        settings_for(100, 0, work, 0)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(DataError, match="fix: give 10 rows or more"):
        fit_table(mixed(9), progress=False)
    with pytest.raises(DataError, match=r"not a row of a table\n  fix: rs.fit"):
        table_features(Recipe((8, 8, 1), "y"), np.zeros((20, 8, 8, 1)), QUICK)


def test_intervals_follow_the_rows_and_values_that_many_rows_share_take_one_each() -> None:
    random = np.random.default_rng(0)
    smooth = random.normal(size=1000)
    assert interval_ends(smooth, 8).tolist() == np.quantile(smooth, np.linspace(0, 1, 9)).astype(np.float32).tolist()
    few = random.integers(0, 12, 500).astype(float)
    few[few > 10] = np.nan
    assert interval_ends(few, 24).tolist() == list(range(11))
    gains = np.where(random.random(5000) < 0.92, 0.0, random.lognormal(8, 1, 5000))
    ends = interval_ends(gains, 24)
    assert len(ends) >= 23
    inside = np.histogram(gains[gains > 0], ends[1:])[0]
    assert inside.max() <= 2 * (gains > 0).sum() / len(inside)
    for _ in range(50):
        column = random.integers(0, random.integers(2, 400), random.integers(3, 2000)) ** random.integers(1.0, 4)
        values = np.unique(column.astype(np.float32))
        intervals = int(random.integers(2, 40))
        found = interval_ends(column.astype(float), intervals)
        assert (found[0], found[-1]) == (values[0], values[-1])
        assert 0.6 * min(len(values), intervals + 1) <= len(found) <= intervals + 1
    assert len(interval_ends(np.full(5, np.nan), 4)) == 0


def test_a_data_frame_is_no_table_and_the_cure_makes_one() -> None:
    frame = pandas.DataFrame({"a": np.linspace(-1, 1, 60), "b": list("uv") * 30, "y": np.linspace(0, 1, 60)})
    with pytest.raises(DataError, match=r"DataFrame is no Table.*\n  fix: rs.data.from_frame\(frame, 'target', auto"):
        fit_table(frame)
    found = fit_table(rs.data.from_frame(frame, "y", auto=True), settings=QUICK, progress=False)
    assert found.network(found.params, np.zeros((3, 2))).shape == (3, 1)
