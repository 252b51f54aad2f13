"""What a page may ask for: each command a frozen dataclass, and how it is read from a message that may be anything."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from math import isfinite
from typing import Any, get_type_hints

from reseau.errors import DataError

__all__ = [
    "COMMANDS",
    "Attribute",
    "Build",
    "Certify",
    "CheckDifferences",
    "Command",
    "Configure",
    "Confusion",
    "Curve",
    "Describe",
    "DrawGraph",
    "Edit",
    "ExplainStep",
    "Inspect",
    "ListRows",
    "LoadTable",
    "Measure",
    "MoveNeuron",
    "Optimum",
    "Pause",
    "Pieces",
    "Points",
    "Rescale",
    "Reset",
    "Rewind",
    "Run",
    "Save",
    "Simplify",
    "Statistics",
    "Steps",
    "Surface",
    "read_command",
]

LONGEST_LIST, LONGEST_TEXT = 10_000, 2_000


@dataclass(frozen=True)
class Describe:
    """What is explored, and where training stands."""


@dataclass(frozen=True)
class Build:
    """Generate a data set, or take the table that was loaded ("own"), and make a fresh network for it."""

    data: str
    rows: int = 300
    noise: float = 0.1
    seed: int = 0
    hidden: tuple[int, ...] = (8, 8)
    filters: tuple[int, ...] = ()
    activation: str = "tanh"


@dataclass(frozen=True)
class LoadTable:
    """Read the table whose bytes come with the message; the last column is the target unless one is named."""

    name: str
    target: str = ""


@dataclass(frozen=True)
class Configure:
    """How steps are taken from now on."""

    optimizer: str
    rate: float
    batch: int
    penalty: str = "none"
    strength: float = 0.0


@dataclass(frozen=True)
class Run:
    """Train until something stops it."""


@dataclass(frozen=True)
class Pause:
    """Stop after the chunk of steps that is running."""


@dataclass(frozen=True)
class Steps:
    """Take some steps and stop."""

    count: int = 1


@dataclass(frozen=True)
class Reset:
    """Start again, from the first parameters of this seed."""

    seed: int = 0


@dataclass(frozen=True)
class Rewind:
    """Put back the parameters of a moment that was kept, by its place in the list."""

    moment: int


@dataclass(frozen=True)
class Curve:
    """The curve of this run, those of earlier ones, and the moments that were kept."""


@dataclass(frozen=True)
class DrawGraph:
    """The graph with the place of every box; blocks that repeat drawn once, or not."""

    folded: bool = True


@dataclass(frozen=True)
class Statistics:
    """Mean, spread, dead units and derivative of every node on some rows."""


@dataclass(frozen=True)
class Inspect:
    """The value of a node for one row, and the derivative of that row's loss by it."""

    node: str
    row: int = 0


@dataclass(frozen=True)
class Points:
    """The rows themselves, two columns of them and the targets."""

    first: int = 0
    second: int = 1


@dataclass(frozen=True)
class Surface:
    """What the network says over a line or a plane: one or two columns vary, the others are those of a row.

    The ends of the axes are those of the rows, or minus and plus `reach` where it is positive.
    """

    first: int = 0
    second: int = 1
    row: int = 0
    size: int = 100
    reach: float = 0.0


@dataclass(frozen=True)
class Measure:
    """The loss of the parameters as they stand, and where training stands."""


@dataclass(frozen=True)
class ListRows:
    """Rows with what is predicted of them, the worst first; of one cell of the confusion matrix, or all (-1)."""

    part: str = "held"
    true: int = -1
    predicted: int = -1
    offset: int = 0
    count: int = 30


@dataclass(frozen=True)
class Confusion:
    """How good the predictions are, and which classes are taken for which."""

    part: str = "held"


@dataclass(frozen=True)
class Attribute:
    """What each input of a row contributed to its prediction."""

    row: int = 0


@dataclass(frozen=True)
class ExplainStep:
    """One step on some rows: forward, loss, backward with every product, update."""

    row: int = 0
    rows: int = 1


@dataclass(frozen=True)
class CheckDifferences:
    """The derivatives by some entries of every parameter beside those of finite differences."""

    row: int = 0
    rows: int = 1


@dataclass(frozen=True)
class Edit:
    """Give one entry of a parameter another value."""

    name: str
    entry: int
    value: float


@dataclass(frozen=True)
class Pieces:
    """One hidden layer of ReLU as a function: neurons, kinks, exact pieces, norms."""


@dataclass(frozen=True)
class MoveNeuron:
    """Give a hidden neuron other weights and another bias."""

    neuron: int
    weights: tuple[float, ...]
    bias: float


@dataclass(frozen=True)
class Rescale:
    """Divide what enters a neuron by a factor and multiply what leaves it: the same function."""

    neuron: int
    factor: float


@dataclass(frozen=True)
class Simplify:
    """Balance, merge or prune the hidden neurons: the same function."""

    how: str


@dataclass(frozen=True)
class Optimum:
    """How far the network is from the best of any width, proved."""

    strength: float = 0.001


@dataclass(frozen=True)
class Certify:
    """A bound on the risk of the network, with what it rests on."""

    delta: float = 0.05


@dataclass(frozen=True)
class Save:
    """The network as a file: "onnx", "safetensors", "run" (the folder of a run, zipped), "python" or "page"."""

    kind: str


COMMANDS: dict[str, type] = {
    "describe": Describe,
    "build": Build,
    "load": LoadTable,
    "configure": Configure,
    "run": Run,
    "pause": Pause,
    "steps": Steps,
    "reset": Reset,
    "rewind": Rewind,
    "curve": Curve,
    "graph": DrawGraph,
    "statistics": Statistics,
    "inspect": Inspect,
    "points": Points,
    "surface": Surface,
    "measure": Measure,
    "rows": ListRows,
    "confusion": Confusion,
    "attribute": Attribute,
    "explain": ExplainStep,
    "differences": CheckDifferences,
    "edit": Edit,
    "pieces": Pieces,
    "move": MoveNeuron,
    "rescale": Rescale,
    "simplify": Simplify,
    "optimum": Optimum,
    "certify": Certify,
    "save": Save,
}
"""By the name that a message gives."""

Command = Any
"""One of `COMMANDS`."""


def read_command(message: Any) -> Command:
    """The command of a message `{"command": name, field: value, ...}`; every field of its type, none unknown.

    Raises:
        DataError: It is not one; the message says what is wrong with it.

    Example:
        >>> read_command({"command": "steps", "count": 5})
        Steps(count=5)
    """
    if not isinstance(message, Mapping) or not isinstance(message.get("command"), str):
        raise DataError("the message names no command\n  fix: reload the page")
    name = message["command"]
    if name not in COMMANDS:
        raise DataError(f"there is no command {name[:40]!r}\n  fix: reload the page")
    kind = COMMANDS[name]
    hints = get_type_hints(kind)
    given = {k: v for k, v in message.items() if k != "command"}
    unknown = [k for k in given if k not in hints]
    absent = [f.name for f in fields(kind) if f.default is MISSING and f.name not in given]
    if unknown or absent:
        raise DataError(f"the command {name!r} has the fields {', '.join(hints) or 'none'}\n  fix: reload the page")
    return kind(**{k: _value(name, k, hints[k], v) for k, v in given.items()})


def _value(command: str, field: str, hint: Any, value: Any) -> Any:
    """A value as its field wants it."""
    if hint in (tuple[int, ...], tuple[float, ...]):
        entry = int if hint == tuple[int, ...] else float
        if isinstance(value, list) and len(value) <= LONGEST_LIST:
            return tuple(_value(command, field, entry, v) for v in value)
    elif _fits(hint, value):
        return float(value) if hint is float else value
    raise DataError(f"{command}: {field} cannot be {str(value)[:40]!r}\n  fix: another value for {field}")


def _fits(hint: Any, value: Any) -> bool:
    """Whether a single value is of the type that its field has."""
    if isinstance(value, str):
        return hint is str and len(value) <= LONGEST_TEXT
    if isinstance(value, bool):
        return hint is bool
    if isinstance(value, int):
        return hint in (int, float) and abs(value) < 2**53
    return hint is float and isinstance(value, float) and isfinite(value)
