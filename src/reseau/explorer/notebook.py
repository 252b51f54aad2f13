"""The explorer in a notebook: the same messages and the same script, carried by the notebook's own channel."""

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from reseau.data import Table, from_arrays, split
from reseau.errors import DataError, MissingExtraError
from reseau.explorer.explorer import Explorer
from reseau.explorer.problem import Problem
from reseau.explorer.replies import Reply, parts
from reseau.losses import CrossEntropy, Loss, SquaredError
from reseau.losses.sides import SignLoss
from reseau.network import Network

if TYPE_CHECKING:
    from anywidget import AnyWidget

__all__ = ["explore", "problem_of", "widget"]

HELD = 0.25


def explore(
    network: Network | None = None,
    params: Mapping[str, Any] | None = None,
    data: tuple[Any, Any] | Table | None = None,
    *,
    loss: Loss | None = None,
) -> "AnyWidget":
    """A widget on which a network is seen, trained and changed; in a shell, `reseau explore` opens a page.

    Args:
        network: What is explored; the playground with generated rows by default.
        params: Its parameters; fresh ones by default.
        data: Inputs and targets, `(X, y)`, or a table: the rows that are shown, a quarter of which validate.
        loss: What training minimizes; by default the cross-entropy of classes, the squared error of numbers.

    Raises:
        MissingExtraError: The extra `explore` is not installed.
        DataError: The rows do not fit the network.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 8)), 1))
        >>> page = rs.explore(net, net.init(seed=0), (np.eye(2), np.arange(2.0)))
    """
    return widget(None if network is None else problem_of(network, params, data, loss))


def problem_of(
    network: Network,
    params: Mapping[str, Any] | None = None,
    data: tuple[Any, Any] | Table | None = None,
    loss: Loss | None = None,
) -> Problem:
    """A network with its rows, as the explorer takes them."""
    note = "" if data is not None else "No rows were given: these are drawn from a normal distribution."
    if data is None:
        return Problem("network", network, start=params, note=note)
    classes = len(network.graph.outputs) == 1 and network.graph.outputs[0].shape[1:] not in ((), (1,))
    if len(network.graph.inputs) != 1 or len(network.graph.outputs) != 1:
        raise DataError("rows are shown of a network of one input and one output\n  fix: rs.explore(net, params)")
    if loss is None:
        loss = CrossEntropy() if classes else SquaredError()
    if isinstance(data, Table):
        table = data
    else:
        task = "classification" if isinstance(loss, CrossEntropy | SignLoss) else "regression"
        table = from_arrays(np.asarray(data[0]), np.asarray(data[1]), source="(X, y)", target="y", task=task)
    wanted = network.graph.inputs[0].shape[1:]
    if table.features.shape[1:] != wanted:
        raise DataError(f"a row of X is {table.features.shape[1:]}, the network reads {wanted}\n  fix: reshape X")
    if isinstance(loss, CrossEntropy) and (len(table.classes),) != network.graph.outputs[0].shape[1:]:
        scores = network.graph.outputs[0].shape[1:]
        raise DataError(f"y holds {len(table.classes)} classes, the network has {scores} scores\n  fix: loss=...")
    held = split(len(table), HELD, 0)[1] if len(table) > 3 else None
    unit = (0.5, 0.5) if isinstance(loss, SignLoss) else (0.0, 1.0)  # such a loss reads -1 and 1
    return Problem("network", network, loss, table, held, unit, start=params)


def widget(problem: Problem | None) -> "AnyWidget":
    """The widget of a problem, or of the playground."""
    try:
        from anywidget import AnyWidget
    except ImportError as error:
        text = "the widget needs anywidget\n  fix: pip install 'reseau[explore]', or reseau explore in a shell"
        raise MissingExtraError(text) from error

    script = files("reseau.explorer").joinpath("explorer.js").read_text(encoding="utf-8")

    class ExplorerWidget(AnyWidget):
        """The view of an `Explorer` in a notebook."""

        _esm = script

    shown = ExplorerWidget()

    def send(reply: Reply, number: int | None = None) -> None:
        head, blobs = parts(reply, number)
        shown.send(head, blobs)

    explorer = Explorer(problem, tell=send)

    def answer(_: Any, message: Any, buffers: list[Any]) -> None:
        number = message.pop("number", None) if isinstance(message, dict) else None
        send(explorer.answer_page(message, [bytes(b) for b in buffers]), number if type(number) is int else None)

    shown.on_msg(answer)
    shown.explorer = explorer
    return shown
