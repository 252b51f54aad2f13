"""The objective F(θ) = weighted mean loss + Ω(θ), itself one more graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from reseau import inspect
from reseau.cache import Compiled, Recent, shared_length
from reseau.errors import DataError
from reseau.graph import Input, Node, apply_op, input, may_be_blank, on_host, order
from reseau.graph.backprop import Keep, Values, backprop, constants, evaluate, value_and_grad
from reseau.graph.content import content_of
from reseau.graph.fork import check_process
from reseau.graph.piece_programs import PiecewiseEvaluation, is_large
from reseau.graph.training_graph import TrainingGraph, training_graph
from reseau.graph.values import check_params, filled_up, precision_of, read_input
from reseau.inference.predictor import PROGRAMS, ROWS_A_BLOCK
from reseau.losses import Loss
from reseau.network import PARTS, Network
from reseau.objective.examples import Examples, _dtype_of, _read_target, _read_weights, finite, target, unmasked
from reseau.ops.arithmetic import Multiply
from reseau.ops.reduction import Sum
from reseau.optimizers.schedules import Schedule
from reseau.penalties import Penalty
from reseau.stored_programs import Content

__all__ = ["Objective"]


@dataclass(frozen=True, eq=False)
class Objective:
    """`F(θ) = Σ_i s_i l(f_θ(x_i), y_i) / Σ_i s_i + Ω(θ)`, with sample weights `s` (1 where none are given).

    Args:
        network: The network f.
        loss: The loss l; a tuple of losses where the network has several outputs, which are summed.
        penalty: Ω, or none.
        watch: Names and losses that are measured beside the loss, on validation data after each epoch, and that
            nothing is trained for; of a network with one output.
        dropout: What the rates of dropout are multiplied by at each step, a schedule from 0 to 1; else always 1.
        keep: `"sqrt"` trades activation memory for one more forward pass in each step, see `value_and_grad`.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(x, 1, name="line"))
        >>> objective = rs.Objective(net, loss=rs.losses.SquaredError(), penalty=rs.penalties.L2(1e-4))
        >>> params = net.init(seed=0)
        >>> value, grads = objective.value_and_grad(params, np.eye(2), np.zeros(2))
        >>> sorted(grads)
        ['line.bias', 'line.weight']
    """

    network: Network
    loss: Loss | tuple[Loss, ...]
    penalty: Penalty | None = None
    keep: Keep = "all"
    dropout: Schedule | None = None
    watch: tuple[tuple[str, Loss], ...] = ()

    def __post_init__(self) -> None:
        kinds: list[tuple[Any, Any, str]] = [
            (self.network, Network, "a Network"),
            *((loss, Loss, "one of reseau.losses, such as SquaredError()") for loss in self.losses),
            *((loss, Loss, "watch=(('MAE', AbsoluteError()),)") for _, loss in self.watch),
            (self.penalty, Penalty | None, "one of reseau.penalties, such as L2(1e-4)"),
            (self.dropout, Schedule | None, "dropout=FlatCosine(1.0, steps), one of reseau.optimizers' schedules"),
        ]
        for given, kind, cure in kinds:
            if not isinstance(given, kind):
                raise DataError(f"an objective cannot be made with {given!r}\n  fix: {cure}")
        if self.keep not in ("all", "sqrt"):
            raise DataError(f"keep={self.keep!r} cannot be used\n  fix: keep='all' or keep='sqrt'")
        outputs = self.network.graph.outputs
        if len(self.losses) != len(outputs):
            raise DataError(
                f"the network has {len(outputs)} outputs and the objective {len(self.losses)} losses\n"
                "  fix: give a tuple with one loss for each output"
            )
        if self.watch and len(outputs) != 1:
            raise DataError("watch= is for a network with one output\n  fix: leave watch out")
        late = on_host(self.network.graph)
        for node in outputs:
            if node in late:
                name, first = self.network.graph.names[node], late[node]
                causes = [f"node {self.network.graph.names[first]!r} ({first.kind}) works on texts"]
                raise DataError(
                    f"output {name!r} cannot be trained: {(getattr(first.op, 'causes', ()) or causes)[0]}\n"
                    "  fix: train the part before it, rs.Network(net.graph.inputs, net.graph['node before it']), or "
                    "give the numbers where an ONNX file is read, rs.onnx.read(path, fixed={'input': numbers}), or "
                    "rs.onnx.read(path, lengths={'axis': number})"
                )
        _ = self.root  # a loss or a penalty that does not fit the network is refused here

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies, in other processes too: what it was made of; its nodes and compiled programs are made anew."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    @property
    def losses(self) -> tuple[Loss, ...]:
        """One loss for each output."""
        return self.loss if isinstance(self.loss, tuple) else (self.loss,)

    @cached_property
    def by_rows(self) -> bool:
        """Whether each row's loss is known to be that of the row alone (one's own is not), and Ω to read no row."""
        known = all(type(loss).__module__.startswith("reseau.losses") for loss in self.losses)
        read = () if self.penalty is None else order((self.penalty.node(self.network.graph),))
        return self.network.by_rows and known and not any(isinstance(n.source, Input) for n in read)

    @cached_property
    def programs(self) -> Recent[Any, Any]:
        """The compiled training programs, by optimizer: a second fit compiles nothing."""
        return Recent(most=8)

    def content(self, *further: Any) -> str | None:
        """A digest of all that it is made of, and of further values; nothing where not all of that is seen."""
        own = self.network.graph, self.loss, self.penalty, self.keep, self.dropout, self.watch
        return content_of(*own, *further) if type(self) is Objective else None

    @cached_property
    def targets(self) -> tuple[Node, ...]:
        """The inputs of F that hold the targets."""
        return tuple(
            target("target" if len(self.losses) == 1 else f"target {i}", n, loss)
            for i, (loss, n) in enumerate(zip(self.losses, self.network.graph.outputs, strict=True))
        )

    @cached_property
    def weights(self) -> Node:
        """The input of F that holds the weight of each row of the batch in the mean."""
        return input("(weight)")

    @cached_property
    def strength(self) -> Node:
        """The input of F that multiplies Ω, 1 unless a sweep over strengths shares one compiled program."""
        return Node(None, (), (), "(penalty strength)", Input())

    def _value(self, outputs: tuple[Node, ...]) -> Node:
        """F as a node, from the nodes of the network's outputs."""
        terms = [
            apply_op(Sum((0,)), apply_op(Multiply(), apply_op(loss, u, y), self.weights))
            for loss, u, y in zip(self.losses, outputs, self.targets, strict=True)
        ]
        whole = terms[0]
        for term in terms[1:]:
            whole = whole + term
        return whole if self.penalty is None else whole + self.strength * self.penalty.node(self.network.graph)

    @cached_property
    def root(self) -> Node:
        """F as a node, the network as it is used."""
        return self._value(self.network.graph.outputs)

    @cached_property
    def training(self) -> tuple[Node, TrainingGraph]:
        """F as a node, the network as it is trained, and that training graph."""
        graph = training_graph(self.network.graph)
        return self._value(graph.outputs), graph

    def value_and_grad(
        self, params: Mapping[str, Array], X: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """F(θ) on these rows and its gradient, of the network as it is used (no dropout, running statistics).

        Args:
            params: The parameters.
            X: One array of inputs, or a tuple of them, rows first.
            y: The targets; a tuple of them where the network has several outputs.
            sample_weight: A weight for each row, at least 0; only their proportions matter.
        """
        return self.differentiate(params, self._shared(self.read(X, y, sample_weight, precision_of(params))))

    def differentiate(
        self, params: Mapping[str, Array], examples: Examples, strength: float = 1.0
    ) -> tuple[Array, dict[str, Array]]:
        """`value_and_grad` on data that was read before, with `strength` times the penalty."""
        checked, _ = self.network.read(params, examples.inputs)
        precision = precision_of(checked)
        mean = np.zeros(examples.inputs[0].shape[0], precision)  # rows beyond the weights count for nothing
        mean[: len(examples)] = examples.weights / len(examples)
        given = examples.inputs, examples.targets, jnp.asarray(mean), np.asarray(strength, precision)
        value, grads = self._value_and_grad(checked, *given)
        return value, dict(zip(self.network.graph.parameters, grads, strict=True))

    @cached_property
    def _value_and_grad(self) -> Any:
        wanted = tuple(self.network.graph.parameters.values())
        run = value_and_grad(self.root, wanted, keep=self.keep)

        def compute(
            params: dict[str, Array],
            inputs: tuple[Array, ...],
            targets: tuple[Array, ...],
            mean: Array,
            strength: Array,
        ) -> tuple[Array, tuple[Array, ...]]:
            value, grads, _ = run(self.sources(params, inputs, targets, mean, strength))
            return value, grads

        return Compiled(compute, PROGRAMS, content=Content.of(self.content(), "derivatives", lambda *_: (0, wanted)))

    def sources(
        self,
        params: Mapping[str, Array],
        inputs: tuple[Array, ...],
        targets: tuple[Array, ...],
        mean: Array,
        strength: Array | None = None,
    ) -> Values:
        """Values of all the sources of F; the penalty is multiplied by `strength`, by 1 where none is given."""
        given = self.network.sources(params, inputs)
        given |= dict(zip(self.targets, targets, strict=True))
        precision = precision_of(params)
        factor: Any = np.ones((), precision) if strength is None else strength
        return given | {self.weights: mean, self.strength: factor} | constants(self.nodes, precision)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node of F, in training and in use, in topological order."""
        from_training, graph = self.training
        return order((self.root, from_training, *graph.updates.values()))

    def evaluate(
        self, params: Mapping[str, Array], X: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> dict[str, float]:
        """Weighted mean loss (without Ω), and accuracy where the loss decides; in blocks of rows unless joined.

        Returns:
            `{"loss": ...}`, and `"accuracy"` for classification losses; with several outputs each entry carries the
            number of its output: `"loss 0"`.
        """
        examples = self._shared(self.read(X, y, sample_weight, precision_of(params)))
        own = self.network.graph.stored
        check_params(own, params)
        return self.measure({name: params[name] for name in own}, examples)

    def _shared(self, examples: Examples) -> Examples:
        """The examples in arrays of one of a few lengths, where rows beside them change nothing."""
        size = shared_length(len(examples), PARTS)
        if size == len(examples) or not self.by_rows:
            return examples
        given = (examples.inputs, examples.targets)
        inputs, targets = jax.device_put(jax.tree.map(lambda a: filled_up(np.asarray(a), size), given))
        return Examples(inputs, targets, examples.weights)

    def measure(self, params: dict[str, Array], examples: Examples) -> dict[str, float]:
        """`evaluate` on data that was read before."""
        return self.means([self.block_sums(params, examples, at) for at in self.blocks(examples)], len(examples))

    def value(self, params: dict[str, Array], examples: Examples, strength: float = 1.0) -> float:
        """F(θ) on data that was read before, with `strength` times the penalty; no derivatives, in blocks of rows."""
        means = self.measure(params, examples)
        loss = means["loss"] if len(self.losses) == 1 else sum(means[f"loss {i}"] for i in range(len(self.losses)))
        if self.penalty is None:
            return loss
        graph = self.network.graph
        nodes = order((self.penalty.node(graph),))
        given: Values = {n: params[name] for name, n in graph.parameters.items()}
        penalty = evaluate(nodes, given | constants(nodes, precision_of(params)))[nodes[-1]]
        return loss + strength * float(penalty)

    def blocks(self, examples: Examples) -> range:
        """Where the blocks of rows begin in which `measure` goes through the data."""
        return range(0, len(examples), self._block_rows(examples))

    def _block_rows(self, examples: Examples) -> int:
        """Rows of a block: all of them where they are not computed each alone."""
        length = examples.inputs[0].shape[0]
        return min(ROWS_A_BLOCK, length) if self.by_rows else length

    def block_sums(self, params: dict[str, Array], examples: Examples, start: int) -> np.ndarray:
        """What `measure` returns, summed over the rows of a block, in the precision of the parameters."""
        dtype, rows = precision_of(params), self._block_rows(examples)
        stop = min(start + rows, len(examples))
        where = np.zeros(rows, np.int32)
        where[: stop - start] = np.arange(start, stop)
        weights = np.zeros(rows, dtype)
        weights[: stop - start] = examples.weights[start:stop]
        return np.asarray(self._measure(params, examples.inputs, examples.targets, where, weights))

    def means(self, sums: Sequence[np.ndarray], rows: int) -> dict[str, float]:
        """What `measure` returns, from the sums over all blocks in their order."""
        total = sum((block.astype(np.float64) for block in sums[1:]), sums[0].astype(np.float64))
        return {name: float(v) for name, v in zip(self.measured, total / rows, strict=True)}

    @cached_property
    def measured(self) -> tuple[str, ...]:
        """What `evaluate` returns."""
        names = []
        for i, loss in enumerate(self.losses):
            kinds = ["loss", "accuracy"] if type(loss).correct is not Loss.correct else ["loss"]
            names += kinds if len(self.losses) == 1 else [f"{k} {i}" for k in kinds]
        return (*names, *(name for name, _ in self.watch))

    @cached_property
    def _measure(self) -> Any:
        graph = self.network.graph

        def sums_of(outputs: Sequence[Array], targets: tuple[Array, ...], where: Array, weights: Array) -> list[Array]:
            sums = []
            for loss, scores, y in zip(self.losses, outputs, targets, strict=True):
                target = y[where]
                sums.append(jnp.sum(weights * loss.forward(scores, target)))
                right = loss.correct(scores, target)
                if right is not None:
                    sums.append(jnp.sum(weights * right))
            for _, loss in self.watch:
                sums.append(jnp.sum(weights * loss.forward(outputs[0], targets[0][where])))
            return sums

        def sources(params: dict[str, Array], inputs: tuple[Array, ...], where: Array) -> Values:
            return self.network.sources(params, [x[where] for x in inputs])

        if is_large(graph.nodes):
            outputs, sums = PiecewiseEvaluation(graph.outputs), Compiled(sums_of, PROGRAMS)
            return lambda params, inputs, targets, where, weights: sums(
                outputs(sources(params, inputs, where)), targets, where, weights
            )

        def compute(
            params: dict[str, Array],
            inputs: tuple[Array, ...],
            targets: tuple[Array, ...],
            where: Array,
            weights: Array,
        ) -> list[Array]:
            values = evaluate(graph.nodes, sources(params, inputs, where))
            return sums_of([values[n] for n in graph.outputs], targets, where, weights)

        return Compiled(compute, PROGRAMS, content=Content.of(self.content(), "measures", lambda *_: [*self.measured]))

    def diagnose(self, params: Mapping[str, Array], X: Any, y: Any) -> "inspect.Diagnosis":
        """`Network.diagnose` with the derivatives of the mean loss on these rows."""
        examples = self.read(X, y, None, precision_of(params))
        checked, _ = self.network.read(params, examples.inputs)
        mean = jnp.full(len(examples), 1 / len(examples), precision_of(checked))
        nodes = order((self.root,))
        kept, back = self._walk(checked, examples.inputs, examples.targets, mean)
        values, found = ({n: v for n, v in zip(nodes, part, strict=True) if v is not None} for part in (kept, back))
        return inspect.diagnose(self.network.graph, values, found)

    @cached_property
    def _walk(self) -> Any:
        nodes = order((self.root,))

        def compute(
            params: dict[str, Array], inputs: tuple[Array, ...], targets: tuple[Array, ...], mean: Array
        ) -> tuple[list[Array | None], list[Array | None]]:
            values = evaluate(nodes, self.sources(params, inputs, targets, mean))
            found = backprop(nodes, values, {self.root: jnp.ones_like(values[self.root])})
            return [values.get(n) for n in nodes], [found.get(n) for n in nodes]

        return Compiled(compute, PROGRAMS)

    def read(self, X: Any, y: Any, sample_weight: ArrayLike | None, precision: np.dtype[Any]) -> Examples:
        """The data as arrays in the right types and shapes, or one error that names what is wrong."""
        check_process()
        found = self.checked(X, y, sample_weight, precision)
        inputs, targets = jax.device_put((found.inputs, found.targets))
        return Examples(inputs, targets, found.weights)

    def checked(self, X: Any, y: Any, sample_weight: ArrayLike | None, precision: np.dtype[Any]) -> Examples:
        """As `read`, but what NumPy holds stays there."""
        given, nodes = X if isinstance(X, tuple) else (X,), self.network.graph.inputs
        if len(given) != len(nodes):
            raise DataError(f"the network reads {len(nodes)} inputs, got {len(given)}\n  fix: give X as a tuple")
        inputs = tuple(
            read_input(n, finite(x, f"input {n.name!r}", _dtype_of(n, precision), may_be_blank(n)), precision)
            for n, x in zip(nodes, given, strict=True)
        )
        n = inputs[0].shape[0]
        if n == 0:
            raise DataError("there is no row in the data\n  fix: at least one row")
        wanted = y if isinstance(y, tuple) else (y,)
        if len(wanted) != len(self.losses):
            raise DataError(
                f"the objective has {len(self.losses)} targets, got {len(wanted)}\n"
                "  fix: a tuple, one array for each loss"
            )
        axes = [pair for node, x in zip(nodes, inputs, strict=True) for pair in zip(node.shape, x.shape, strict=True)]
        lengths = {word: length for word, length in axes if isinstance(word, str)}
        targets = tuple(
            _read_target(loss, node, out.shape, unmasked(t, "the target"), precision, lengths)
            for loss, node, out, t in zip(self.losses, self.targets, self.network.graph.outputs, wanted, strict=True)
        )
        for what, rows in [("inputs", [x.shape[0] for x in inputs]), ("targets", [t.shape[0] for t in targets])]:
            if any(r != n for r in rows):
                raise DataError(
                    f"the {what} have {' and '.join(map(str, rows))} rows, the first input has {n}\n"
                    "  fix: as many rows in each"
                )
        return Examples(inputs, targets, _read_weights(sample_weight, n))
