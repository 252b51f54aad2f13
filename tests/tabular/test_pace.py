"""In little time a schedule of few epochs comes to its end, and no member is worse than the mean of the target."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

import reseau as rs
from reseau.tabular import pace
from reseau.tabular.table_task import TableTask


@pytest.fixture(scope="module")
def sugar():
    return rs.data.from_arrays(*load_diabetes(return_X_y=True, scaled=False))


def test_a_member_is_no_worse_than_the_mean_of_the_target(sugar):
    settings = rs.tabular.TableSettings(members=2, epochs=2, held_out=0.2, hidden=(64, 64), rate=5.0)
    with pytest.warns(UserWarning, match="2 of 2 members are no better than the mean of the target") as met:
        found = rs.tabular.fit_table(sugar, settings=settings, progress=False)
    assert "fix: give more time" in str(met[0].message)
    predicted = np.asarray(found.network(found.params, sugar.features))[:, 0]
    np.testing.assert_allclose(predicted, sugar.target.mean(), 1e-6)


def test_in_little_time_a_network_is_no_worse_than_the_mean(sugar):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # on a busy machine nothing may be learned
        found = rs.tabular.fit_table(sugar, seconds=0.5, progress=False)
    predicted = np.asarray(found.network(found.params, sugar.features))[:, 0]
    assert np.mean((predicted - sugar.target) ** 2) < 1.05 * np.var(sugar.target)


def test_a_slow_machine_makes_fewer_epochs(sugar, monkeypatch, tmp_path):
    settings = rs.tabular.TableSettings(members=3, epochs=100, held_out=0.2, hidden=(8,))
    problem, real = TableTask(sugar, settings, 0), TableTask.train

    def slow(self, *given, **told):
        found = real(self, *given, **told)
        object.__setattr__(found, "seconds", 0.5 * found.steps)
        return found

    monkeypatch.setattr(TableTask, "train", slow)
    steps = problem.steps_an_epoch(0)
    chosen, left, ended = pace.paced(problem, settings, 30.0, tmp_path)
    assert ended is None
    assert (chosen.members, chosen.epochs) == (1, -(-pace.FEWEST_STEPS // steps))
    assert left > pace.FEWEST_STEPS * 0.5
    monkeypatch.undo()  # on a quick machine a run that goes on keeps to what was found
    assert pace.paced(problem, settings, 30.0, tmp_path)[0] == chosen
    assert pace.paced(problem, settings, 30.0, None)[0] == settings


@pytest.mark.parametrize("damage", ["", "[1", "[1, 2, 3]", "7", '["a", 1]', "[99, 1]", "[1, 0]", "\udcff"])
def test_a_damaged_plan_is_made_anew(sugar, tmp_path, damage):
    settings = rs.tabular.TableSettings(members=2, epochs=3, held_out=0.2, hidden=(4,))
    (tmp_path / pace.FILE).write_bytes(damage.encode("utf-8", "surrogateescape"))
    assert pace.paced(TableTask(sugar, settings, 0), settings, 30.0, tmp_path)[0] == settings
    assert (tmp_path / pace.FILE).read_text() == "[2, 3]"
