"""One step explained: forward, loss, backward with every product, update; and finite differences beside it."""

from collections.abc import Mapping
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from reseau.compiler import SOUND
from reseau.explorer.graph_view import check_rows, scalar
from reseau.explorer.problem import Problem
from reseau.explorer.replies import Reply
from reseau.explorer.trainer import OPTIMIZERS, Settings
from reseau.graph.backprop import evaluate
from reseau.inspect.describe import plain
from reseau.inspect.explain import Explanation, Pull, Step
from reseau.network import Network
from reseau.ops.activations import LeakyRelu, Relu
from reseau.ops.functions import Abs
from reseau.optimizers.wrappers import with_rate

__all__ = ["check_differences", "explain_step"]

CHECKED = 12  # entries of each parameter that are checked
PARAMETERS = 24  # parameters that are checked
MOST_PARAMETERS = 200_000  # numbers of a network whose differences are taken


def explain_step(problem: Problem, params: Mapping[str, Any], settings: Settings, row: int, rows: int) -> Reply:
    """The walk of backpropagation over the mean loss of some rows, and the step that follows."""
    walk, places = problem.walk, check_rows(problem, row, rows)
    given = problem.rows(places)
    ones = scalar(walk, walk.forward(params, *given).values, mean=problem.loss is not None)
    d_output: Any = tuple(ones[n] for n in walk.graph.outputs)
    found = walk.explain(params, *given, d_output[0] if len(d_output) == 1 else d_output)
    data = {
        "rows": places.tolist(),
        "spelled": found.spelled,
        "steps": [_step(s, _kinks(walk, found, s)) for s in found.steps],
        "scalar": "L, the mean loss of these rows" if problem.loss is not None else "L, the sum of the outputs",
        "optimizer": settings.optimizer,
        "rate": settings.rate,
        "update": _updates(problem, params, settings, found),
    }
    return Reply("explain", data)


def _step(step: Step, kinks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": step.name,
        "formula": step.formula,
        "value": step.value if step.value.dtype.kind in "fiub" else step.value.astype(str),
        "given": step.given,
        "cotangent": step.cotangent,
        "pulls": [_pull(p) for p in step.pulls],
        "source": step.is_source,
        "kinks": kinks,
    }


def _pull(pull: Pull) -> dict[str, Any]:
    return {
        "node": pull.node,
        "parent": pull.parent,
        "cotangent": pull.cotangent,
        "jacobian": pull.jacobian,
        "product": pull.product,
    }


def _kinks(walk: Network, found: Explanation, step: Step) -> list[dict[str, Any]]:
    """Entries at which a node has a kink: what it reads is exactly 0; and the subgradient that is taken there."""
    node = {plain(name): n for n, name in walk.graph.names.items()}[step.name]
    if not isinstance(node.op, Relu | LeakyRelu | Abs):
        return []
    read = next(s for s in found.steps if s.name == plain(walk.graph.names[node.parents[0]]))
    where = np.argwhere(read.value == 0)[:16]
    if not len(where):
        return []
    x = jnp.asarray(read.value)
    taken = np.asarray(node.op.backward(jnp.ones_like(x), node.op.forward(x), x)[0])
    return [{"entry": w.tolist(), "subgradient": float(taken[tuple(w)])} for w in where]


def _updates(
    problem: Problem, params: Mapping[str, Any], settings: Settings, found: Explanation
) -> list[dict[str, Any]]:
    """What the first step of the optimizer makes of every parameter with these derivatives, without a penalty."""
    graph = problem.network.graph
    if problem.loss is None or not graph.parameters:
        return []
    back = {s.name: s.cotangent for s in found.steps if s.is_source}
    own = {name: jnp.asarray(params[name]) for name in graph.parameters}
    gradients = {name: jnp.asarray(back[plain(name)]) for name in own if back.get(plain(name)) is not None}
    if set(gradients) != set(own):
        return []
    kind = next(iter(own.values())).dtype
    optimizer = with_rate(OPTIMIZERS[settings.optimizer], jnp.asarray(settings.rate, kind))
    first = optimizer.init({k: np.asarray(v) for k, v in own.items()})
    new, _ = optimizer.update(own, gradients, first, jnp.asarray(0))
    return [
        {"name": plain(k), "old": np.asarray(own[k]), "gradient": np.asarray(gradients[k]), "new": np.asarray(new[k])}
        for k in own
    ]


def check_differences(problem: Problem, params: Mapping[str, Any], row: int, rows: int) -> Reply:
    """Derivatives in float64 beside central differences of the same number, for some entries of every parameter."""
    walk, places = problem.walk, check_rows(problem, row, rows)
    graph = walk.graph
    shapes = {n: np.shape(params[n]) for n in graph.parameters}
    total = sum(prod(s) for s in shapes.values())
    if not 0 < total <= MOST_PARAMETERS or any(n.op is not None and n.op.host for n in graph.nodes):
        return Reply("differences", {"entries": [], "why": f"{total:,} parameters cannot be checked here"})
    with jax.enable_x64(True):
        wide: dict[str, Any] = {
            k: np.asarray(v, np.float64 if np.asarray(v).dtype.kind == "f" else None) for k, v in params.items()
        }
        given = problem.rows(places)
        run = walk.forward(wide, *given)
        ones = scalar(walk, run.values, mean=problem.loss is not None)
        back = walk.backward(run, *_outputs(walk, ones))
        sources = walk.sources(*walk.read(wide, given))
        start = np.cumsum([0, *(prod(s) for s in shapes.values())])

        def moved(pair: Any) -> Any:
            vector = jnp.concatenate([jnp.ravel(wide[n]) for n in shapes]).at[pair[0].astype(int)].add(pair[1])
            parts = zip(shapes.items(), start, strict=False)
            own = {graph.parameters[n]: vector[i : i + prod(s)].reshape(s) for (n, s), i in parts}
            found = evaluate(graph.nodes, sources | own)
            return sum(jnp.sum(ones[n] * found[n]) for n in graph.outputs)

        chosen = [
            (name, int(i), int(first) + int(i))
            for (name, shape), first in list(zip(shapes.items(), start, strict=False))[:PARAMETERS]
            for i in np.unique(np.linspace(0, prod(shape) - 1, min(CHECKED, prod(shape))).astype(int))
        ]
        steps = [6e-6 * max(abs(float(wide[name].flat[i])), 1e-2) for name, i, _ in chosen]
        pairs = [(float(k), s * h) for (_, _, k), h in zip(chosen, steps, strict=True) for s in (1, -1)]
        differences = jax.jit(lambda p: jax.lax.map(moved, p), compiler_options=SOUND)
        ends = np.asarray(differences(jnp.asarray(pairs))).reshape(-1, 2)
    entries: list[dict[str, Any]] = [
        {
            "name": plain(name),
            "entry": [int(k) for k in np.unravel_index(i, shapes[name])],
            "derivative": float(np.asarray(back.params[name]).flat[i]),
            "difference": float((high - low) / (2 * h)),
        }
        for (name, i, _), (high, low), h in zip(chosen, ends, steps, strict=True)
    ]
    worst = max(abs(e["derivative"] - e["difference"]) for e in entries)
    return Reply("differences", {"entries": entries, "worst": worst, "rows": places.tolist()})


def _outputs(walk: Network, ones: Mapping[Any, Any]) -> tuple[Any]:
    """What `backward` takes after the run: one array, or a tuple of them."""
    given = [ones[n] for n in walk.graph.outputs]
    return (given[0] if len(given) == 1 else tuple(given),)
