"""The words that `reseau approximate` understands."""

import argparse
import re

from reseau.cli import kinds

__all__ = ["approximate_options"]


def approximate_options(command: argparse.ArgumentParser) -> None:
    """Say what to approximate, how closely, and where to write it."""
    command._negative_number_matcher = re.compile(r"-(?!h$)[^-]")  # -x^2 and -1e-3 are arguments, not options
    command.add_argument("expression", metavar="EXPRESSION", nargs="?", help='function of x, as "sin(3*x)"')
    command.add_argument("--csv", metavar="FILE", help="points to meet instead: two columns, x and y, sorted by x")
    command.add_argument(
        "--interval",
        metavar=("LOW", "HIGH"),
        nargs=2,
        type=kinds.number,
        help="where (default for points: all of them)",
    )
    command.add_argument(
        "--tolerance",
        metavar="T",
        type=kinds.nonnegative,
        required=True,
        help="largest error, in the unit of the values",
    )
    command.add_argument("--out", metavar="FILE", help="write the network, as .onnx or .safetensors")
    command.add_argument(
        "--precision", choices=("float64", "float32"), default="float64", help="of that file (default: float64)"
    )
    command.add_argument("--plot", metavar="FILE", help="draw it, as .png, .svg or .pdf")
