"""How the folder of a run is used, in five lines from Python and in five from onnxruntime."""

import json
from math import isfinite

from reseau.cli.model import Model
from reseau.report.document import Block, Code, Text

__all__ = ["usage_blocks"]

MOST_SPELLED = 40  # columns that are written out as an example


def usage_blocks(model: Model) -> tuple[Block, ...]:
    """The lines, and what the outputs mean; they run where the folder's files and the data stand."""
    return (
        Text("From Python, in this folder:"),
        Code(_python(model), "python"),
        Text("From onnxruntime, which needs nothing else, after `reseau convert . model.onnx`:"),
        Code(_onnxruntime(model), "python"),
        Text(_meaning(model)),
    )


def _python(model: Model) -> str:
    recipe = model.recipe
    if not recipe.columns:
        return "\n".join(
            [
                "import numpy as np, reseau as rs",
                'net, params = rs.load("model.safetensors")',
                f"examples = np.zeros((3, {', '.join(map(str, recipe.shape))}), np.float32)  # yours",
                "print(net.in_blocks(params, examples))",
            ]
        )
    return "\n".join(
        [
            "import reseau as rs",
            'net, params = rs.load("model.safetensors")',
            'recipe = rs.load_recipe("model.safetensors")',
            'rows = rs.data.read_rows(rs.data.read_sheet("new.csv"), recipe, target=False)',
            "print(net.in_blocks(params, recipe.clipped(rows.features)))",
        ]
    )


def _onnxruntime(model: Model) -> str:
    recipe = model.recipe
    lines = ["import numpy as np, onnxruntime", 'session = onnxruntime.InferenceSession("model.onnx")']
    if not recipe.columns:
        shape = ", ".join(map(str, recipe.shape))
        lines += [
            f"examples = np.zeros((3, {shape}), np.float32)  # yours",
            f"print(session.run({_outputs(model)}, {{session.get_inputs()[0].name: examples}}))",
        ]
        return "\n".join(lines)
    if len(recipe.columns) <= MOST_SPELLED:
        row: dict[str, str | float] = {
            c.name: c.categories[0] if c.categories else float(f"{c.mean:.3g}") for c in recipe.columns
        }
        assert all(isinstance(v, str) or isfinite(v) for v in row.values())
        lines.append(f"row = {json.dumps(row, ensure_ascii=False)}  # yours; np.nan where a number is blank")
    else:
        lines.append('row = {i.name: "" if "string" in i.type else 0.0 for i in session.get_inputs()}  # yours')
    return "\n".join(
        [
            *lines,
            'kind = {"tensor(string)": object}',
            "fed = {i.name: np.array([[row[i.name]]], kind.get(i.type, np.float32)) for i in session.get_inputs()}",
            f"print(session.run({_outputs(model)}, fed))",
        ]
    )


def _outputs(model: Model) -> str:
    """Which outputs of the file are asked for, as Python."""
    named = {"label", "probabilities", "scores"} & {c.name for c in model.recipe.columns}
    if not model.recipe.classes or named:  # an output has another name where a column has its own
        return "None"
    return str(["label", "scores" if model.loss == "hinge" else "probabilities"])


def _meaning(model: Model) -> str:
    """What the numbers that come out are."""
    recipe = model.recipe
    said = f"The output is {recipe.target}."
    if recipe.classes:
        few = ", ".join(recipe.classes[:10]) + (", …" if len(recipe.classes) > 10 else "")
        one = model.loss in ("logistic", "hinge")
        scores = f"one score, above 0 for {recipe.classes[1]}" if one else "one score for each class"
        said = f"There `label` is the class, `probabilities` are in the order {few}. From Python the output is {scores}"
        said += "; the probability is its logistic function." if one else "; the probabilities are its softmax."
        if model.loss == "hinge":
            said = f"There `label` is the class; `scores`, as the output from Python, is {scores}."
        if model.threshold is not None:
            said += f" {model.threshold.name} is decided from a probability of {model.threshold.probability:.4g} on."
    dates = [c for c in recipe.columns if c.part == "days"]
    if dates:
        first = ", ".join(f"{c.origin:g} of {c.source!r}" for c in dates)
        said += f" Dates come in parts, their days counted since 1970 less {first}."
    return said
