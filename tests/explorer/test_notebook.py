"""The widget of a notebook: it carries the explorer's messages."""

import numpy as np
import pytest

import reseau as rs
from reseau.explorer.notebook import problem_of


def linear():
    x = rs.input("x", (2,))
    return rs.Network(x, rs.affine(x, 1, name="line"))


def test_a_message_reaches_python_and_its_reply_goes_back_with_arrays():
    pytest.importorskip("anywidget")
    X = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [2.0, 1.0]])
    objective = rs.Objective(linear(), loss=rs.losses.SquaredError())
    result = rs.fit(objective, (X, X.sum(axis=1)), steps=2, progress=False)
    widget = result.explore()
    sent = []
    widget.send = lambda content, buffers=None: sent.append((content, buffers))
    widget._handle_custom_msg({"command": "inspect", "node": "line", "row": 2, "number": 5}, [])
    ((content, buffers),) = sent
    assert (content["kind"], content["number"]) == ("inspect", 5)
    value = np.frombuffer(buffers[0], np.float32)
    assert value == pytest.approx(np.asarray(objective.network(result.params, X[2:3]))[0], rel=1e-6)
    assert "render" in widget._esm


def test_rows_that_do_not_fit_are_one_error_with_a_cure():
    with pytest.raises(rs.errors.DataError, match="fix: reshape X"):
        problem_of(linear(), None, (np.eye(4, 3), np.arange(4.0)))
    found = problem_of(linear(), None, (np.eye(4, 2), np.arange(4.0)))
    assert found.count == 4


def test_the_classes_of_a_loss_of_signs_are_minus_one_and_one():
    X = np.arange(12.0).reshape(6, 2)
    found = problem_of(linear(), None, (X, np.array([-1, 1, -1, 1, 1, -1])), rs.losses.Logistic())
    assert found.targets.ravel().tolist() == [-1, 1, -1, 1, 1, -1]
    assert found.classes == ("-1", "1")
