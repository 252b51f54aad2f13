"""The words that `reseau explore` understands."""

import argparse

from reseau.cli import kinds

__all__ = ["explore_options"]


def explore_options(command: argparse.ArgumentParser) -> None:
    """Add them to a parser."""
    command.add_argument(
        "model",
        metavar="RUN",
        nargs="?",
        help="folder that `reseau train` wrote, or a model file (default: a playground with data sets of its own)",
    )
    command.add_argument("--data", metavar="ROWS", help="rows for the model, as `reseau evaluate` reads them")
    command.add_argument(
        "--target", metavar="NAME", help="their target, where the model does not say (default: the last)"
    )
    command.add_argument("--checkpoints", metavar="FOLDER", help="checkpoints of the run, for the slider over time")
    command.add_argument(
        "--port", metavar="N", type=kinds.seed, default=0, help="port on this machine (default: a free one)"
    )
    command.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    command.add_argument(
        "--export", metavar="FILE.html", help="write one page that computes in the browser by itself, and serve nothing"
    )
