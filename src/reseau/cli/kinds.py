"""What a word of a command may be: names, counts, shares, probabilities; anything else is one line of complaint."""

import argparse

__all__ = [
    "count",
    "counts",
    "delimiter",
    "folds",
    "names",
    "nonnegative",
    "number",
    "place",
    "positive",
    "probability",
    "seed",
    "share",
    "size",
    "threshold",
]


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them, as a line of a CSV file: one that holds a comma stands in quotes."""
    import csv

    return tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []))


def delimiter(text: str) -> str:
    mark = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(mark) != 1 or mark in '"\r\n':
        raise argparse.ArgumentTypeError(f"{text!r} is not one letter, such as ; or tab")
    return mark


def counts(text: str) -> tuple[int, ...]:
    if text.strip() in ("", "0", "none"):
        return ()
    return tuple(count(part) for part in text.split(","))


def count(text: str) -> int:
    if not text.strip().isdecimal() or not 0 < int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def size(text: str) -> tuple[int, int]:
    sides = counts(text)
    if len(sides) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a height and a width, such as 64,64")
    return sides


def folds(text: str) -> int:
    if (parts := count(text)) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 2")
    return parts


def place(text: str) -> tuple[int, int]:
    first, _, of = text.partition("/")
    if not (first.isdecimal() and of.isdecimal()) or not int(first) < int(of) < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a place such as 0/4, the first of four")
    return int(first), int(of)


def seed(text: str) -> int:
    if not text.strip().isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {2**32 - 1}")
    return int(text)


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def positive(text: str) -> float:
    if not 0 < (value := number(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def nonnegative(text: str) -> float:
    if not 0 <= (value := number(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return value


def probability(text: str) -> float:
    if not 0 < (value := number(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a probability, above 0 and below 1")
    return value


def threshold(text: str) -> str:
    if text not in ("f1", "balanced"):
        probability(text)
    return text


def share(text: str) -> float:
    if not 0 <= (value := number(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, from 0 to below 1")
    return value
