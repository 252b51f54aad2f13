"""Operators whose output has a length that numbers decide: they are read once the numbers are there."""

from collections.abc import Mapping
from io import BytesIO

import numpy as np

from reseau import ops
from reseau.graph import Node, apply_op
from reseau.modelfiles.onnx.importer import Call, Rule
from reseau.ops.lengths import size

__all__ = ["READ"]


def non_zero(call: Call) -> Node:
    return call.constant(np.array(np.nonzero(np.atleast_1d(call.array(0)))), np.int64)


def compress(call: Call) -> Node:
    x, axis = call[0], call.attribute("axis")
    if axis is None:
        x, axis = call.reshaped(x, (size(x.shape),)), 0
    n = x.shape[axis]
    # there may be more conditions than entries
    kept = np.flatnonzero(call.array(1)[: n if isinstance(n, int) else None])
    return apply_op(ops.Take(axis % len(x.shape)), x, call.constant(kept, np.int64))


def unique(call: Call) -> tuple[Node, ...]:
    x, axis = call.array(0), call.attribute("axis")
    if axis is None:
        x, axis = x.ravel(), 0
    values, first, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=axis if x.ndim > 1 else None
    )
    if not call.attribute("sorted", 1):
        order = np.argsort(first)
        rank = np.argsort(order)
        values, first, counts = np.take(values, order, axis), first[order], counts[order]
        inverse = rank[inverse.ravel()]
    whole = (call.constant(v.ravel(), np.int64) for v in (first, inverse, counts))
    return (call.constant(values), *whole)


def tf_idf(call: Call) -> Node:
    """How often each n-gram of a pool stands in a row, as counts, or weighed."""
    x = call.array(0)
    counts, places = call.attributes["ngram_counts"], call.attributes["ngram_indexes"]
    pool = call.attribute("pool_strings") or call.attribute("pool_int64s")
    weights = np.asarray(call.attribute("weights") or np.ones(len(places)), np.float32)
    lengths = range(call.attributes["min_gram_length"], call.attributes["max_gram_length"] + 1)
    grams: dict[tuple[object, ...], int] = {}
    ends = [*counts[1:], len(pool)]
    for n, (start, end) in enumerate(zip(counts, ends, strict=True), 1):
        for at in range(start, end, n):
            grams[tuple(pool[at : at + n])] = len(grams)
    rows = x.reshape(1, -1) if x.ndim < 2 else x
    found = np.zeros((len(rows), max(places) + 1), np.float32)
    for row, entries in zip(found, rows.tolist(), strict=True):
        for n in lengths:
            # single entries are the same whatever lies between those of an n-gram
            for step in range(1, (call.attributes["max_skip_count"] if n > 1 else 0) + 2):
                for at in range(len(entries) - step * (n - 1)):
                    k = grams.get(tuple(entries[at : at + step * (n - 1) + 1 : step]))
                    if k is not None:
                        row[places[k]] += 1
    scale = np.ones(found.shape[1], np.float32)
    scale[places] = weights
    mode = call.attributes["mode"]
    y = {"TF": found, "IDF": (found > 0) * scale, "TFIDF": found * scale}[mode]
    return call.constant((y[0] if x.ndim < 2 else y).astype(np.float32))


def decode_image(call: Call) -> Node:
    """The rows, columns and channels of an image in the bytes of a file; pictures are read by Pillow."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ValueError("images are decoded by Pillow\n  fix: pip install pillow") from error
    with Image.open(BytesIO(call.array(0).tobytes())) as image:
        wanted = call.attribute("pixel_format", "RGB")
        pixels = np.array(image.convert("L" if wanted == "Grayscale" else "RGB"))
    if wanted == "Grayscale":
        return call.constant(pixels[..., None])
    return call.constant(pixels[..., ::-1] if wanted == "BGR" else pixels)


READ: Mapping[str, Rule] = {
    "Compress": compress,
    "ImageDecoder": decode_image,
    "NonZero": non_zero,
    "TfIdfVectorizer": tf_idf,
    "Unique": unique,
}
