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

from reseau.data.table.recipe import Column, Recipe
from reseau.errors import DataError, ModelFileError
from reseau.graph import Graph, may_be_blank
from reseau.modelfiles.onnx.emit import Emitter
from reseau.ops.base import BATCH

__all__ = [
    "DOMAIN",
    "VERSION",
    "declare_columns",
    "feed_columns",
    "random_rows",
    "recipe_in",
    "recipe_of",
    "without_columns",
]

DOMAIN, VERSION = "ai.onnx.ml", 2  # the first version of LabelEncoder that maps between any two types
MOST_INPUTS = 1_000  # programs that run files take long to open one with many


def recipe_in(words: Mapping[str, str]) -> Recipe | None:
    """The recipe in the words beside a network; `ModelFileError` where it is damaged."""
    try:
        return Recipe.from_json(words["recipe"]) if "recipe" in words else None
    except DataError as error:
        raise ModelFileError(str(error)) from error


def recipe_of(words: Mapping[str, str], graph: Graph) -> Recipe | None:
    """The recipe in the words beside a network, if it is one for the columns of a table.

    Raises:
        ModelFileError: It is damaged, or not for the input of this network.
    """
    recipe = recipe_in(words)
    if recipe is None:
        return None
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


def without_columns(model: onnx.ModelProto, recipe: Recipe) -> onnx.ModelProto | None:
    """The model with one input in the place of its columns, as it was before them; nothing where they do not fit.

    A file of ours that another program changed is read so: the recipe in its words says what the columns are.
    """
    made = {name: node for node in model.graph.node for name in node.output}
    stored = {t.name for t in model.graph.initializer}
    declared = [i.name for i in model.graph.input if i.name not in stored]
    for node in model.graph.node:
        if node.op_type != "Concat" or len(node.input) != len(recipe.columns):
            continue
        chains = [_column(name, c, made) for name, c in zip(node.input, recipe.columns, strict=True)]
        if [root for root, _ in chains] != declared:
            continue
        gone = {node.output[0], *(name for _, names in chains for name in names)}
        kinds = [output.type.tensor_type.elem_type for output in model.graph.output]
        real = next((kind for kind in kinds if kind not in (TensorProto.INT64, TensorProto.STRING)), TensorProto.FLOAT)
        new = onnx.ModelProto()
        new.CopyFrom(model)
        del new.graph.node[:], new.graph.input[:]
        new.graph.node.extend(n for n in model.graph.node if n.output[0] not in gone)
        shape: list[str | int | None] = [BATCH, len(recipe.columns)]
        new.graph.input.append(helper.make_tensor_value_info(node.output[0], real, shape))
        return new
    return None


def _column(name: str, column: Column, made: Mapping[str, onnx.NodeProto]) -> tuple[str, list[str]]:
    """The input from which a joined value comes, if by the column's own encoder, and the values between them."""
    between = []
    while (node := made.get(name)) is not None and node.op_type in ("Cast", "LabelEncoder"):
        if node.op_type == "LabelEncoder":
            said = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            keys = tuple(k.decode(errors="replace") for k in said.get("keys_strings", ()))
            values = [*said.get("values_floats", ()), said.get("default_float")]
            if keys != column.categories or values != list(range(len(keys) + 1)):
                return "", []
        between.append(name)
        name = node.input[0]
    return name, between
