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


def full_match(call: Call) -> Node:
    pattern = re.compile(call.attributes["pattern"])
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
}
