"""Searching settings for a table: what is tried, what is kept, and that a search that was killed goes on."""

import re
from itertools import pairwise
from shutil import copytree

import numpy as np
import pytest

import reseau as rs
from reseau.errors import DataError
from reseau.tabular import TableSettings, search, table_task

BASE = TableSettings(members=2, epochs=16, held_out=0.2, batch=64, hidden=(16,))


def table():
    X = np.random.default_rng(0).uniform(-1, 1, (120, 2))
    return rs.data.from_arrays(X, X[:, 0] * X[:, 1])


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    return folder, rs.tune(table(), settings=BASE, seconds=600, checkpoint=folder, progress=False)


def test_half_of_each_round_goes_on_for_twice_the_epochs(found) -> None:
    trials = found[1].trials
    rounds = [[t for t in trials if t.rung == k] for k in (1, 2, 3)]
    assert [len(r) for r in rounds] == [12, 6, 3]
    assert [{t.settings.epochs for t in r} for r in rounds] == [{2}, {4}, {8}]
    for before, after in pairwise(rounds):
        scores = sorted((t.score for t in before), reverse=True)
        kept = [t.score for t in before if any(same(t, other) for other in after)]
        assert sorted(kept, reverse=True) == scores[: len(after)]


def same(a, b) -> bool:
    return search.told(a.settings) == search.told(b.settings)


def test_the_default_is_among_the_first_and_the_best_of_the_last_is_trained(found) -> None:
    tuned = found[1]
    assert any(search.told(t.settings) == search.told(BASE) for t in tuned.trials[:1])
    last = [t for t in tuned.trials if t.rung == 3]
    best = max(last, key=lambda t: t.score)
    assert search.told(best.settings) == search.told(tuned.fit.settings)
    assert tuned.fit.settings.epochs == BASE.epochs
    assert search.told(best.settings) == str(tuned).splitlines()[1].split("  ")[-1]


def test_settings_of_one_shape_share_one_program(found) -> None:
    made = table_task.TableTask(table(), BASE, 0)
    programs = set()
    for rate, epochs in ((0.01, 2), (0.04, 4)):
        made.train(TableSettings(2, epochs, 0.2, 64, (16,), rate=rate), 0)
        programs |= {id(p) for p in made.objective.programs.made.values()}
    assert len(programs) == 1


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_to_the_same_bits(found, monkeypatch) -> None:
    folder, before = found
    fitted = []
    train = table_task.fit
    monkeypatch.setattr(table_task, "fit", lambda *args, **words: fitted.append(words) or train(*args, **words))
    for path in [*folder.glob("trial-3-*"), folder / "member-2"]:
        for file in path.iterdir():
            file.unlink()
    again = rs.tune(table(), settings=BASE, seconds=600, checkpoint=folder, progress=False)
    assert [t.score for t in again.trials] == [t.score for t in before.trials]
    for name, value in before.fit.params.items():
        np.testing.assert_array_equal(value, again.fit.params[name])
    assert len(fitted) == 23


def test_when_the_time_is_over_the_best_so_far_is_trained() -> None:
    tuned = rs.tune(table(), settings=BASE, seconds=1e-3, progress=False)
    assert len(tuned.trials) == 1
    assert len(tuned.fit.members) == 1
    assert np.isfinite(tuned.fit.network(tuned.fit.params, np.zeros((1, 2)))).all()
    with pytest.raises(DataError, match="fix: a positive number"):
        rs.tune(table(), seconds=0)


def test_progress_tells_the_best_so_far(found, tmp_path, capfd) -> None:
    folder, tuned = found
    copytree(folder, tmp_path / "again")  # of which every trial is there
    rs.tune(table(), settings=BASE, seconds=600, checkpoint=tmp_path / "again")
    told = re.findall(r"trial (\d+) of 21 +best (\S+)", capfd.readouterr().err)
    assert int(told[-1][0]) == 21
    for done, best in told:
        assert float(best) == pytest.approx(max(t.score for t in tuned.trials[: int(done)]), rel=1e-3)
