"""The inputs of a file whose network reads a table: one for each raw column, texts as texts.

They are named as the columns are, and have the shape (batch, 1), as in the files of sklearn-onnx. A column of texts is
turned into the numbers of its categories by the LabelEncoder of ONNX's machine-learning operators; a blank or unknown
text gets the number after the last. Joined, they are the network's own input; a table of more than 1,000 columns keeps
that one input, (batch, columns), in which texts are numbers already.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from reseau.data.recipe import Recipe
from reseau.errors import DataError, ModelFileError
from reseau.graph import Graph, may_be_blank
from reseau.onnx.emit import Emitter
from reseau.ops.base import BATCH

__all__ = ["DOMAIN", "VERSION", "declare_columns", "feed_columns", "random_rows", "recipe_of"]

DOMAIN, VERSION = "ai.onnx.ml", 2
MOST_INPUTS = 1_000  # programs that run files take long to open one with many


def recipe_of(words: Mapping[str, str], graph: Graph) -> Recipe | None:
    """The recipe in the words beside a network, if it is one for the columns of a table.

    Raises:
        ModelFileError: It is damaged, or not for the input of this network.
    """
    if "recipe" not in words:
        return None
    try:
        recipe = Recipe.from_json(words["recipe"])
    except DataError as error:
        raise ModelFileError(str(error)) from error
    if [n.shape for n in graph.inputs] != [(BATCH, *recipe.shape)]:
        raise ModelFileError(
            f"the recipe is for one input of shape {recipe.shape}, the network reads "
            f"{', '.join(str(n.shape[1:]) for n in graph.inputs)}\n  fix: give the recipe that it was trained with"
        )
    return recipe if 0 < len(recipe.columns) <= MOST_INPUTS else None


def declare_columns(recipe: Recipe, w: Emitter) -> list[onnx.ValueInfoProto]:
    """The inputs of the file; the nodes that join them are put before those that are written already."""
    real = helper.np_dtype_to_tensor_dtype(w.precision)
    declared, nodes, joined = [], [], []
    for column in recipe.columns:
        name = _free(column.name, w)
        kind = TensorProto.STRING if column.categories else real
        declared.append(helper.make_tensor_value_info(name, kind, [BATCH, 1]))
        if column.categories:
            encoded, count = _free(f"{name}/number", w), len(column.categories)
            nodes.append(
                helper.make_node(
                    *("LabelEncoder", [name], [encoded], encoded),
                    domain=DOMAIN,
                    keys_strings=column.categories,
                    values_floats=[float(k) for k in range(count)],
                    default_float=float(count),
                )
            )
            name = encoded
            if real != TensorProto.FLOAT:
                name = _free(f"{encoded}/cast", w)
                nodes.append(helper.make_node("Cast", [encoded], [name], name, to=real))
        joined.append(name)
    label = w.label(w.graph.inputs[0])
    w.nodes[:0] = [*nodes, helper.make_node("Concat", joined, [label], label, axis=1)]
    return declared


def random_rows(recipe: Recipe, graph: Graph, rows: int) -> np.ndarray:
    """Rows as the network reads them: numbers like those of training, any category, blanks where they may be."""
    generator = np.random.default_rng(0)
    values = np.empty((rows, len(recipe.columns)))
    for i, column in enumerate(recipe.columns):
        if column.categories:
            values[:, i] = generator.integers(0, len(column.categories) + 1, rows)
        else:
            values[:, i] = column.mean + column.deviation * generator.standard_normal(rows)
            if may_be_blank(graph.inputs[0]):
                values[generator.integers(rows), i] = np.nan
    return values


def feed_columns(recipe: Recipe, inputs: Any, values: np.ndarray) -> dict[str, np.ndarray]:
    """What a program that runs the file is given for these rows."""
    fed = {}
    for declared, column, numbers in zip(inputs, recipe.columns, values.T, strict=True):
        if column.categories:
            known = numbers < len(column.categories)
            texts = [column.categories[int(k)] if ok else "" for k, ok in zip(numbers, known, strict=True)]
            fed[declared.name] = np.array(texts, object)[:, None]
        else:
            dtype = helper.tensor_dtype_to_np_dtype(declared.type.tensor_type.elem_type)
            fed[declared.name] = numbers.astype(dtype)[:, None]
    return fed


def _free(wanted: str, w: Emitter) -> str:
    """The name, or one with a number where a value of the network has it."""
    name, k = wanted, 1
    while name in w.taken or name in w.initializers:
        k += 1
        name = f"{wanted} ({k})"
    w.taken.add(name)
    return name
