"""What is checked of a model before its file is put in place."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import onnx

from reseau import ops
from reseau.compile_cache import Kept
from reseau.compiler import QUICK
from reseau.data.table.recipe import Recipe
from reseau.errors import ModelFileError
from reseau.graph import Constant, Graph, Input, Node, is_text, on_host
from reseau.graph.backprop import constants, evaluate
from reseau.graph.piece_programs import PiecewiseEvaluation, is_large
from reseau.graph.row_independence import by_rows
from reseau.graph.values import WIDE, is_wide
from reseau.inference.folding import frozen
from reseau.inference.small import small
from reseau.modelfiles.onnx.class_maps import as_columns
from reseau.modelfiles.onnx.column_inputs import feed_columns, random_rows
from reseau.modelfiles.onnx.deferred import Deferred
from reseau.modelfiles.onnx.emit import Axes
from reseau.modelfiles.onnx.light_models import light
from reseau.ops.base import BATCH

__all__ = ["Written", "check"]

LENGTHS = (
    11,
    8,
)  # of axes that are only words: the first that the graph takes; 8 is a multiple of most that one counts in
ROWS = 2  # length of the batch axis in the comparison
FEW = 64  # entries
TOLERANCE = {"float64": 1e-9, "float32": 1e-3, "float16": 1e-1}  # relative to the largest output
LEAST = 1e-6  # onnxruntime's sigmoid and tanh are this far from the truth near 0


class Written(NamedTuple):
    """A model, and what it does not say itself.

    Attributes:
        model: Its message, without the large arrays.
        weights: These, by the names of their initializers.
        inputs: Which of our axes each axis of its inputs is.
        outputs: The same of its outputs.
        recipe: How columns become its one input.
    """

    model: onnx.ModelProto
    weights: Mapping[str, np.ndarray]
    inputs: list[Axes]
    outputs: list[Axes]
    recipe: Recipe | None = None


def check(path: Path, source: Path | bytes, written: Written, graph: Graph, params: Mapping[str, np.ndarray]) -> None:
    """Refuse a model that ONNX calls invalid, or, where onnxruntime is installed, that computes something else.

    `source` is the file that is to be put in place of `path`, or what is to stand in it.

    The comparison is left out where onnxruntime has no kernel for a type or refuses the made-up inputs, and where an
    operation is flat with jumps: two correct programs may round to different sides of a jump.
    """
    model = written.model
    try:
        if all(o.type.tensor_type.HasField("shape") for o in model.graph.output):
            onnx.checker.check_model(light(model), full_check=True)
        else:  # read later from a file that does not say its shape, which ONNX's checker asks for
            onnx.shape_inference.infer_shapes(light(model), check_type=True, strict_mode=True)
        recipe = written.recipe
        if any(n.op is not None and n.op.proxy for n in graph.nodes):
            return
        program = program_elsewhere(source, written)
        for given in trials(graph) if recipe is None else [[random_rows(recipe, graph, ROWS)]]:
            run = None if program is None else run_elsewhere(program, written, given, graph)
            own = None if run is None else run_here(graph, params, given)
            if run is not None and own is not None:
                compare(path, graph, run, own, coarsest(graph, params))
                break
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        said = str(error).strip().partition("\n")[0]
        raise ModelFileError(f"{path}: ONNX refuses the model: {said}\n  fix: save to .safetensors") from error


def trials(graph: Graph) -> Iterator[list[np.ndarray]]:
    """Batches for every input, at the lengths in turn where there are any."""
    named = any(isinstance(n, str) and n != BATCH for node in graph.inputs for n in node.shape)
    yield from (random_inputs(graph, length) for length in (LENGTHS if named else LENGTHS[:1]))


def random_inputs(graph: Graph, length: int) -> list[np.ndarray]:
    """A batch for every input: normal numbers, or zeros where indices are read."""
    generator = np.random.default_rng(0)
    given = []
    for node in graph.inputs:
        assert isinstance(node.source, Input)
        shape = tuple(ROWS if n == BATCH else length if isinstance(n, str) else n for n in node.shape)
        if is_text(node):
            given.append(np.full(shape, "a", object))
            continue
        real = node.source.dtype == "float" or jnp.issubdtype(np.dtype(node.source.dtype), jnp.floating)
        given.append(np.asarray(generator.standard_normal(shape)) if real else np.zeros(shape, node.source.dtype))
    return given


def program_elsewhere(source: Path | bytes, written: Written) -> Any:
    """The model in onnxruntime; `None` where it is not installed or has no kernel for a type."""
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.disable_prepacking", "1")  # weights laid out for calls to come
    if any(n.op_type == "DequantizeLinear" for n in written.model.graph.node):  # else it may quantize more
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    state = onnxruntime.capi.onnxruntime_pybind11_state
    try:
        return onnxruntime.InferenceSession(
            str(source) if isinstance(source, Path) else source, options, ["CPUExecutionProvider"]
        )
    except state.NotImplemented:
        return None
    except state.Fail as error:  # a kernel that does not take a setting, which a part from another file may have
        if "Exception during initialization" not in str(error):
            raise
        return None


def run_elsewhere(program: Any, written: Written, given: list[np.ndarray], graph: Graph) -> list[Any] | None:
    """The outputs by onnxruntime; `None` where it refuses the inputs."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = [o.name for o in written.model.graph.output]
    own = names[len(names) - len(graph.outputs) :]  # without the label, which stands before them
    try:
        outputs = program.run(own if len(own) < len(names) else None, feed(written, given))
    except (state.Fail, state.InvalidArgument, state.RuntimeException, RuntimeError, ValueError):
        return None  # inputs that are made up need not be ones that the graph can take: an index, a divisor
    # only what was read later may have other axes than it is known to have, and keeps them in order
    pairs = zip(map(as_array, outputs, graph.outputs), written.outputs, strict=True)
    return [
        y.transpose(np.argsort(axes)) if isinstance(y, np.ndarray) and y.ndim == len(axes) else y for y, axes in pairs
    ]


def as_array(output: Any, node: Node) -> Any:
    """An output of onnxruntime as the array that it stands for; a sequence as it is."""
    if not isinstance(output, list):
        return np.asarray(output)
    return as_columns(output, node.op.columns) if isinstance(node.op, ops.Identity) else output


def contiguous(array: np.ndarray) -> np.ndarray:
    """The array with its entries one after another; NumPy's own would give one without axes an axis."""
    return np.ascontiguousarray(array) if array.ndim else array


def feed(written: Written, given: list[np.ndarray]) -> dict[str, np.ndarray]:
    """The inputs of the file, by name."""
    inputs = written.model.graph.input
    if written.recipe is not None:
        return feed_columns(written.recipe, inputs, given[0])
    feeds = {}
    for declared, axes, array in zip(inputs, written.inputs, given, strict=True):
        dtype = onnx.helper.tensor_dtype_to_np_dtype(declared.type.tensor_type.elem_type)
        feeds[declared.name] = contiguous(array.astype(dtype).transpose(axes))
    return feeds


def run_here(graph: Graph, params: Mapping[str, np.ndarray], given: list[np.ndarray]) -> list[Any] | None:
    """The outputs by our own evaluation, in the precision of the parameters; nothing where the inputs do not fit.

    It runs once: the time goes into compilation, so that is what is spared.
    """
    dtype = next((v.dtype for v in params.values() if v.dtype.kind == "f"), np.dtype(np.float32))
    wide = is_wide(graph.nodes) or any(str(v.dtype) in WIDE for v in params.values())
    with jax.enable_x64(True) if wide else nullcontext():
        sources: dict[Node, Any] = {n: jax.device_put(params[name]) for name, n in graph.stored.items()}
        for node, array in zip(graph.inputs, given, strict=True):
            assert isinstance(node.source, Input)
            kind = dtype if node.source.dtype == "float" else node.source.dtype
            sources[node] = array if is_text(node) else jax.device_put(array.astype(kind))

        sources |= constants(graph.nodes, dtype)
        if (quick := by_numpy(graph, sources, dtype)) is not None:
            return quick
        late = on_host(graph)
        early = [n for n in graph.nodes if n.op is not None and n not in late]
        wanted = [n for n in early if n in graph.outputs or any(r in late for r in graph.consumers[n])]
        try:
            made = computed(early, wanted, sources) if wanted else []
            found = sources | dict(zip(wanted, made, strict=True))
            for n in late:
                op, values = n.op, [found[p] for p in n.parents]
                assert op is not None
                found[n] = op.once(*values) if isinstance(op, Deferred) else op.forward(*values)
            outputs = [found[n] for n in graph.outputs]
            return [y if isinstance(y, list) else np.asarray(y) for y in outputs]
        except (TypeError, ValueError, IndexError):
            return None


def by_numpy(graph: Graph, sources: Mapping[Node, Any], dtype: np.dtype[Any]) -> list[Any] | None:
    """The outputs of a small network as NumPy computes them, where compiling convolutions would take longer."""
    made = [n.op for n in graph.nodes if n.op is not None]
    if not any(isinstance(op, ops.Conv) for op in made) or any(op.host for op in made) or not by_rows(graph):
        return None
    steps = small(frozen(graph, {n: np.asarray(v) for n, v in sources.items() if n not in graph.inputs}), dtype)
    return steps([np.asarray(sources[n]) for n in graph.inputs]) if steps is not None else None


def computed(nodes: list[Node], wanted: list[Node], sources: Mapping[Node, Any]) -> list[Any]:
    """The values of some nodes by programs that are compiled in little time."""
    if is_large([*sources, *nodes]):
        return PiecewiseEvaluation(wanted)(sources)
    read = {p for n in nodes for p in n.parents if p.op is None}
    # small constants stay in the program, where some operations want their numbers
    passed = {n: v for n, v in sources.items() if n in read and (not isinstance(n.source, Constant) or v.size > FEW)}
    inside = {n: v for n, v in sources.items() if n in read and n not in passed}

    def compute(values: list[Any]) -> list[Any]:
        found = evaluate(nodes, dict(zip(passed, values, strict=True)) | inside)
        return [found[n] for n in wanted]

    found: list[Any] = Kept(compute, QUICK)(list(passed.values()))
    return found


def coarsest(graph: Graph, params: Mapping[str, np.ndarray]) -> float:
    """The rounding of numbers of 16 bits, relative to the largest output, where any are computed with; else 0."""
    said = {str(v.dtype) for v in params.values()}
    for node in graph.nodes:
        said.add(str(node.source.dtype if isinstance(node.source, Input) else getattr(node.op, "dtype", "")))
    return TOLERANCE["float16"] if said & {"float16", "bfloat16"} else 0.0


def compare(path: Path, graph: Graph, theirs: list[Any], ours: list[Any], coarse: float = 0.0) -> None:
    """Refuse where the outputs differ by more than rounding."""
    stack = list(zip(graph.outputs, theirs, ours, strict=True))
    while stack:
        node, a, b = stack.pop()
        if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            stack += ((node, *entries) for entries in zip(a, b, strict=True))
            continue
        if a is None and b is None:
            continue
        if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray) or a.shape != b.shape:
            raise other_value(path, graph, node)
        b = b.astype(np.float32) if b.dtype.kind == "V" else b  # V: bfloat16
        if b.dtype.kind == "O":
            if a.tolist() != b.tolist():
                raise other_value(path, graph, node)
            continue
        largest = max(float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b))), 1e-6)
        allowed = max(TOLERANCE.get(str(b.dtype), 1e-3), coarse) * largest + LEAST
        within = np.isclose(a, b, rtol=0, atol=allowed, equal_nan=True)
        if not within.all():
            raise other_value(path, graph, node)


def other_value(path: Path, graph: Graph, node: Node) -> ModelFileError:
    """The error of an output that differs by more than rounding."""
    return ModelFileError(
        f"{path}: onnxruntime gives another value of {graph.names[node]!r} than this network\n"
        "  fix: save to .safetensors, and report the network"
    )
