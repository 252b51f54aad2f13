"""What a person says of an ONNX file that does not say it itself: `--lengths`, `--fixed`, `--batch`."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from reseau.cli import kinds
from reseau.cli.options import OnnxFile

if TYPE_CHECKING:
    from jax import Array

    from reseau.network import Network

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


def load_network(path: Path, arguments: OnnxFile) -> "tuple[Network, dict[str, Array]]":
    """The network of a model file and its parameters, read as the options say."""
    import numpy as np

    import reseau as rs

    fixed = {name: np.asarray(value) for name, value in arguments.fixed}
    batch = None if arguments.batch is None else arguments.batch == "yes"
    return rs.load(path, fixed=fixed, lengths=dict(arguments.lengths), batch=batch)


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
