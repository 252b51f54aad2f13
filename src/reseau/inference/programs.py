"""The compiled programs of inference, the parameters given at each call or fixed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array

from reseau.compile_cache import Kept
from reseau.compiler import SOUND
from reseau.graph import Graph, is_text, on_host
from reseau.graph.backprop import Values, evaluate
from reseau.graph.compiler_options import options_of_inference
from reseau.graph.piece_programs import PiecewiseEvaluation, is_large
from reseau.graph.results import one_or_tuple
from reseau.inference.folding import Frozen

__all__ = ["MOST_CLOSED", "of_parameters", "with_parameters"]

Sources = Callable[[Mapping[str, Array], Sequence[Array]], Values]

MOST_CLOSED = 4 << 20
"""Bytes of parameters that are part of a program; more would be copied into the program of each number of rows."""


def of_parameters(graph: Graph, sources: Sources) -> Callable[..., Any]:
    """Inference as a function of the parameters and the inputs: a program of its own, let go when no longer kept."""
    if any(n.op is not None and n.op.host for n in graph.nodes):
        return _partly_compiled(graph, sources)

    if is_large(graph.nodes):
        outputs = PiecewiseEvaluation(graph.outputs)
        return lambda params, inputs: one_or_tuple(outputs(sources(params, inputs)))

    def infer(params: dict[str, Array], inputs: tuple[Array, ...]) -> Any:
        values = evaluate(graph.nodes, sources(params, inputs))
        return one_or_tuple([values[n] for n in graph.outputs])

    return Kept(infer, options_of_inference(graph.nodes, {}))


def _partly_compiled(graph: Graph, sources: Sources) -> Callable[..., Any]:
    """Inference with what does not depend on NumPy's operations compiled, and the rest one by one."""
    nodes, late = graph.nodes, on_host(graph)
    early = [n for n in nodes if n not in late]
    wanted = {p for n in late for p in n.parents if p.op is not None} | {n for n in graph.outputs if n.op}
    kept = [n for n in early if n.op is not None and n in wanted]
    numbers = [n for n in early if n.op is None and not is_text(n)]

    @partial(jax.jit, compiler_options=SOUND)
    def start(values: list[Array]) -> list[Array]:
        found = evaluate(early, dict(zip(numbers, values, strict=True)))
        return [found[n] for n in kept]

    def infer(params: dict[str, Array], inputs: tuple[Array, ...]) -> Any:
        given = sources(params, inputs)
        made = dict(zip(kept, start([given[n] for n in numbers]), strict=True)) if kept else {}
        values = evaluate([n for n in nodes if n in late], given | made)
        return one_or_tuple([values[n] for n in graph.outputs])

    return infer


def with_parameters(made: Frozen) -> Callable[[], Callable[..., tuple[Array, ...]]]:
    """What makes a program of the inputs alone, with all else fixed; of a large graph one in pieces, for all shapes."""
    if is_large(made.nodes):
        outputs, held = PiecewiseEvaluation(made.outputs), {n: jax.device_put(v) for n, v in made.held.items()}

        def in_pieces(*inputs: Array) -> tuple[Array, ...]:
            return tuple(outputs(held | dict(zip(made.inputs, inputs, strict=True))))

        return lambda: in_pieces
    kept, options = list(made.held), options_of_inference(made.nodes, made.held)

    def infer(values: Sequence[Any], inputs: Sequence[Array]) -> tuple[Array, ...]:
        found = evaluate(made.nodes, dict(zip(kept, values, strict=True)) | dict(zip(made.inputs, inputs, strict=True)))
        return tuple(found[n] for n in made.outputs)

    def closed() -> Callable[..., tuple[Array, ...]]:
        # within a program of its own, what is fixed is computed by XLA and not an operation at a time
        inner = jax.jit(infer)
        return Kept(lambda *inputs: inner(list(made.held.values()), inputs), options)

    if sum(v.nbytes for v in made.held.values()) <= MOST_CLOSED:
        return closed
    placed: list[Any] = [jax.device_put(np.asarray(v)) for v in made.held.values()]

    def open_program() -> Callable[..., tuple[Array, ...]]:
        program = Kept(lambda values, *inputs: infer(values, inputs), options)
        return lambda *inputs: program(placed, *inputs)

    return open_program
