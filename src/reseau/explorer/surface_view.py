"""Predictions over a line or a plane of the inputs, by one program that every refresh of the page uses again."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from reseau.compiler import SOUND
from reseau.data import Table
from reseau.errors import DataError
from reseau.explorer.data_view import check_column, predict, range_of, table_of
from reseau.explorer.problem import Problem
from reseau.explorer.replies import Reply
from reseau.graph import order
from reseau.graph.backprop import constants, evaluate

__all__ = ["Surveyor"]

SMALLEST, LARGEST = 10, 240  # places along a side of a surface
IN_TURN = 2048  # rows that are evaluated at once: their values stay near the processor
COMPILED = 300  # nodes of a graph that is compiled
MARGIN = 0.08  # of the range, shown beyond the rows


class Surveyor:
    """Predictions of one problem on grids; its program is compiled once for each number of places.

    Args:
        problem: What is looked at; its rows are lists of numbers.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        nodes = problem.network.graph.nodes
        plain = len(nodes) <= COMPILED and not any(n.op is not None and n.op.host for n in nodes)
        run = jax.jit(self._walk, static_argnames="rows", compiler_options=SOUND)
        self.run = run if plain and problem.network.by_rows else None

    def surface(self, params: Mapping[str, Any], first: int, second: int, row: int, size: int, reach: float) -> Reply:
        """Predictions on a grid: one or two columns vary, the others are those of a row.

        Args:
            params: The parameters.
            first: The column that varies across.
            second: The one that varies upwards.
            row: Where the other columns are taken from.
            size: Places along a side.
            reach: The ends of the axes are minus and plus this; 0 for those of the rows.
        """
        table = table_of(self.problem)
        if len(table.recipe.shape) != 1:
            raise DataError("there is no plane to draw of images\n  fix: look at the rows")
        if not SMALLEST <= size <= LARGEST or not 0 <= row < len(table):
            text = f"{SMALLEST} to {LARGEST}, and a row there is"
            raise DataError(f"a grid of {size} places at row {row + 1}\n  fix: {text}")
        features = table.features
        axes = [check_column(features, first)]
        if features.shape[1] > 1:
            axes.append(check_column(features, second))
        ranges = [(-reach, reach) if reach > 0 else _axis(table, i) for i in axes]
        base = np.where(np.isnan(features[row]), self._means, features[row]).astype(features.dtype)
        across = np.linspace(*ranges[0], 4 * size if len(axes) == 1 else size)
        up = np.zeros(1) if len(axes) == 1 else np.linspace(*ranges[1], size)
        value, confidence = self._predicted(params, base, axes, across, up)
        data = {"axes": axes, "ranges": ranges, "size": len(across), "row": row}
        return Reply("surface", data, {"value": value, "confidence": confidence})

    @property
    def _means(self) -> np.ndarray:
        means: np.ndarray = np.nanmean(table_of(self.problem).features, axis=0)
        return means

    def _predicted(
        self, params: Mapping[str, Any], base: np.ndarray, axes: list[int], across: np.ndarray, up: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The prediction at every place, and how sure it is."""
        problem, both = self.problem, [axes[0], axes[-1]]
        if len(axes) == 1:
            up = across[:1]  # written first, and the column's own places over it
        if self.run is None:
            rows = np.repeat(base[None], len(across) * len(up), axis=0)
            rows[:, both[1]], rows[:, both[0]] = np.repeat(up, len(across)), np.tile(across, len(up))
            found = predict(problem, params, rows)
            return found.value, found.confidence
        own, _ = problem.network.read(params, (base[None],))
        block = max(1, IN_TURN // len(across))
        lines = -(-len(up) // block)
        filled = np.concatenate([up, np.repeat(up[-1:], lines * block - len(up))]).reshape(lines, block)
        given = (np.asarray(v, base.dtype) for v in (base, across, filled))
        scores, sure = self.run(own, *given, np.asarray(both), rows=block)
        count = len(across) * len(up)
        if sure is not None:
            return np.asarray(scores).ravel()[:count], np.asarray(sure).ravel()[:count]
        told = problem.decided(np.asarray(scores, np.float64).reshape(-1, scores.shape[-1])[:count])
        return told.value, told.confidence

    def _walk(self, own: Any, base: Any, across: Any, up: Any, axes: Any, rows: int) -> tuple[Any, Any]:
        """A few lines of the grid at a time: the scores; or, where the loss makes probabilities, the decision."""
        network = self.problem.network
        output, loss = network.graph.outputs[0], self.problem.loss
        sure = bool(self.problem.classes) and loss is not None and loss.probabilistic
        told = output if loss is None or not sure else loss.meaning(output)
        nodes = order((*network.graph.nodes, told))
        plane = jnp.broadcast_to(base, (rows, len(across), len(base)))

        def line(heights: Any) -> tuple[Any, Any]:
            places = plane.at[:, :, axes[1]].set(heights[:, None]).at[:, :, axes[0]].set(across)
            sources = network.sources(own, (places.reshape(-1, len(base)),)) | constants(nodes, base.dtype)
            found = evaluate(nodes, sources)[told].reshape(rows * len(across), -1)
            return (jnp.argmax(found, axis=1), jnp.max(found, axis=1)) if sure else (found, None)

        return jax.lax.map(line, up)


def _axis(table: Table, i: int) -> tuple[float, float]:
    """The range of a column that is shown."""
    low, high = range_of(table.features[:, i])
    if table.recipe.columns and table.recipe.columns[i].categories:
        return low, high
    reach = MARGIN * (high - low) or 1.0
    return low - reach, high + reach
