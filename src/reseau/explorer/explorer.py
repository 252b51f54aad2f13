"""The explorer: one object that answers commands about a network, and holds no code of any interface."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import count
from typing import Any

import numpy as np

from reseau.compile_cache import cores
from reseau.data import Table
from reseau.errors import DataError, ReseauError
from reseau.explorer import commands as c
from reseau.explorer.data_view import attribution, confusion, describe_data, list_rows, points
from reseau.explorer.datasets import DATASETS, generate
from reseau.explorer.graph_view import Inspector, Statistician, draw_graph
from reseau.explorer.problem import PENALTIES, Problem, Shape, build
from reseau.explorer.replies import Reply
from reseau.explorer.standalone_page import page_of
from reseau.explorer.step_view import check_differences, explain_step
from reseau.explorer.surface_view import Surveyor
from reseau.explorer.theory_view import (
    certificate,
    is_shallow,
    moved,
    optimum,
    pieces,
    plain_layers,
    rescaled,
    simplified,
)
from reseau.explorer.trainer import OPTIMIZERS, Moment, Settings, Trainer
from reseau.explorer.transfers import model_bytes, python_script, read_table, run_bytes
from reseau.graph.cost import size
from reseau.layers.hidden import ACTIVATIONS

__all__ = ["Explorer", "playground"]

MOST_STEPS = 10_000_000
PATIENCE = 5.0  # seconds until a reply does not wait for steps any longer
EARLIER = 6  # curves of this session that are kept for comparison


def playground() -> Problem:
    """The problem that is there before anything is chosen: three spirals."""
    return build(generate("spirals", 300, 0.1, 0), Shape(), 0, DATASETS["spirals"].title)


class Explorer:
    """A network that is looked at, trained and changed by commands.

    Args:
        problem: What is explored; without one, the playground, whose data and network can be chosen.
        moments: Checkpoints of the run, for the slider.
        tell: Takes events: what there is to say while training runs, about ten times a second, in another thread.

    Example:
        >>> explorer = Explorer()
        >>> explorer.answer({"command": "steps", "count": 3}).data["step"]
        3
    """

    def __init__(
        self,
        problem: Problem | None = None,
        moments: Sequence[Moment] = (),
        tell: Callable[[Reply], None] = lambda reply: None,
    ) -> None:
        self.lock = threading.Lock()
        self.tell = tell
        self.chosen = c.Build("spirals") if problem is None else None
        self.own: tuple[str, bytes, Table, tuple[str, ...]] | None = None
        self.earlier: list[dict[str, Any]] = []
        self.checkpoints, self.runs = tuple(moments), count()
        self._begin(playground() if problem is None else problem, Settings())

    def answer(self, message: Any, buffers: Sequence[bytes | memoryview] = ()) -> Reply:
        """The reply to one message; whatever is wrong with it is a reply of the kind "error".

        Args:
            message: `{"command": name, ...}`, see `commands`.
            buffers: Bytes that come with it: the file of `load`.
        """
        try:
            command = c.read_command(message)
            with self.lock:
                return self._do(command, buffers)
        except ReseauError as error:
            return Reply("error", {"text": str(error)})

    def answer_page(self, message: Any, buffers: Sequence[bytes | memoryview] = ()) -> Reply:
        """`answer` for a carrier: a fault of this program is told, too, and the page goes on."""
        try:
            return self.answer(message, buffers)
        except Exception as error:
            return Reply("error", {"text": f"{type(error).__name__}: {error}\n  fix: report it, and reload the page"})

    def close(self) -> None:
        """End the training thread."""
        with self.lock:
            self.trainer.stop()

    def _do(self, command: c.Command, buffers: Sequence[bytes | memoryview]) -> Reply:
        """Look a command up, and do it."""
        if isinstance(command, c.LoadTable):
            return self._load(command, buffers)
        return ACTIONS[type(command)](self, command)

    def _begin(self, problem: Problem, settings: Settings) -> None:
        """Take up another problem."""
        self.problem = problem
        self.trainer = Trainer(problem, settings, self._progress, self.runs)
        self.trainer.moments = [*self.checkpoints, *self.trainer.moments]
        self.statistician: Statistician | None = None
        self.surveyor: Surveyor | None = None
        self.inspector = Inspector(problem)

    def _progress(self, data: dict[str, Any]) -> None:
        self.tell(Reply("progress", data))

    def describe(self) -> Reply:
        """What is explored, and where training stands."""
        problem, trainer = self.problem, self.trainer
        graph = problem.network.graph
        data = {
            "title": problem.title,
            "note": problem.note,
            "playground": self.chosen is not None,
            "chosen": None if self.chosen is None else asdict(self.chosen),
            "own": None if self.own is None else {"name": self.own[0], "columns": self.own[3]},
            "network": repr(problem.network),
            "parameters": sum(size(n.shape) for n in graph.parameters.values()),
            "nodes": len(graph.nodes),
            "outputs": list(graph.outputs[0].shape[1:]),
            "trainable": problem.loss is not None and problem.table is not None and bool(graph.parameters),
            "cores": cores(),
            "loss": None if problem.loss is None else type(problem.loss).__name__,
            "data": describe_data(problem),
            "rows": problem.count,
            "shallow": is_shallow(problem, trainer.params),
            "settings": asdict(trainer.settings),
            "progress": trainer.progress(),
            "sets": [{"name": n, "title": d.title, "inputs": d.inputs} for n, d in DATASETS.items()]
            + [{"name": "digits", "title": "handwritten digits", "inputs": 64}],
            "activations": list(ACTIVATIONS),
            "optimizers": list(OPTIMIZERS),
            "penalties": list(PENALTIES),
        }
        return Reply("describe", data)

    def progress(self, kind: str) -> Reply:
        """Where training stands, with the curve."""
        curve = np.array(self.trainer.curve, np.float64).reshape(-1, 3)
        moments = [{"step": m.step, "source": m.source} for m in self.trainer.moments]
        data = self.trainer.progress() | {"kept": moments, "earlier": self.earlier}
        return Reply(kind, data, dict(zip(("steps", "loss", "validation"), curve.T, strict=True)))

    def build(self, command: c.Build) -> Reply:
        """Another data set or another network, in the playground."""
        if self.chosen is None:
            raise DataError("this is a model, not the playground\n  fix: reseau explore without a model")
        shape = Shape(command.hidden, command.filters, command.activation)
        if command.data == "own":
            if self.own is None:
                raise DataError("no table was loaded\n  fix: drop a CSV file on the page")
            table, title = self.own[2], self.own[0]
        else:
            table = generate(command.data, command.rows, command.noise, command.seed)
            title = "handwritten digits" if command.data == "digits" else DATASETS[command.data].title
        problem = build(table, shape, command.seed, title)
        self.trainer.stop()
        self._remember()
        self.chosen = command
        self._begin(problem, replace(self.trainer.settings, seed=command.seed))
        return self.describe()

    def _load(self, command: c.LoadTable, buffers: Sequence[bytes | memoryview]) -> Reply:
        """A table that the page sends; another target of the same table needs no bytes."""
        if self.chosen is None:
            raise DataError("this is a model, not the playground\n  fix: reseau explore MODEL --data ROWS.csv")
        if len(buffers) == 1:
            content = bytes(buffers[0])
        elif self.own is not None and self.own[0] == command.name:
            content = self.own[1]
        else:
            raise DataError("the message brings no file\n  fix: drop the file on the page again")
        table, names = read_table(content, command.name, command.target)
        before = self.own
        self.own = (command.name, content, table, names)
        try:
            return self.build(replace(self.chosen, data="own", filters=()))
        except ReseauError:
            self.own = before
            raise

    def configure(self, command: c.Configure) -> Reply:
        """Other settings."""
        self.trainer.configure(Settings(**asdict(command), seed=self.trainer.settings.seed))
        return self.progress("configure")

    def run(self, command: c.Run) -> Reply:
        """Start."""
        self.trainer.start()
        return self.progress("run")

    def pause(self, command: c.Pause) -> Reply:
        """Stop."""
        self.trainer.stop()
        return self.progress("pause")

    def steps(self, command: c.Steps) -> Reply:
        """So many steps."""
        if not 1 <= command.count <= MOST_STEPS:
            raise DataError(f"{command.count} steps cannot be taken\n  fix: 1 to {MOST_STEPS:,}")
        self.trainer.start(command.count)
        self.trainer.wait(PATIENCE)
        return self.progress("steps")

    def reset(self, command: c.Reset) -> Reply:
        """Start again."""
        trainer = self.trainer
        trainer.stop()
        self._remember()
        trainer.settings = replace(trainer.settings, seed=command.seed)
        trainer.params = self.problem.parameters(command.seed)
        trainer.begin()
        return self.progress("reset")

    def rewind(self, command: c.Rewind) -> Reply:
        """Put back the parameters of a moment; training goes on from there."""
        moments = self.trainer.moments
        if not 0 <= command.moment < len(moments):
            raise DataError(f"there is no moment {command.moment + 1}\n  fix: 1 to {len(moments)}")
        self.trainer.rewind(command.moment)
        return self.progress("rewind")

    def _remember(self) -> None:
        """Keep the curve of the run that ends, to compare with."""
        curve = self.trainer.curve
        if len(curve) > 1:
            s, kept = self.trainer.settings, curve[:: max(1, len(curve) // 200)]
            label = f"{s.optimizer} {s.rate:g}, batch {s.batch}"
            label += f", {s.penalty} {s.strength:g}" if s.penalty != "none" else ""
            told = {"label": f"{self.problem.title}: {label}, seed {s.seed}", "curve": [list(p) for p in kept]}
            self.earlier = [*self.earlier, told][-EARLIER:]

    def statistics(self, command: c.Statistics) -> Reply:
        """Of every node."""
        if self.statistician is None or self.statistician.problem is not self.problem:
            self.statistician = Statistician(self.problem)
        return self.statistician.statistics(self.trainer.params)

    def surface(self, command: c.Surface) -> Reply:
        """Predictions over a line or a plane."""
        if self.surveyor is None or self.surveyor.problem is not self.problem:
            self.surveyor = Surveyor(self.problem)
        k = command
        return self.surveyor.surface(self.trainer.params, k.first, k.second, k.row, k.size, k.reach)

    def measure(self, command: c.Measure) -> Reply:
        """What the loss is now, where no step has told it."""
        self.trainer.measure()
        return self.progress("measure")

    def edit(self, command: c.Edit) -> Reply:
        """One entry of a parameter."""
        params = {k: v.copy() for k, v in self.trainer.params.items()}
        value = params.get(command.name)
        if value is None or not 0 <= command.entry < value.size:
            raise DataError(f"{command.name!r} has no entry {command.entry}\n  fix: choose a parameter that is there")
        value.flat[command.entry] = command.value
        self.trainer.put(params)
        return self.progress("edit")

    def change(self, kind: str, params: Mapping[str, np.ndarray]) -> Reply:
        """Take other parameters, and tell the pieces they make."""
        self.trainer.put(params)
        return replace(pieces(self.problem, self.trainer.params), kind=kind)

    def simplify(self, command: c.Simplify) -> Reply:
        """Balance, merge or prune; a network that becomes narrower is another graph."""
        self.trainer.stop()
        problem, params = simplified(self.problem, self.trainer.params, command.how)
        if problem is not self.problem:
            self._remember()
            self._begin(problem, self.trainer.settings)
            layers = plain_layers(problem)
            if self.chosen is not None and layers is not None:
                self.chosen = replace(self.chosen, hidden=(params[layers.bias].size,))
        return self.change("simplify", params)

    def save(self, command: c.Save) -> Reply:
        """The network as bytes for a download."""
        problem, params = self.problem, self.trainer.params
        if command.kind in ("onnx", "safetensors"):
            name, content = f"network.{command.kind}", model_bytes(problem, params, command.kind)
        elif command.kind == "run":
            name, content = "explored-run.zip", run_bytes(problem, params, self.trainer.curve)
        elif command.kind == "page":
            name, content = "network.html", page_of(problem, params).encode()
        elif command.kind == "python" and self.chosen is not None and self.chosen.data != "own":
            shape = Shape(self.chosen.hidden, self.chosen.filters, self.chosen.activation)
            text = python_script(asdict(self.chosen), shape, self.trainer.settings, self.trainer.step)
            name, content = "network.py", text.encode()
        else:
            raise DataError(f"this cannot be saved as {command.kind!r}\n  fix: onnx, safetensors, run or page")
        return Reply("save", {"name": name}, {"file": np.frombuffer(content, np.uint8)})


Action = Callable[[Explorer, Any], Reply]

ACTIONS: dict[type, Action] = {
    c.Describe: lambda e, k: e.describe(),
    c.Build: Explorer.build,
    c.Configure: Explorer.configure,
    c.Run: Explorer.run,
    c.Pause: Explorer.pause,
    c.Steps: Explorer.steps,
    c.Reset: Explorer.reset,
    c.Rewind: Explorer.rewind,
    c.Curve: lambda e, k: e.progress("curve"),
    c.DrawGraph: lambda e, k: draw_graph(e.problem.walk.graph, k.folded),
    c.Statistics: Explorer.statistics,
    c.Inspect: lambda e, k: e.inspector.inspect(e.trainer.params, k.node, k.row),
    c.Points: lambda e, k: points(e.problem, k.first, k.second),
    c.Surface: Explorer.surface,
    c.Measure: Explorer.measure,
    c.ListRows: lambda e, k: list_rows(e.problem, e.trainer.params, k.part, (k.true, k.predicted), k.offset, k.count),
    c.Confusion: lambda e, k: confusion(e.problem, e.trainer.params, k.part),
    c.Attribute: lambda e, k: attribution(e.problem, e.trainer.params, k.row),
    c.ExplainStep: lambda e, k: explain_step(e.problem, e.trainer.params, e.trainer.settings, k.row, k.rows),
    c.CheckDifferences: lambda e, k: check_differences(e.problem, e.trainer.params, k.row, k.rows),
    c.Edit: Explorer.edit,
    c.Pieces: lambda e, k: pieces(e.problem, e.trainer.params),
    c.MoveNeuron: lambda e, k: e.change("move", moved(e.problem, e.trainer.params, k.neuron, k.weights, k.bias)),
    c.Rescale: lambda e, k: e.change("rescale", rescaled(e.problem, e.trainer.params, k.neuron, k.factor)),
    c.Simplify: Explorer.simplify,
    c.Optimum: lambda e, k: optimum(e.problem, e.trainer.params, k.strength),
    c.Certify: lambda e, k: certificate(e.problem, e.trainer.params, k.delta),
    c.Save: Explorer.save,
}
"""What is done about each command."""
