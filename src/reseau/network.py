"""The network a person holds: a graph, and every interpreter of it as a method."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from os import PathLike
from typing import Any, Literal
from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from reseau import inspect
from reseau.cache import Recent, shared_length
from reseau.data.table.recipe import Recipe
from reseau.errors import DataError, GraphError
from reseau.graph import Graph, Node, Parameter, State, is_text
from reseau.graph.backprop import Values, backprop, constants, evaluate
from reseau.graph.fork import check_process
from reseau.graph.results import Gradients, Run, one_or_tuple
from reseau.graph.row_independence import by_rows
from reseau.graph.values import (
    WIDE,
    Params,
    check_dtype,
    check_params,
    filled_up,
    first_rows,
    fixed_shape,
    placed,
    read_inputs,
)
from reseau.inference.parameters import Parameters, bits
from reseau.inference.predictor import PROGRAMS, ROWS_A_BLOCK, Predictor
from reseau.inference.programs import of_parameters
from reseau.modelfiles import formats as modelfile
from reseau.named_arguments import names_arguments
from reseau.ops.base import show_shape

__all__ = ["Gradients", "Network", "Run", "load"]

PARTS = 4  # numbers of rows, from one power of two to the next, that inference is compiled for
NO_WORDS: Mapping[str, str] = {}


@names_arguments
class Network:
    """A differentiable function given by a graph; its parameters are passed, never held.

    Args:
        inputs: One input node, or several.
        outputs: One node, or several; then calls return a tuple.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (4,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 8, name="hidden")), 3, name="logits"))
        >>> params = net.init(seed=0)
        >>> net(params, np.ones((2, 4))).shape
        (2, 3)
    """

    def __init__(self, inputs: Node | Sequence[Node], outputs: Node | Sequence[Node]) -> None:
        self.graph = Graph(inputs, outputs)
        self.metadata: dict[str, str] = {}

    @classmethod
    def of(cls, graph: Graph, metadata: Mapping[str, str] = NO_WORDS) -> "Network":
        """The network of a graph that is made already, and what its file says besides."""
        net = cls.__new__(cls)
        net.graph = graph
        net.metadata = dict(metadata)
        return net

    def __repr__(self) -> str:
        inputs = ", ".join(f"{n.name} {show_shape(n.shape)}" for n in self.graph.inputs)
        outputs = ", ".join(f"{self.graph.names[n]} {show_shape(n.shape)}" for n in self.graph.outputs)
        return f"<Network {inputs} -> {outputs}, {len(self.graph.nodes)} nodes>"

    def _repr_svg_(self) -> str | None:
        try:
            return self.draw()
        except GraphError:  # too dense to be read as a picture
            return None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Network":
        return self  # nodes are immutable, and recursion over a deep graph would fail

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies in other processes: the nodes in a flat list, since recursion over a deep graph would fail."""
        nodes = (*self.graph.inputs, *(n for n in self.graph.nodes if n not in self.graph.inputs))
        place = {n: i for i, n in enumerate(nodes)}
        flat = [(n.op, tuple(place[p] for p in n.parents), n.shape, n.name, n.source) for n in nodes]
        return _rebuilt, (flat, len(self.graph.inputs), [place[n] for n in self.graph.outputs], self.metadata)

    def init(self, seed: int = 0, dtype: str = "float32") -> dict[str, Array]:
        """Fresh parameters, `{"hidden.weight": ..., "hidden.bias": ...}`, with the stored states beside them.

        Each parameter is drawn from its own stream, keyed by the seed and its name: adding a layer does not change
        the others.
        """
        check_process()
        precision = check_dtype(dtype)
        values: dict[str, np.ndarray] = {}
        for name, node in (self.graph.stored).items():
            if isinstance(node.source, Parameter):
                generator = np.random.default_rng((seed, crc32(name.encode())))
                values[name] = node.source.initializer(generator, fixed_shape(node))
            elif isinstance(node.source, State):
                values[name] = node.source.value
        # NumPy converts without compiling anything
        return {k: jax.device_put(v.astype(precision) if v.dtype.kind == "f" else v) for k, v in values.items()}

    def __call__(self, params: Params, *inputs: ArrayLike) -> Any:
        """Inference, compiled for a few numbers of rows; the programs for the last 32 of them are kept.

        Where each row of the outputs is computed from its own row alone, rows are filled up to the next of four numbers
        from one power of two to the next, and what is computed for the others is dropped: a row's values are those that
        it has alone, up to rounding. A graph of 64 bits computes in 64 bits.
        """
        own, known = self._parameters.of(params)
        with bits(known.wide):
            given = self._given(inputs, known.precision)
            rows = len(given[0]) if given and self.by_rows and not known.placed and not placed(given) else 0
            size = shared_length(rows, PARTS)
            filled = given if size == rows else tuple(filled_up(np.asarray(x), size) for x in given)
            make = partial(of_parameters, self.graph, self.sources)
            found = self._programs.get(tuple(np.shape(x) for x in filled), make)(own, filled)
            return found if size == rows else jax.tree.map(lambda y: first_rows(y, rows), found)

    def compile(self, params: Params) -> Predictor:
        """The network with these parameters fixed, ready to answer: `predict(x)` is `net(params, x)` up to rounding.

        The parameters become part of the programs, batch normalization goes into the maps before it, checks are made
        once for each shape, and NumPy's arrays go in and come out as they are. Small networks of affine maps are
        computed by NumPy and compile nothing. Parameters that change later are not seen.

        Args:
            params: The parameters.

        Returns:
            A function of the inputs, which threads may share; see `inference.predictor.Predictor`.

        Raises:
            DataError: These are not the network's parameters.

        Example:
            >>> import numpy as np, reseau as rs
            >>> x = rs.input("x", (2,))
            >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 8)), 3))
            >>> predict = net.compile(net.init(seed=0))
            >>> predict(np.ones((5, 2))).shape
            (5, 3)
        """
        own, known = self._parameters.of(params)
        if any(n.op is not None and n.op.host for n in self.graph.nodes):
            return Predictor(self.graph, {}, known.precision, False, partial(self, own))
        with bits(known.wide):
            sources = dict(zip(self.graph.stored.values(), own.values(), strict=True))
            sources |= constants(self.graph.nodes, known.precision)
        return Predictor(self.graph, {n: np.asarray(v) for n, v in sources.items()}, known.precision, known.wide)

    def in_blocks(self, params: Params, *inputs: np.ndarray) -> Any:
        """Inference on any number of rows, in blocks of at most 1024 that are filled up to a power of two.

        Memory is bounded, and data of a new length compiles nothing once its block sizes were met. A network that joins
        rows, or may do so, is given all of them at once.

        Args:
            params: The parameters.
            inputs: One array for each input, rows first.

        Returns:
            The output as an array of NumPy; a tuple of them where there are several.
        """
        if not self.by_rows or not inputs:
            found = self(params, *inputs)
            return one_or_tuple([np.asarray(y) for y in (found if isinstance(found, tuple) else (found,))])
        n = len(inputs[0])
        rows = min(max(shared_length(n, 1), 1), ROWS_A_BLOCK)
        blocks = []
        for start in range(0, max(n, 1), rows):
            cut = [x[start : start + rows] for x in inputs]
            found = self(params, *(filled_up(x, rows) for x in cut))
            blocks.append([np.asarray(y)[: len(cut[0])] for y in (found if isinstance(found, tuple) else (found,))])
        return one_or_tuple([np.concatenate(parts) for parts in zip(*blocks, strict=True)])

    @cached_property
    def by_rows(self) -> bool:
        """Whether each row of the outputs is proved to be computed from its own row of the inputs alone."""
        return by_rows(self.graph)

    @cached_property
    def _programs(self) -> Recent[tuple[tuple[int, ...], ...], Any]:
        """Inference for the shapes of inputs that were asked for last."""
        return Recent(most=PROGRAMS)

    @cached_property
    def _parameters(self) -> Parameters:
        return Parameters(self.graph)

    def forward(self, params: Params, *inputs: ArrayLike) -> Run:
        """The forward pass of inference, every node's value kept."""
        with bits(self._parameters.wide(params)):
            own, given = self.read(params, inputs)
            arrays = [x if is_text(n) else jax.device_put(x) for n, x in zip(self.graph.inputs, given, strict=True)]
            return Run(self.graph, evaluate(self.graph.nodes, self.sources(own, arrays)))

    def backward(self, run: Run, d_output: Any) -> Gradients:
        """Backpropagation: the derivative at every node of the scalar whose derivative at the output is `d_output`.

        Args:
            run: What `forward` returned.
            d_output: An array shaped like the output; a tuple of them where there are several outputs.
        """
        with bits(self._parameters.wide(run.values)):
            found = backprop(self.graph.nodes, run.values, self.given(run, d_output))
            rest = ((n, v) for n, v in run.values.items() if n not in found)
            unused = {n: jnp.zeros_like(v) for n, v in rest if jnp.issubdtype(v.dtype, jnp.floating)}
        return Gradients(self.graph, unused | found)

    def given(self, run: Run, d_output: Any) -> Values:
        """The derivative at each output, shapes checked; the sum where one node is several outputs."""
        outputs = self.graph.outputs
        given = [d_output] if len(outputs) == 1 else list(d_output)
        if len(given) != len(outputs):
            raise DataError(
                f"the network has {len(outputs)} outputs, got {len(given)} derivatives\n  fix: one for each output"
            )
        cotangents: Values = {}
        for node, d in zip(outputs, given, strict=True):
            value = run.values[node]
            g = jnp.asarray(d, value.dtype)
            if g.shape != value.shape:
                raise DataError(
                    f"d_output has the shape {g.shape}, but {self.graph.names[node]!r} gave {value.shape}\n"
                    "  fix: give one derivative for each entry of the output"
                )
            cotangents[node] = cotangents[node] + g if node in cotangents else g
        return cotangents

    def read(self, params: Params, inputs: Sequence[ArrayLike]) -> tuple[dict[str, Array], tuple[Any, ...]]:
        """The parameters and inputs as arrays of one precision, names and shapes checked."""
        arrays, known = self._parameters.of(params)
        return arrays, self._given(inputs, known.precision)

    def _given(self, inputs: Sequence[ArrayLike], precision: np.dtype[Any]) -> tuple[Any, ...]:
        return read_inputs(self.graph.inputs, inputs, precision)

    def sources(self, params: Params, inputs: Sequence[Array]) -> Values:
        """Values of all the graph's sources."""
        own = self.graph.stored
        given = dict(zip(self.graph.inputs, inputs, strict=True))
        fixed = constants(self.graph.nodes, self._parameters.precision(params))
        return given | {n: params[name] for name, n in own.items()} | fixed

    def bounds(
        self, params: Params, low: Any, high: Any, *, without_rule: Literal["refuse", "unbounded"] = "refuse"
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The smallest and largest values of every node over a box of inputs: see `reseau.bounds.walk.bounds`."""
        from reseau.bounds.walk import bounds

        return bounds(self.graph, params, low, high, without_rule)

    def local(self, params: Params, x: ArrayLike) -> "inspect.AffinePiece":
        """The affine piece at one input: its slope, its offset, and how far it holds: see `inspect.local`."""
        return inspect.local(self.graph, params, x)

    def attribute(
        self,
        params: Params,
        X: ArrayLike,
        *,
        method: "inspect.Method" = "exact",
        baseline: ArrayLike = 0.0,
        output: int | None = None,
    ) -> "inspect.Attribution":
        """The share of each input in an output of each row, as numbers and as bars: see `inspect.attribute`."""
        return inspect.attribute(self.graph, params, X, method=method, baseline=baseline, output=output)

    def summary(self) -> "inspect.Summary":
        """A table of the nodes: output shape, parameters, multiply-adds, activation bytes, a batch of one."""
        return inspect.summary(self.graph)

    def draw(self, path: str | PathLike[str] | None = None, *, direction: str = "down") -> str:
        """The graph as SVG text, also written to `path`: see `inspect.draw`; `.png` needs the extra `plot`."""
        return inspect.draw(self.graph, path, direction=direction)

    def explain(self, params: Params, *inputs_and_d_output: ArrayLike) -> "inspect.Explanation":
        """The walk of backpropagation on a small graph, spelled out: order, local derivatives, products, sums.

        Args:
            params: The parameters.
            inputs_and_d_output: The inputs, then the derivative of the scalar at the output; with several outputs, a
                tuple of them.
        """
        *inputs, d_output = inputs_and_d_output
        run = self.forward(params, *inputs)
        with bits(self._parameters.wide(run.values)):
            given = self.given(run, d_output)
            return inspect.explain(self.graph, run.values, given, self.backward(run, d_output).cotangents)

    def diagnose(self, params: Params, *inputs: ArrayLike) -> "inspect.Diagnosis":
        """Per node, the norms of activation and derivative, dead units, the first value that is not finite.

        The scalar is the mean over the batch of the outputs, each with its own fixed sign: their plain sum would
        have no derivative after a softmax. `Objective.diagnose` uses the loss itself.
        """
        run = self.forward(params, *inputs)
        generator = np.random.default_rng(0)
        d_outputs = [mean_with_signs(generator, run.values[n].shape) for n in self.graph.outputs]
        return inspect.diagnose(self.graph, run.values, self.backward(run, one_or_tuple(d_outputs)).cotangents)

    def save(self, path: str | PathLike[str], params: Params, *, recipe: Recipe | None = None) -> None:
        """Write the network and its parameters to one file, in place only when it is whole.

        Args:
            path: The file, `.safetensors` or `.onnx`.
            params: The parameters.
            recipe: How rows of a table become the network's input, kept beside it for `load_recipe`. An ONNX file
                then reads the raw columns: see `onnx.write`.
        """
        check_params(self.graph.stored, params)
        words = self.metadata | ({} if recipe is None else {"recipe": recipe.to_json()})
        modelfile.write(path, self.graph, {k: np.asarray(v) for k, v in params.items()}, words)


@names_arguments
def load(
    path: str | PathLike[str],
    *,
    fixed: Mapping[str, Any] = modelfile.DECIDED.fixed,
    lengths: Mapping[str, int] = modelfile.DECIDED.lengths,
    batch: bool | None = None,
) -> tuple[Network, dict[str, Array]]:
    """The network and the parameters that `Network.save` wrote, or those of any other ONNX file.

    Args:
        path: The file, `.safetensors` or `.onnx`.
        fixed: For ONNX, values of inputs that the graph uses as shapes or settings; they are inputs no more.
        lengths: For ONNX, numbers for axes that the file only names, `{"sequence": 128}`; else a call gives them.
        batch: For ONNX, whether the first axis of the inputs is the batch; by default it is where the file leaves it
            open or says 1, and each row of the outputs is computed from its own row alone.

    Raises:
        ModelFileError: The file is missing, damaged, or not a model; the message names it.

    Example:
        >>> import tempfile, reseau as rs
        >>> x, path = rs.input("x", (2,)), tempfile.mkdtemp() + "/net.safetensors"
        >>> net = rs.Network(x, rs.affine(x, 3, name="out"))
        >>> net.save(path, net.init(seed=0))
        >>> again, params = rs.load(path)
        >>> again, sorted(params)
        (<Network x (batch, 2) -> out (batch, 3), 4 nodes>, ['out.bias', 'out.weight'])
    """
    check_process()
    graph, params, words = modelfile.read(path, modelfile.Choices(fixed, lengths, batch))
    return Network.of(graph, {k: v for k, v in words.items() if k != "recipe"}), arrays_of(params)


def arrays_of(params: Mapping[str, np.ndarray]) -> dict[str, Array]:
    """Arrays of JAX, those of 64 bits whole."""
    with jax.enable_x64(any(str(v.dtype) in WIDE for v in params.values()) or jnp.result_type(float) == np.float64):
        return {name: jax.device_put(v) for name, v in params.items()}


def _rebuilt(
    flat: Sequence[tuple[Any, ...]], inputs: int, outputs: Sequence[int], metadata: Mapping[str, str]
) -> Network:
    """The network that `__reduce__` took apart."""
    nodes: list[Node] = []
    for op, parents, shape, name, source in flat:
        nodes.append(Node(op, tuple(nodes[p] for p in parents), shape, name, source))
    return Network.of(Graph(nodes[:inputs], [nodes[p] for p in outputs]), metadata)


def mean_with_signs(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Derivative of the mean over the batch of Σ ±y, a sign for each entry of one example."""
    signs = generator.choice([-1.0, 1.0], shape[1:])
    return np.broadcast_to(signs / max(shape[0] if shape else 1, 1), shape)
