"""The words that say where rows are, of every command that reads some."""

import argparse

from reseau.cli import kinds

__all__ = ["data_options"]


def data_options(command: argparse.ArgumentParser, what: str) -> None:
    """Add them to a command, with what the rows are for."""
    command.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        help="CSV (also packed: gz, bz2, xz, zip), Excel, JSON, Parquet, Arrow or .npz file, folder of pictures or of "
        f"MNIST, folder of Parquet or X*.npy and y*.npy, - for CSV on standard input: {what}",
    )
    command.add_argument("--dataset", choices=("digits",), help="a data set that is installed, in place of DATA")
    csv = command.add_argument_group("CSV files")
    csv.add_argument(
        "--delimiter", metavar="C", type=kinds.delimiter, help="what stands between cells (default: found)"
    )
    header = csv.add_mutually_exclusive_group()
    header.add_argument(
        "--header", action="store_true", default=None, help="the first row holds names (default: found)"
    )
    header.add_argument("--no-header", dest="header", action="store_false", default=None, help="it holds none")
    csv.add_argument(
        "--names", metavar="NAME,NAME", type=kinds.names, help="names of the columns, in place of the file's"
    )
