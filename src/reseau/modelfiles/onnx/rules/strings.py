"""Operators on texts, read once the texts are there."""

import re
from collections.abc import Callable, Mapping

import numpy as np

from reseau.graph import Node
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.modelfiles.onnx.rules import arithmetic

__all__ = ["READ"]


def texts(call: Call, value: object) -> Node:
    """An array of texts."""
    return call.constant(np.asarray(value, object))


def concatenate(call: Call) -> Node:
    return texts(call, np.asarray(call.array(0), object) + np.asarray(call.array(1), object))


def split(call: Call) -> tuple[Node, Node]:
    """The parts of each text along a new last axis, filled up with empty texts, and how many there are."""
    x = call.array(0)
    delimiter, most = call.attribute("delimiter") or None, call.attribute("maxsplit", -1)
    parts = [str(text).split(delimiter, -1 if most is None else most) if text else [] for text in x.ravel()]
    width = max(map(len, parts), default=0)
    call.afford(x.size * width)
    filled = np.full((x.size, width), "", object)
    for row, found in zip(filled, parts, strict=True):
        row[: len(found)] = found
    counts = np.array([len(p) for p in parts], np.int64).reshape(x.shape)
    return texts(call, filled.reshape(*x.shape, width)), call.constant(counts)


def pattern_of(said: str, longest: bool = False) -> re.Pattern[str]:
    """A pattern in the notation of RE2, whose classes are those of ASCII.

    RE2 can take the longest match where Python takes the first way that matches: what could differ is refused.
    """
    ways = re.sub(r"\\.|\[[^\]]*\]", "", said)  # but what stands for itself
    if "[:" in said or (longest and re.search(r"\||[*+?}]\?", ways)):
        raise ValueError(
            f"the pattern {said!r} is not one that Python reads as RE2 does\n"
            "  fix: export the model with a pattern of plain classes, without | and lazy quantifiers"
        )
    return re.compile(said, re.ASCII)


def tokenize(call: Call) -> Node:
    """The tokens of each text along a new last axis, filled up."""
    x, least = call.array(0), call.attributes["mincharnum"]
    separators, token = call.attribute("separators") or (), call.attribute("tokenexp") or ""
    if token == "." or list(separators) == [""]:
        rows = [list(str(text)) if least <= 1 else [] for text in x.ravel()]
    elif token:
        expression = pattern_of(token, longest=True)
        rows = [[m.group() for m in expression.finditer(str(text))] for text in x.ravel()]
    else:
        rows = [[str(text)] for text in x.ravel()]
        for expression in [pattern_of(s, longest=True) for s in separators]:
            rows = [[part for text in row for part in expression.split(text)] for row in rows]
    rows = [[part for part in row if len(part) >= least] for row in rows]
    if call.attributes["mark"] and any(rows):
        rows = [["\x02", *row, "\x03"] for row in rows]
    width = max(map(len, rows), default=0)
    call.afford(x.size * width)
    filled = np.full((x.size, width), call.attributes["pad_value"], object)
    for row, found in zip(filled, rows, strict=True):
        row[: len(found)] = found
    return texts(call, filled.reshape(*x.shape, width) if x.size else x)


def full_match(call: Call) -> Node:
    pattern = pattern_of(call.attributes["pattern"])
    found = [pattern.fullmatch(str(text)) is not None for text in call.array(0).ravel()]
    return call.constant(np.array(found, bool).reshape(call.array(0).shape))


def normalize(call: Call) -> Node:
    """Texts in one case, those that carry no meaning left out; one empty text where nothing is left."""
    x = call.array(0)
    case: dict[str, Callable[[str], str]] = {"NONE": str, "LOWER": str.lower, "UPPER": str.upper}
    change = case[call.attribute("case_change_action", "NONE")]
    sensitive = bool(call.attribute("is_case_sensitive", 0))
    same: Callable[[str], str] = str if sensitive else str.lower
    dropped = {same(word) for word in call.attribute("stopwords") or ()}
    rows = [[change(str(t)) for t in row if same(str(t)) not in dropped] for row in np.atleast_2d(x)]
    if x.ndim == 1:
        return texts(call, rows[0] or [""])
    return texts(call, [row or [""] for row in rows])


def equal(call: Call) -> Node:
    if call.dtype() != np.dtype(object):
        return arithmetic.alike(call)
    return call.constant(np.equal(call.array(0), call.array(1)), np.bool_)


READ: Mapping[str, Rule] = {
    "Equal": equal,
    "RegexFullMatch": full_match,
    "StringConcat": concatenate,
    "StringNormalizer": normalize,
    "StringSplit": split,
    "com.microsoft/Tokenizer": tokenize,
}
