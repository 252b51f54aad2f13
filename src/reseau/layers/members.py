"""Several networks in one that share all but small adapters: an ensemble at little more than the price of one.

An array of k members is (batch, k, features). Source: Gorishniy, Kotelnikov and Babenko, *TabM: Advancing Tabular Deep
Learning with Parameter-Efficient Ensembling*, 2025, section 3; Wen, Tran and Ba, *BatchEnsemble*, 2020.
"""

from math import sqrt

from reseau.graph import Initializer, Node, apply_op
from reseau.initializers import Uniform, ones, signs
from reseau.layers.axes import reshape
from reseau.layers.wiring import called, check_node, check_whole, misfit, put, source
from reseau.ops import Add, Affine, Einsum, Multiply

__all__ = ["members", "members_affine", "separate_affine"]


def members(x: Node, count: int, *, scale: Node | Initializer | None = None, name: str | None = None) -> Node:
    """`count` copies of each row, (batch, count, features), each times its own learned numbers: random signs at first.

    Example:
        >>> from reseau.graph import input
        >>> members(input("x", (3,)), 8, name="members")
        <'members' (batch, 8, 3)>
    """
    who = called(name, "members", f"{count} members")
    check_whole(who, count=count)
    if len(check_node(who, x).shape) != 2:
        raise misfit(who, "(batch, features)", x, put("flatten()", x, name))
    features = int(x.shape[1])
    own = source(who, signs if scale is None else scale, (count, features), "scale", name)
    return apply_op(Multiply(), reshape(x, (1, features)), own, name=name)


def members_affine(
    x: Node,
    units: int,
    *,
    weight: Node | Initializer | None = None,
    before: Node | Initializer = ones,
    after: Node | Initializer = ones,
    bias: Node | Initializer | None = None,
    name: str | None = None,
) -> Node:
    """`((x ∘ r) W) ∘ s + b` for (batch, k, features): one `W` for all members; r, s and b are each member's own.

    Args:
        x: What it reads, (batch, k, features).
        units: Length of the last axis of the output.
        weight: Initializer of `W` (features, units); uniform within `±1/√features` by default.
        before: That of r (k, features).
        after: That of s (k, units).
        bias: That of b (k, units); uniform within `±1/√features` by default.
        name: Name of the node.

    Example:
        >>> from reseau.graph import input
        >>> members_affine(members(input("x", (3,)), 8), 16, name="hidden")
        <'hidden' (batch, 8, 16)>
    """
    who = called(name, "members_affine", f"{units} units")
    check_whole(who, units=units)
    count, features = _lengths(who, x, name)
    even = Uniform(-sqrt(1 / features), sqrt(1 / features))
    r = source(who, before, (count, features), "before", name)
    w = source(who, even if weight is None else weight, (features, units), "weight", name)
    s = source(who, after, (count, units), "after", name)
    b = source(who, even if bias is None else bias, (count, units), "bias", name)
    return apply_op(Add(), apply_op(Affine(), x * r, w) * s, b, name=name)


def separate_affine(
    x: Node,
    units: int,
    *,
    weight: Node | Initializer | None = None,
    bias: Node | Initializer | None = None,
    name: str | None = None,
) -> Node:
    """`x_i W_i + b_i` for each member i of (batch, k, features): nothing is shared, as in the last layer of TabM.

    Args:
        x: What it reads, (batch, k, features).
        units: Length of the last axis of the output.
        weight: Initializer of the weights (k, features, units); uniform within `±1/√features` by default.
        bias: That of the biases (k, units); the same by default.
        name: Name of the node.

    Example:
        >>> from reseau.graph import input
        >>> separate_affine(members(input("x", (3,)), 8), 2, name="scores")
        <'scores' (batch, 8, 2)>
    """
    who = called(name, "separate_affine", f"{units} units")
    check_whole(who, units=units)
    count, features = _lengths(who, x, name)
    even = Uniform(-sqrt(1 / features), sqrt(1 / features))
    w = source(who, even if weight is None else weight, (count, features, units), "weight", name)
    b = source(who, even if bias is None else bias, (count, units), "bias", name)
    return apply_op(Add(), apply_op(Einsum("bki,kio->bko"), x, w), b, name=name)


def _lengths(who: str, x: Node, name: str | None) -> tuple[int, int]:
    """How many members there are, and how many features each reads."""
    if len(check_node(who, x).shape) != 3:
        raise misfit(who, "(batch, members, features)", x, put("members(x, 8)", x, name))
    return int(x.shape[1]), int(x.shape[2])
