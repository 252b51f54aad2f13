"""Layers for the columns of tables: smooth clipping, a learned scale, numerical embeddings, scale-free affine maps."""

from collections.abc import Sequence
from math import pi, sqrt

import numpy as np

from reseau.errors import GraphError, ShapeError
from reseau.graph import Initializer, Node, apply_op, constant
from reseau.initializers import Normal, Uniform, ones, zeros
from reseau.layers.axes import concatenate, reshape
from reseau.layers.entrywise import clip, maximum, minimum, square
from reseau.layers.entrywise import sqrt as square_root
from reseau.layers.wiring import called, check_node, check_whole, misfit, put, renamed, source, vector_shape
from reseau.named_arguments import names_arguments
from reseau.ops import Affine, Cos, Einsum, Multiply, Take

__all__ = ["ntk_affine", "periodic_embedding", "piecewise_linear_encoding", "scale", "smooth_clip"]

STANDARD_NORMAL = Normal(1.0)
ANY_PHASE = Uniform(-pi, pi)


@names_arguments
def smooth_clip(x: Node, bound: float = 3.0, *, name: str | None = None) -> Node:
    """`x / √(1 + (x / bound)²)`: the identity near 0, never beyond `bound`, and strictly increasing.

    Source: Holzmüller, Grinsztajn and Steinwart, *Better by Default*, 2024, section 3.

    Example:
        >>> from reseau.graph import input
        >>> smooth_clip(input("x", (3,)), name="clipped")
        <'clipped' (batch, 3)>
    """
    who = called(name, "smooth_clip")
    if not 0 < bound < float("inf"):
        raise GraphError(f"{who}: its bound is {bound}\n  fix: give a positive number")
    # the square of a number beyond 1e19 is infinite in float32; from 1e6 bounds on the value is the bound anyway
    near = clip(check_node(who, x), -1e6 * bound, 1e6 * bound)
    return renamed(near / square_root(1.0 + square(near / bound)), name)


def scale(x: Node, *, factor: Node | Initializer = ones, name: str | None = None) -> Node:
    """Each entry of the last axis times a learned number, 1 at first: a diagonal matrix.

    With a larger learning rate than the other parameters it chooses features early.

    Example:
        >>> from reseau.graph import input
        >>> scale(input("x", (3,)), name="chosen")
        <'chosen' (batch, 3)>
    """
    who = called(name, "scale")
    return apply_op(Multiply(), x, source(who, factor, vector_shape(who, x), "factor"), name=name)


def ntk_affine(
    x: Node,
    units: int,
    *,
    weight: Node | Initializer = STANDARD_NORMAL,
    bias: bool | Node | Initializer = True,
    name: str | None = None,
) -> Node:
    """`x W / √features + b`, entries of `W` with variance 1: the neural tangent parametrization.

    The same learning rate then suits every width.

    Args:
        x: What it reads, (batch, ..., features).
        units: Length of the last axis of the output.
        weight: Initializer of `W` (features, units), or a node that is shared.
        bias: Whether there is a bias, or its initializer or node; it begins as 0.
        name: Name of the node.

    Source: Jacot, Gabriel and Hongler, *Neural Tangent Kernel*, 2018, section 3.

    Example:
        >>> from reseau.graph import input
        >>> ntk_affine(input("x", (3,)), 8, name="hidden")
        <'hidden' (batch, 8)>
    """
    who = called(name, "ntk_affine", f"{units} units")
    check_whole(who, units=units)
    (features,) = vector_shape(who, x)
    parents = [x * sqrt(1 / features), source(who, weight, (features, units), "weight")]
    if bias is not False:
        parents.append(source(who, zeros if bias is True else bias, (units,), "bias"))
    return apply_op(Affine(), *parents, name=name)


def periodic_embedding(
    x: Node,
    frequencies: int = 16,
    features: int = 4,
    *,
    deviation: float = 0.1,
    frequency: Node | Initializer | None = None,
    phase: Node | Initializer = ANY_PHASE,
    weight: Node | Initializer | None = None,
    bias: Node | Initializer = zeros,
    name: str | None = None,
) -> Node:
    """Each number of (batch, columns) as itself and `features - 1` learned numbers, side by side.

    Those of column j are `cos(2π f_j x_j + p_j) W_j + b_j`, with frequencies, phases, weights and biases of its own.

    Args:
        x: Numbers of unit scale, (batch, columns).
        frequencies: Cosines for each column.
        features: Numbers that each column becomes, itself included; at least 2.
        deviation: Standard deviation of the first frequencies.
        frequency: Initializer of the frequencies (columns, frequencies), or a node; normal by default.
        phase: That of the phases (columns, frequencies).
        weight: That of the weights (columns, frequencies, features - 1); uniform within `±1/√frequencies` by default.
        bias: That of the biases (columns, features - 1).
        name: Name of the node.

    Returns:
        (batch, columns × features), the numbers of one column side by side.

    Source: Gorishniy, Rubachev and Babenko, *On Embeddings for Numerical Features in Tabular Deep Learning*, 2022,
    section 3.3, in the form of Holzmüller et al., *Better by Default*, 2024, "PBLD".

    Example:
        >>> from reseau.graph import input
        >>> periodic_embedding(input("x", (3,)), name="embedded")
        <'embedded' (batch, 12)>
    """
    who = called(name, "periodic_embedding", f"{features} features")
    check_whole(who, frequencies=frequencies, features=features)
    columns = columns_of(who, x, name)
    if features < 2:
        raise GraphError(f"{who}: a column has no room for more than itself\n  fix: give 2 features or more")
    made, reach = features - 1, sqrt(1 / frequencies)
    f = source(who, Normal(deviation) if frequency is None else frequency, (columns, frequencies), "frequency", name)
    p = source(who, phase, (columns, frequencies), "phase", name)
    w = Uniform(-reach, reach) if weight is None else weight
    w = source(who, w, (columns, frequencies, made), "weight", name)
    b = source(who, bias, (columns, made), "bias", name)
    each = reshape(x, (columns, 1))
    waves = apply_op(Cos(), each * (2 * pi * f) + p)
    learned = apply_op(Einsum("bcf,cfe->bce"), waves, w) + b
    return renamed(reshape(concatenate([each, learned], 2), columns * features), name)


@names_arguments
def piecewise_linear_encoding(x: Node, edges: Sequence[Sequence[float]], *, name: str | None = None) -> Node:
    """How far each number has come in each interval of its column: `(x - low) / (high - low)`, kept within 0 and 1.

    The first interval of a column has no lower end and the last no upper one, so that no number is lost.

    Args:
        x: Numbers, (batch, columns).
        edges: For each column the ends of its intervals in increasing order, such as quantiles of the training rows;
            at least 2 for each column.
        name: Name of the node.

    Returns:
        (batch, intervals of all columns), those of one column side by side.

    Source: Gorishniy, Rubachev and Babenko, *On Embeddings for Numerical Features in Tabular Deep Learning*, 2022,
    section 3.2, equation 1.

    Example:
        >>> from reseau.graph import input
        >>> piecewise_linear_encoding(input("x", (2,)), [[0, 1, 2], [0, 5]])
        <minimum of maximum of 'x' (batch, 3)>
    """
    who = called(name, "piecewise_linear_encoding")
    columns = columns_of(who, x, name)
    ends = [np.asarray(column, np.float64) for column in edges]
    if len(ends) != columns:
        raise ShapeError(
            f"{who}: it has ends for {len(ends)} columns, {x.label} has {columns}\n  fix: give one list for each column"
        )
    for j, column in enumerate(ends):
        if column.ndim != 1 or len(column) < 2 or not np.isfinite(column).all() or (np.diff(column) <= 0).any():
            raise GraphError(
                f"{who}: the ends of column {j} are not at least two increasing finite numbers\n"
                "  fix: np.unique of some quantiles of the column"
            )
    counts = [len(column) - 1 for column in ends]
    low, high = (np.concatenate([column[cut] for column in ends]) for cut in (np.s_[:-1], np.s_[1:]))
    least, most = np.zeros(len(low)), np.ones(len(low))
    last = np.cumsum(counts) - 1
    least[last - np.array(counts) + 1], most[last] = -np.inf, np.inf
    spread = apply_op(Take(1), x, constant(np.repeat(np.arange(columns, dtype=np.int32), counts)))
    come = (spread - constant(low)) / constant(high - low)
    return renamed(minimum(maximum(come, constant(least)), constant(most)), name)


def columns_of(who: str, x: Node, name: str | None) -> int:
    """How many numbers each row has."""
    if len(check_node(who, x).shape) != 2:
        raise misfit(who, "(batch, columns)", x, put("flatten()", x, name))
    return int(x.shape[1])
