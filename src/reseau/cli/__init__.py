"""The command line. Until a command computes, nothing beyond argparse is imported."""

import sys
from collections.abc import Sequence

from reseau.cli.arguments import parser
from reseau.errors import ReseauError

__all__ = ["main"]

BAD_INPUT = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 for bad input, 130 after Ctrl-C, 1 if training diverged."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = parser().parse_args(words)
    try:
        if arguments.command == "train":
            from reseau.cli.train import train

            return train(arguments, words)
        if arguments.command == "evaluate":
            from reseau.cli.evaluate import evaluate

            return evaluate(arguments)
        if arguments.command == "predict":
            from reseau.cli.predict import predict

            return predict(arguments)
        from reseau.cli.show import show

        return show(arguments)
    except ArithmeticError as error:
        if not isinstance(error, ReseauError):
            raise
        return _fail(str(error), 1)
    except ReseauError as error:
        return _fail(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was written", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nothing is left to say
        return 1


def _fail(message: str, status: int) -> int:
    print(f"reseau: {message}", file=sys.stderr)
    return status
