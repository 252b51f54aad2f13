"""The command line. Until a command computes, nothing beyond argparse is imported."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from errno import EDQUOT, EFBIG, EIO, ENOENT, ENOSPC
from io import TextIOWrapper

from reseau.cli import options
from reseau.cli.arguments import parser
from reseau.cli.wording import own_words
from reseau.errors import DivergenceError, ProcessError, ReseauError

__all__ = ["main"]

DIVERGED = 1
BAD_INPUT = 2
INTERRUPTED = 130
UNPRINTED = (ENOSPC, EDQUOT, EFBIG, EIO)  # what printing to a file is refused with


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 for bad input, 130 after Ctrl-C, 1 if training diverged."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that lacks a letter shows ? in its place
            stream.reconfigure(errors="replace")
    arguments = parser().parse_args(words)
    try:
        status = command(arguments, words)
        print(end="", flush=True)  # where the reader of our output has gone, it is told here
        return status
    except DivergenceError as error:
        what = str(error).partition("\n")[0]
        return _fail(f"{what}\n  fix: a smaller --learning-rate; nothing was written", DIVERGED)
    except ProcessError as error:
        from reseau.distributed.launch import PORT_TAKEN

        return _fail(str(error), PORT_TAKEN if error.port_taken else BAD_INPUT)
    except ReseauError as error:
        return _fail(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted; no result was written", INTERRUPTED)
    except BrokenPipeError:
        _stop_printing()
        return 1
    except OSError as error:
        if error.filename is None and error.errno == ENOENT:
            return _fail("the current folder is not there any more\n  fix: cd to one that is", BAD_INPUT)
        if error.filename is not None or error.errno not in UNPRINTED:
            raise
        _stop_printing()
        cure = "print to where there is room, or --out FILE where the command has it"
        return _fail(f"standard output: it cannot be written: {error.strerror}\n  fix: {cure}", BAD_INPUT)


def command(arguments: Namespace, words: Sequence[str]) -> int:
    """Run the command that was asked for."""
    if arguments.command == "train":
        from reseau.cli.processes import train_shared

        with redirect_stdout(None) if arguments.quiet else nullcontext():
            return train_shared(options.Train.of(arguments), words)
    if arguments.command == "evaluate":
        from reseau.cli.evaluate import evaluate

        return evaluate(options.Evaluate.of(arguments))
    if arguments.command == "compare":
        from reseau.cli.compare import compare

        return compare(options.Compare.of(arguments))
    if arguments.command == "report":
        from reseau.cli.report_again import report

        return report(options.Report.of(arguments))
    if arguments.command == "predict":
        from reseau.cli.predict import predict

        return predict(options.Predict.of(arguments))
    if arguments.command == "convert":
        from reseau.cli.convert import convert

        return convert(options.Convert.of(arguments))
    if arguments.command == "certify":
        from reseau.cli.certify import certify

        return certify(options.Certify.of(arguments))
    if arguments.command == "verify":
        from reseau.cli.verify import verify

        return verify(options.Verify.of(arguments))
    if arguments.command == "monitor":
        from reseau.cli.monitor import monitor

        return monitor(options.Monitor.of(arguments))
    if arguments.command == "approximate":
        from reseau.cli.approximate import approximate

        return approximate(options.Approximate.of(arguments))
    if arguments.command == "explore":
        from reseau.cli.explore import explore

        return explore(options.Explore.of(arguments))
    from reseau.cli.show import show

    return show(options.Show.of(arguments))


def _stop_printing() -> None:
    """Let nothing more be written to standard output: Python would complain again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, status: int) -> int:
    print(f"reseau: {own_words(message)}", file=sys.stderr)
    return status
