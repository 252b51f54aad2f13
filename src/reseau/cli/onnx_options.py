"""What a person says of an ONNX file that does not say it itself: `--lengths`, `--fixed`, `--batch`."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from reseau.cli import kinds
from reseau.cli.options import OnnxFile

if TYPE_CHECKING:
    from reseau.cli.network_file import NetworkFile

__all__ = ["load_network", "onnx_options"]


def onnx_options(command: argparse.ArgumentParser) -> None:
    """Give a command these options."""
    said = command.add_argument_group("what an ONNX file does not say itself")
    said.add_argument(
        "--lengths",
        metavar="NAME=N",
        action="append",
        type=_length,
        default=[],
        help="the number of an axis that the file only names, as --lengths sequence=128 (may be repeated)",
    )
    said.add_argument(
        "--fixed",
        metavar="NAME=VALUE",
        action="append",
        type=_value,
        default=[],
        help="the value of an input, which is one no more: a number, or numbers in brackets, as --fixed shape=[1,-1] "
        "(may be repeated)",
    )
    said.add_argument(
        "--batch", choices=("yes", "no"), help="whether the first axis of its inputs is the batch (default: found)"
    )


def load_network(path: Path, arguments: OnnxFile) -> "NetworkFile":
    """What a model file holds, read as the options say."""
    import numpy as np

    from reseau.cli.network_file import read_network
    from reseau.modelfiles.formats import Choices

    fixed = {name: np.asarray(value) for name, value in arguments.fixed}
    batch = None if arguments.batch is None else arguments.batch == "yes"
    return read_network(path, Choices(fixed, dict(arguments.lengths), batch))


def _length(text: str) -> tuple[str, int]:
    name, _, number = text.rpartition("=")
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not a name and a number, such as sequence=128")
    return name, kinds.count(number)


def _value(text: str) -> tuple[str, object]:
    name, _, said = text.partition("=")
    try:
        value = json.loads(said)
    except ValueError:
        value = None
    if not name or not isinstance(value, int | float | list):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name and numbers, such as shape=[1,-1]")
    return name, value
