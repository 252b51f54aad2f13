"""One page that stands alone: a trained small network that a browser evaluates forward and backward by itself."""

import json
from base64 import b64encode
from collections.abc import Mapping
from functools import singledispatch
from importlib.resources import files
from typing import Any

import numpy as np

from reseau.errors import UnsupportedError
from reseau.explorer.data_view import describe_data
from reseau.explorer.graph_view import draw_graph
from reseau.explorer.problem import Problem
from reseau.explorer.replies import plain_numbers
from reseau.graph import Constant, Input, Node, Parameter
from reseau.inspect.describe import plain
from reseau.losses import AbsoluteError, CrossEntropy, Hinge, Logistic, SquaredError
from reseau.ops import Add, Affine, Divide, Multiply, Negative, Subtract
from reseau.ops.activations import Gelu, LeakyRelu, Relu, Sigmoid, Softplus, Tanh
from reseau.ops.base import Op, Shape
from reseau.ops.convolution import Conv
from reseau.ops.dropout import Dropout
from reseau.ops.pooling import MaxPool, pooling_windows
from reseau.ops.shapes import ReshapeTo

__all__ = ["page_of"]

MOST_ROWS = 500
MOST_BYTES = 2**23  # of the network's arrays

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>html,body{{margin:0;height:100%}}#explorer{{height:100%}}</style>
</head>
<body>
<main id="explorer"></main>
<script type="application/json" id="reseau-network">{network}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def page_of(problem: Problem, params: Mapping[str, Any]) -> str:
    """The page as text: it loads nothing, and holds the network, up to 500 rows, and the drawing.

    Raises:
        UnsupportedError: The network has an operation that the page cannot compute, or is too large.
    """
    network = json.dumps(plain_numbers(payload(problem, params)), allow_nan=False).replace("<", "\\u003c")
    script = (
        files("reseau.explorer").joinpath("explorer.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
    )
    title = problem.title.replace("&", "&amp;").replace("<", "&lt;")
    return PAGE.format(title=title, network=network, script=script)


def payload(problem: Problem, params: Mapping[str, Any]) -> dict[str, Any]:
    """What the page computes with."""
    graph, own = problem.walk.graph, problem.network.graph
    if len(own.inputs) != 1 or len(own.outputs) != 1:
        raise UnsupportedError("a page that stands alone shows one input and one output\n  fix: reseau explore")
    size = sum(np.asarray(params[n]).nbytes for n in graph.stored)
    if size > MOST_BYTES:
        raise UnsupportedError(
            f"the network has {size:,} bytes\n  fix: up to {MOST_BYTES:,} for a page; save it as ONNX"
        )
    place = {node: i for i, node in enumerate(graph.nodes)}
    shown = np.unique(np.linspace(0, problem.count - 1, min(problem.count, MOST_ROWS)).astype(int))
    held = () if problem.held is None else np.flatnonzero(np.isin(shown, problem.held))
    data = describe_data(problem)
    describe = {
        "title": problem.title,
        "note": "This page stands alone: it computes here, and nothing leaves it.",
        "playground": False,
        "local": True,
        "chosen": None,
        "own": None,
        "network": repr(problem.network),
        "parameters": int(sum(np.asarray(params[n]).size for n in own.parameters)),
        "nodes": len(graph.nodes),
        "outputs": list(own.outputs[0].shape[1:]),
        "trainable": False,
        "cores": 1,
        "loss": None,
        "data": None if data is None else data | {"rows": len(shown), "held": len(held)},
        "rows": len(shown),
        "shallow": False,
        "settings": {"optimizer": "", "rate": 0, "batch": 0, "penalty": "none", "strength": 0, "seed": 0},
        "progress": {"step": 0, "running": False, "error": ""},
        "sets": [],
        "activations": [],
        "optimizers": [],
        "penalties": [],
    }
    return {
        "describe": describe,
        "graph": draw_graph(graph, True).data,
        "nodes": [_node(problem, params, n, place) for n in graph.nodes],
        "output": place[own.outputs[0]],
        "inputs": _text(problem.inputs[0][shown]),
        "targets": None if problem.targets is None else _text(problem.targets[shown]),
        "rows": len(shown),
        "held": list(held),
        "unit": problem.unit,
    }


def _node(problem: Problem, params: Mapping[str, Any], node: Node, place: Mapping[Node, int]) -> dict[str, Any]:
    graph, source = problem.walk.graph, node.source
    name = graph.names[node]
    rows = node.op is not None or isinstance(source, Input)
    told: dict[str, Any] = {
        "name": plain(name),
        "op": "",
        "parents": [place[p] for p in node.parents],
        "shape": [int(n) for n in (node.shape[1:] if rows else node.shape)],
        "rows": rows,
        "settings": {},
        "role": "node",
    }
    if node.op is not None:
        kind, settings = _encoded(node.op, *(p.shape for p in node.parents))
        return told | {"op": kind, "settings": settings}
    if isinstance(source, Input):
        return told | {"role": "input"}
    value = source.value if isinstance(source, Constant) else params[name]
    return told | {
        "role": "parameter" if isinstance(source, Parameter) else "stored",
        "value": _text(np.asarray(value)),
    }


def _text(array: np.ndarray) -> str:
    """The entries as float32, in base64."""
    return b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()


@singledispatch
def _encoded(op: Op, *inputs: Shape) -> tuple[str, dict[str, Any]]:
    """Name and settings of an operation, as the engine of the page knows them."""
    raise UnsupportedError(
        f"a page that stands alone cannot compute {op.name!r}\n"
        "  fix: affine maps, convolutions of images, max-pooling, activations and arithmetic; or reseau explore"
    )


def _same_name(*kinds: type[Op]) -> None:
    for kind in kinds:
        _encoded.register(kind, lambda op, *inputs: (op.name, {}))


_same_name(Affine, Relu, Tanh, Sigmoid, Softplus, Add, Subtract, Multiply, Divide, Negative, Dropout)
_same_name(CrossEntropy, SquaredError, AbsoluteError, Logistic, Hinge)


@_encoded.register
def _(op: ReshapeTo, x: Shape, *read: Shape) -> tuple[str, dict[str, Any]]:
    if op.of_rows(x[1:]) is None:
        raise UnsupportedError("a page that stands alone keeps rows apart\n  fix: reseau explore")
    return op.name, {}


@_encoded.register
def _(op: LeakyRelu, *inputs: Shape) -> tuple[str, dict[str, Any]]:
    return op.name, {"slope": op.slope}


@_encoded.register
def _(op: Gelu, *inputs: Shape) -> tuple[str, dict[str, Any]]:
    if op.approximate:
        raise UnsupportedError("a page that stands alone has no approximate gelu\n  fix: rs.gelu(x)")
    return op.name, {}


@_encoded.register
def _(op: Conv, x: Shape, weight: Shape, *bias: Shape) -> tuple[str, dict[str, Any]]:
    if len(x) != 4 or op.flip:
        raise UnsupportedError("a page that stands alone has convolutions of images only\n  fix: reseau explore")
    w = op.correlation(x, tuple(int(n) for n in weight[:-2])).windows
    return op.name, {"stride": w.stride, "dilation": w.dilation, "pads": w.pads, "groups": op.groups}


@_encoded.register
def _(op: MaxPool, x: Shape) -> tuple[str, dict[str, Any]]:
    if len(x) != 4:
        raise UnsupportedError("a page that stands alone has pooling of images only\n  fix: reseau explore")
    w = pooling_windows(op, x)
    if set(w.dilation) != {1}:
        raise UnsupportedError("a page that stands alone has pooling without dilation\n  fix: reseau explore")
    return op.name, {"window": w.window, "stride": w.stride, "pads": w.pads}
