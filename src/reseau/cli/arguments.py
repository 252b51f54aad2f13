"""The words that each command understands."""

import argparse
import difflib
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, NoReturn

from reseau.cli import kinds
from reseau.cli.approximate_options import approximate_options
from reseau.cli.data_options import data_options
from reseau.cli.explore_options import explore_options
from reseau.cli.onnx_options import onnx_options

__all__ = ["parser"]

ACTIVATIONS = ("relu", "leaky-relu", "tanh", "sigmoid", "gelu", "softplus")
OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop", "adagrad")
LOSSES = ("cross-entropy", "logistic", "hinge", "squared", "absolute", "huber")

EXAMPLES = """examples:
  reseau train --dataset digits --out digits-run
  reseau train houses.csv --target price --text one-hot --missing impute
  reseau train fashion-mnist/ --conv 32,64 --hidden 128 --epochs 8
  reseau evaluate digits-run --dataset digits
  reseau train --resume fashion-run
  reseau predict houses-run new-houses.csv --out prices.csv
  reseau report houses-run
  reseau show digits-run
  reseau convert digits-run digits.onnx
  reseau certify fashion-run fashion-mnist/
  reseau verify model.onnx property.vnnlib --timeout 60"""


class Parser(argparse.ArgumentParser):
    """A parser that complains in one line and a cure; what is misspelled is answered with the nearest word."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As `argparse` does, but a word that the command does not know is the command's error, not the program's."""
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            owner = _commands(self)[found.command]
            if not rest[0].startswith("-"):
                owner.complain(f"{rest[0]} is one word too many")
            known = [option for action in owner._actions for option in action.option_strings]
            owner.complain(f"there is no option {rest[0]}", rest[0].partition("=")[0], known)
        return found

    def error(self, message: str) -> NoReturn:
        """Complain in `argparse`'s words, but for a choice that is none."""
        choice = re.fullmatch(r"argument (.+): invalid choice: '(.*)' \(choose from (.+)\)", message, re.DOTALL)
        if choice is None:
            self.complain(message)
        where, word, known = choice.groups()
        what = "command" if where == "COMMAND" else where
        choices = [name.strip(" '\"") for name in known.split(",")]
        self.complain(f"there is no {what} {word}; choose from {', '.join(choices)}", word, choices)

    def complain(self, message: str, word: str = "", known: Sequence[str] = ()) -> NoReturn:
        """End the program with one error, which names the known word that is nearest to the one given."""
        near = difflib.get_close_matches(word, known, 1) if word else []
        cure = f"did you mean {near[0]}? " if near else ""
        print(f"{self.prog.split()[0]}: {message}\n  fix: {cure}{self.prog} --help", file=sys.stderr)
        sys.exit(2)


def _commands(root: argparse.ArgumentParser) -> "Mapping[str, Parser]":
    """The parser of each command."""
    return next(action.choices for action in root._actions if isinstance(action, argparse._SubParsersAction))


def parser() -> argparse.ArgumentParser:
    """The parser of `reseau`."""
    root = Parser(
        prog="reseau",
        description="Train neural networks on tables and images, and look inside.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"reseau {version('reseau')}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _train(commands.add_parser("train", allow_abbrev=False, help="train a network and write a folder about it"))
    evaluate = commands.add_parser("evaluate", allow_abbrev=False, help="measure a trained network on labeled data")
    _run(evaluate)
    data_options(evaluate, "labeled data of the kind it was trained on")
    evaluate.add_argument("--report", metavar="FILE.html", help="write the whole report on these rows, as one file")
    compare = commands.add_parser("compare", allow_abbrev=False, help="runs side by side, measure by measure")
    compare.add_argument("runs", nargs="+", metavar="RUN", help="folders that `reseau train` wrote")
    compare.add_argument("--out", metavar="FILE.png", help="draw their histories too, as .png or .svg")
    predict = commands.add_parser("predict", allow_abbrev=False, help="predict new rows, as CSV")
    _run(predict)
    data_options(predict, "data of the kind it was trained on; the target may be missing")
    predict.add_argument("--out", metavar="FILE", help="CSV file to write (default, and -: print)")
    predict.add_argument(
        "--key",
        metavar="NAME,NAME",
        type=kinds.names,
        default=(),
        help="columns to write beside the predictions, as they stand",
    )
    predict.add_argument(
        "--interval",
        metavar="P",
        type=kinds.probability,
        help="write the interval, or the set of classes, that holds the truth with this probability, as 0.9",
    )
    predict.add_argument("--keep-columns", action="store_true", help="write all columns of the data beside them")
    predict.add_argument(
        "--missing",
        choices=("error", "drop", "impute"),
        default="error",
        help="blanks that the network does not know: refuse, leave their rows out, or put the mean (default: error)",
    )
    report = commands.add_parser("report", allow_abbrev=False, help="write the report of a run again, from its folder")
    report.add_argument("run", metavar="RUN", help="folder that `reseau train` wrote")
    report.add_argument(
        "--interval", metavar="P", type=kinds.probability, help="level of the interval (default: the run's)"
    )
    show = commands.add_parser("show", allow_abbrev=False, help="print what a network is made of")
    _run(show)
    show.add_argument("--draw", metavar="FILE", help="write the drawing too, as .svg or .png")
    show.add_argument(
        "--direction", choices=("down", "right"), default="down", help="where its edges lead (default: down)"
    )
    onnx_options(show)
    convert = commands.add_parser("convert", allow_abbrev=False, help="write a network as another kind of file")
    _run(convert)
    convert.add_argument(
        "out", metavar="FILE", help="file to write, .onnx (of classes: label, probabilities, scores) or .safetensors"
    )
    convert.add_argument(
        "--interval",
        metavar="P",
        type=kinds.probability,
        help="of a run: give the file further outputs, the interval or set of classes that holds the truth with this "
        "probability",
    )
    convert.add_argument(
        "--channels",
        choices=("last", "first"),
        default="last",
        help="of images that an .onnx file reads (default: last)",
    )
    onnx_options(convert)
    certify = commands.add_parser("certify", allow_abbrev=False, help="bound the error rate on new examples")
    _run(certify)
    data_options(certify, "the labeled sample, which it may have been trained on")
    certify.add_argument("--holdout", metavar="DATA", help="labeled data that nothing was chosen on")
    certify.add_argument(
        "--delta",
        metavar="P",
        type=kinds.probability,
        default=0.05,
        help="probability of a wrong bound (default: 0.05)",
    )
    certify.add_argument(
        "--within",
        metavar="E",
        type=kinds.nonnegative,
        help="of a model that predicts a number: an error is a prediction off by more than E",
    )
    certify.add_argument(
        "--sequential", action="store_true", help="a hold-out bound that holds after every row at once, not only now"
    )
    verify = commands.add_parser("verify", allow_abbrev=False, help="prove what a network cannot output, or show it")
    verify.add_argument("model", metavar="MODEL", help="model file; fastest are affine maps of a row and ReLUs in ONNX")
    verify.add_argument("property", metavar="PROPERTY", nargs="?", help="VNN-LIB file: inputs, and outputs to look for")
    verify.add_argument("--network", metavar="NAME=MODEL", help="the model, by its name in the query before it")
    verify.add_argument(
        "--timeout", metavar="S", type=kinds.positive, default=60.0, help="seconds after which to give up (default: 60)"
    )
    verify.add_argument(
        "--float32", action="store_true", help="prove it for every order of float32 sums, not for real numbers alone"
    )
    monitor = commands.add_parser("monitor", allow_abbrev=False, help="watch a promised error rate, row by row")
    monitor.add_argument("data", metavar="CSV", help="a column of 0 and 1, 1 for a row that was predicted wrong")
    monitor.add_argument(
        "--promised", metavar="P", type=kinds.probability, required=True, help="error rate that was promised"
    )
    monitor.add_argument("--column", metavar="NAME", help="which column, where there are several")
    monitor.add_argument(
        "--delta",
        metavar="P",
        type=kinds.probability,
        default=0.05,
        help="probability of a false alarm, ever (default: 0.05)",
    )
    monitor.add_argument("--out", metavar="FILE", help="CSV file to write (default: print)")
    explore_options(
        commands.add_parser("explore", allow_abbrev=False, help="see, drive and understand a network on a page")
    )
    approximate_options(
        commands.add_parser("approximate", allow_abbrev=False, help="fewest pieces close to a function")
    )
    return root


def _run(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help="folder that `reseau train` wrote, or a model file")


def _train(command: argparse.ArgumentParser) -> None:
    data_options(command, "the data to train on")
    data = command.add_argument_group("data")
    data.add_argument("--target", metavar="NAME", help="column to predict (its number where there is no header)")
    data.add_argument(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="auto: text and few whole numbers are classes",
    )
    data.add_argument(
        "--missing",
        choices=("error", "drop", "impute"),
        default="error",
        help="what to do about blanks: drop their rows, or impute the mean with an indicator (default: error)",
    )
    data.add_argument(
        "--text",
        choices=("error", "one-hot", "embed"),
        default="error",
        help="what to do about text columns (default: error)",
    )
    data.add_argument(
        "--auto",
        action="store_true",
        help="take the usual decision wherever nothing is said (impute blanks, texts one-hot, ...), and list them",
    )
    data.add_argument("--drop", metavar="NAME,NAME", type=kinds.names, default=(), help="columns to leave out")
    data.add_argument("--columns", metavar="NAME,NAME", type=kinds.names, help="columns to learn from (default: all)")
    data.add_argument(
        "--key",
        metavar="NAME,NAME",
        type=kinds.names,
        default=(),
        help="columns that name a row: predict writes them back",
    )
    data.add_argument(
        "--words",
        metavar="NAME,NAME",
        type=kinds.names,
        default=(),
        help="columns of free text: learn from the words that recur in them",
    )
    data.add_argument("--decimal", choices=(".", ","), default="", help="decimal mark, where 1,234 could be either")
    data.add_argument("--dates", choices=("dmy", "mdy"), default="", help="order of day and month (default: found)")
    data.add_argument(
        "--size",
        metavar="H,W",
        type=kinds.size,
        help="height and width to which the pictures of a folder are scaled (default: their own)",
    )
    data.add_argument(
        "--test",
        metavar="DATA|SHARE",
        help="file or folder to test on, or share of the rows (default: the data's own test part, or 0.2; 0: none)",
    )
    data.add_argument(
        "--validation", metavar="SHARE", type=kinds.share, default=0.1, help="share of the training rows (default: 0.1)"
    )
    data.add_argument(
        "--cv",
        metavar="K",
        type=kinds.folds,
        help="predict each of K parts of the rows by a network that is trained on the others, before one is trained on "
        "all; no rows are then held out for a test unless --test says so",
    )
    network = command.add_argument_group(
        "network",
        "a table or images in memory need none of these and of the next: where none is given, all is chosen by them",
    )
    network.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="go on with this network, .onnx or .safetensors; the options for its layers are not read",
    )
    network.add_argument(
        "--hidden",
        metavar="N,N",
        type=kinds.counts,
        default=(128,),
        help="units of hidden layers (default: 128; 0: none)",
    )
    network.add_argument(
        "--conv",
        metavar="N,N",
        type=kinds.counts,
        default=(),
        help="filters of convolution blocks before them, for images",
    )
    network.add_argument("--activation", choices=ACTIVATIONS, default="relu", help="default: relu")
    network.add_argument(
        "--dropout",
        metavar="RATE",
        type=kinds.share,
        default=0.0,
        help="share of hidden units that a step drops (default: 0)",
    )
    training = command.add_argument_group("training")
    training.add_argument("--optimizer", choices=OPTIMIZERS, default="adam", help="default: adam")
    training.add_argument(
        "--learning-rate", metavar="RATE", type=kinds.positive, help="default: 0.001; 0.05 for sgd, 0.01 for adagrad"
    )
    training.add_argument("--momentum", metavar="M", type=kinds.share, help="for sgd (default: 0.9)")
    training.add_argument("--batch", metavar="N", type=kinds.count, default=32, help="rows in a step (default: 32)")
    training.add_argument(
        "--epochs",
        metavar="N",
        type=kinds.count,
        help="passes over the data (default: about 4000 steps, 10 to 500 epochs)",
    )
    training.add_argument(
        "--time",
        metavar="SECONDS",
        type=kinds.positive,
        help="of a table or images: train for the accuracy that this time gives, and end when it is over (default: "
        "what two idle CPU cores do in at most 30 s for 20,000 rows, in 60 s for images, whatever the clock says; "
        "with --tune: 60)",
    )
    training.add_argument(
        "--tune",
        action="store_true",
        help="of a table: search for better settings in half of the time (docs/tabular.md)",
    )
    training.add_argument("--loss", choices=LOSSES, help="default: cross-entropy for classes, squared for numbers")
    training.add_argument(
        "--class-weight", choices=("balanced",), help="weigh the rows so that each class counts alike in the loss"
    )
    training.add_argument(
        "--threshold",
        metavar="P|RULE",
        type=kinds.threshold,
        default="0.5",
        help="probability from which on the rarer of two classes is decided, or how it is chosen on the validation "
        "part: f1 (the largest F1 of that class), balanced (the largest balanced accuracy); default: 0.5",
    )
    training.add_argument(
        "--interval",
        metavar="P",
        type=kinds.probability,
        default=0.9,
        help="probability with which the interval around a predicted number, or the set of classes, that is printed "
        "from the test part holds the truth (default: 0.9)",
    )
    training.add_argument(
        "--groups",
        metavar="COLUMN",
        help="an interval, or set, for the rows of each text, or number of few, in this column, or of each class if it "
        "is the target, each from the test rows of its group (default: one for all rows)",
    )
    training.add_argument(
        "--l2", metavar="S", type=kinds.nonnegative, default=0.0, help="penalty (S/2) Σ w² (default: 0)"
    )
    training.add_argument("--l1", metavar="S", type=kinds.nonnegative, default=0.0, help="penalty S Σ |w| (default: 0)")
    training.add_argument(
        "--patience",
        metavar="N",
        type=kinds.count,
        help="stop when N epochs brought no better validation; keep the best",
    )
    training.add_argument(
        "--seed", metavar="N", type=kinds.seed, default=0, help="same seed, same network (default: 0)"
    )
    several = command.add_argument_group("several processes (docs/scaling.md)")
    several.add_argument("--processes", metavar="N", type=kinds.count, help="train one network in N processes")
    several.add_argument("--coordinator", metavar="HOST:PORT", help="join others: process 0's address; auto: found")
    several.add_argument("--process", metavar="I/N", type=kinds.place, help="as number I, from 0, of N")
    several.add_argument("--shards", metavar="K", type=kinds.count, help="parts of a batch (for several: 8)")
    several.add_argument("--inexact", action="store_true", help="add the parts in any order: other bits for each N")
    output = command.add_argument_group("output")
    output.add_argument("--out", metavar="FOLDER", help="folder to write (default: named after the data)")
    output.add_argument("--quiet", action="store_true", help="print errors alone")
    again = output.add_mutually_exclusive_group()
    again.add_argument(
        "--force", action="store_true", help="replace the folder of an earlier run, start an interrupted one again"
    )
    again.add_argument(
        "--resume",
        metavar="FOLDER",
        nargs="?",
        const="",
        help="go on with a run that was interrupted; with the FOLDER it was to write, no other words are needed",
    )
