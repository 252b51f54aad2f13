"""What was said to each command: its words as a value that nothing changes."""

import argparse
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from reseau.cli.network_file import NetworkFile

__all__ = [
    "Approximate", "Certify", "Compare", "Convert", "Evaluate", "Explore", "Monitor", "OnnxFile", "Predict", "Report",
    "Rows", "Show", "Train", "Verify",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Options:
    """The words of a command; the parser says what each means and what it is where it is left out."""

    @classmethod
    def of(cls, parsed: argparse.Namespace) -> Self:
        """What the parser found."""
        words = vars(parsed)
        return cls(**{field.name: words[field.name] for field in fields(cls) if field.name in words})


@dataclass(frozen=True, kw_only=True)
class Rows(Options):
    """Which rows are read, and how a CSV file is."""

    data: str | None
    dataset: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    names: tuple[str, ...] | None = None
    decimal: str = ""


@dataclass(frozen=True, kw_only=True)
class Train(Rows):
    """`reseau train`."""

    # the data
    target: str | None
    task: str
    missing: str
    text: str
    auto: bool
    drop: tuple[str, ...]
    columns: tuple[str, ...] | None
    key: tuple[str, ...]
    words: tuple[str, ...]
    dates: str
    size: tuple[int, int] | None
    test: str | None
    validation: float
    cv: int | None
    # the network
    source: str | None
    hidden: tuple[int, ...]
    conv: tuple[int, ...]
    activation: str
    dropout: float
    # training
    optimizer: str
    learning_rate: float | None
    momentum: float | None
    batch: int
    epochs: int | None
    time: float | None
    tune: bool
    loss: str | None
    class_weight: str | None
    threshold: str
    interval: float
    groups: str | None
    l2: float
    l1: float
    patience: int | None
    seed: int
    # several processes
    processes: int | None
    coordinator: str | None
    process: tuple[int, int] | None
    shards: int | None
    inexact: bool
    # output
    out: str | None
    quiet: bool
    force: bool
    resume: str | None

    @cached_property
    def source_file(self) -> "NetworkFile | None":
        """The network that training goes on with, read when it is first asked for."""
        if self.source is None:
            return None
        from reseau.cli.network_file import read_network
        from reseau.cli.run_folder import find_model

        return read_network(find_model(self.source))


@dataclass(frozen=True, kw_only=True)
class Evaluate(Rows):
    """`reseau evaluate`."""

    run: str
    report: str | None


@dataclass(frozen=True, kw_only=True)
class Predict(Rows):
    """`reseau predict`."""

    run: str
    out: str | None
    key: tuple[str, ...]
    interval: float | None
    keep_columns: bool
    missing: str


@dataclass(frozen=True, kw_only=True)
class Certify(Rows):
    """`reseau certify`."""

    run: str
    holdout: str | None
    delta: float
    within: float | None
    sequential: bool


@dataclass(frozen=True, kw_only=True)
class Compare(Options):
    """`reseau compare`."""

    runs: list[str]
    out: str | None


@dataclass(frozen=True, kw_only=True)
class Report(Options):
    """`reseau report`."""

    run: str
    interval: float | None


@dataclass(frozen=True, kw_only=True)
class OnnxFile(Options):
    """What an ONNX file does not say itself."""

    run: str
    lengths: list[tuple[str, int]]
    fixed: list[tuple[str, object]]
    batch: str | None


@dataclass(frozen=True, kw_only=True)
class Show(OnnxFile):
    """`reseau show`."""

    draw: str | None
    direction: str


@dataclass(frozen=True, kw_only=True)
class Convert(OnnxFile):
    """`reseau convert`."""

    out: str
    channels: Literal["last", "first"]
    interval: float | None


@dataclass(frozen=True, kw_only=True)
class Verify(Options):
    """`reseau verify`."""

    model: str
    property: str | None
    network: str | None
    timeout: float
    float32: bool


@dataclass(frozen=True, kw_only=True)
class Monitor(Options):
    """`reseau monitor`."""

    data: str
    promised: float
    column: str | None
    delta: float
    out: str | None


@dataclass(frozen=True, kw_only=True)
class Explore(Rows):
    """`reseau explore`."""

    model: str | None
    target: str | None
    checkpoints: str | None
    port: int
    no_browser: bool
    export: str | None


@dataclass(frozen=True, kw_only=True)
class Approximate(Options):
    """`reseau approximate`."""

    expression: str | None
    csv: str | None
    interval: Any
    tolerance: float
    out: str | None
    precision: str
    plot: str | None
