"""The network of one member, and several trained members as one network."""

from collections.abc import Callable, Mapping, Sequence
from math import log

import numpy as np
from jax import Array, device_put

from reseau.data.table.preprocessing import in_unit
from reseau.data.table.recipe import Recipe
from reseau.graph import Constant, Graph, Input, Node, Parameter, State, rebuilt
from reseau.layers import (
    clip,
    concatenate,
    dropout,
    log_softmax,
    log_sum_exp,
    mish,
    ntk_affine,
    relu,
    reshape,
    scale,
    selu,
    silu,
)
from reseau.network import Network
from reseau.ops import Affine
from reseau.tabular.features import table_features
from reseau.tabular.image_network import image_network
from reseau.tabular.screening import CHOSEN, screened, shares_explained
from reseau.tabular.table_settings import TableSettings

__all__ = [
    "ACTIVATIONS",
    "chosen_features",
    "first_values",
    "joined",
    "member_network",
    "named_apart",
    "what_is_screened",
    "what_layers_read",
]

ACTIVATIONS: dict[str, Callable[..., Node]] = {"mish": mish, "relu": relu, "selu": selu, "silu": silu}
ROWS_READ = 1024  # by which first values are chosen


def member_network(recipe: Recipe, X: np.ndarray, settings: TableSettings) -> Network:
    """From raw rows, or images, to scores: one a class, or one number for standardized targets.

    Source: Holzmüller, Grinsztajn and Steinwart, *Better by Default*, 2024, RealMLP-TD; encodings as in
    Gorishniy, Rubachev and Babenko, *On Embeddings for Numerical Features in Tabular Deep Learning*, 2022.
    """
    if recipe.of_images:
        return image_network(recipe, X, settings)
    x, h = table_features(recipe, X, settings)
    h = scale(screened(h, X.shape[1], len(X)), name="front")
    for i, units in enumerate(settings.hidden):
        h = ntk_affine(h, units, name=f"hidden{i + 1}")
        h = ACTIVATIONS[settings.activation](h, name=f"active{i + 1}")
        h = dropout(h, settings.dropout, name=f"dropout{i + 1}") if settings.dropout else h
    return Network(x, ntk_affine(h, len(recipe.classes) or 1, name="scores"))


def what_layers_read(member: Network) -> Network:
    """The network whose outputs are what the affine layers of a member read, from the first to the last."""
    return Network(member.graph.inputs, [node.parents[0] for node in _affine(member).values()])


def what_is_screened(member: Network) -> Network | None:
    """The network whose output is all features of a member that chooses among them."""
    chosen = [node for node in member.graph.nodes if member.graph.names[node] == "chosen"]
    return Network(member.graph.inputs, chosen[0].parents[0]) if chosen else None


def chosen_features(
    screened: Network | None, params: dict[str, Array], X: np.ndarray, targets: np.ndarray
) -> dict[str, Array]:
    """The parameters with the places of the features that say most about the targets, in their order.

    Args:
        screened: `what_is_screened(member)`.
        params: Parameters of the member.
        X: The rows that it will train on.
        targets: The number, or 0 and 1 by class, of each of them: (rows, targets).
    """
    if screened is None:
        return params
    features = np.asarray(screened({k: params[k] for k in screened.graph.stored}, X))
    like = params[CHOSEN]
    best = np.argsort(-shares_explained(features, targets), kind="stable")[: like.size]
    return params | {CHOSEN: device_put(np.sort(best).astype(like.dtype))}


def _affine(member: Network) -> dict[str, Node]:
    """The affine layers by name, from the first to the last."""
    return {member.graph.names[node]: node for node in member.graph.nodes if isinstance(node.op, Affine)}


def first_values(
    member: Network, read: Network, params: Mapping[str, Array], X: np.ndarray, seed: int
) -> dict[str, Array]:
    """First parameters of a member, scaled by its rows: each unit has deviation 1 on them, and its kink among them.

    The weights of a unit are divided by the deviation of its values. Its bias is minus a random mean of five of them,
    the weights of the mean uniform on a simplex.

    Args:
        member: What `member_network` made.
        read: `what_layers_read(member)`, made once for all members, since it is compiled.
        params: Its parameters as they are drawn without rows.
        X: The rows that it will train on; 1,024 of them are read.
        seed: The same seed gives the same values.

    Source: Holzmüller, Grinsztajn and Steinwart, *Better by Default*, 2024, section 3 ("he+5" of Steinwart, *A Sober
    Look at Neural Network Initializations*, 2019).
    """
    random = np.random.default_rng(seed)
    rows = X[random.permutation(len(X))[:ROWS_READ]]
    rows = rows[np.arange(ROWS_READ) % len(rows)]  # one compiled program for every member
    params = dict(params)
    for i, name in enumerate(_affine(member)):
        weight = np.asarray(params[f"{name}.weight"])
        values = np.asarray(read({k: params[k] for k in read.graph.stored}, rows)[i]) @ weight
        deviation = values.std(0)
        factor = 1 / np.where(deviation > 1e-6, deviation, 1)
        values = values * factor
        chosen = values[random.integers(0, len(values), (5, values.shape[1])), np.arange(values.shape[1])]
        shares = random.dirichlet(np.ones(5), values.shape[1]).T
        params[f"{name}.weight"] = device_put(weight * factor.astype(weight.dtype))
        params[f"{name}.bias"] = device_put(-(chosen * shares).sum(0).astype(weight.dtype))
    return params


def joined(
    members: Sequence[Network], shares: np.ndarray, target: tuple[float, float, float, float] | None
) -> tuple[Network, Network]:
    """Members over one input, and their mean: the network with the scores that a loss reads, and the kept one.

    The mean is that of the probabilities, whose logarithm is the score; or of the numbers, kept within the range of
    the training targets. Its parameters are those of the members, called as `named_apart` calls them.

    Args:
        members: The network of each member.
        shares: What each of them counts in the mean; their sum is 1.
        target: Mean, deviation, least and largest of the training targets; nothing for classes.
    """
    count, x = len(members), members[0].graph.inputs[0]
    each = [_copied(member.graph, prefix(i, count), members[0].graph) for i, member in enumerate(members)]
    if target is None:
        classes = int(each[0].shape[1])
        if count == 1:
            scores = each[0]
        else:
            logs = [log_softmax(one) + log(share) for one, share in zip(each, shares, strict=True)]
            scores = log_sum_exp(concatenate([reshape(one, (1, classes)) for one in logs], 1), 1, name="scores")
        net = Network(x, scores)
        return net, net
    mean, deviation, least, largest = target
    total = each[0] * float(shares[0])
    for one, share in zip(each[1:], shares[1:], strict=True):
        total = total + one * float(share)
    standardized = clip(total, (least - mean) / deviation, (largest - mean) / deviation)
    return Network(x, standardized), Network(x, in_unit(standardized, mean, deviation))


def named_apart(members: Sequence[Network], params: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """The parameters of all members under the names that they have in the joined network; other states are shared."""
    found: dict[str, Array] = {}
    for i, (member, values) in enumerate(zip(members, params, strict=True)):
        for name in member.graph.stored:
            own = name in member.graph.parameters or name == CHOSEN
            found.setdefault(f"{prefix(i, len(members))}{name}" if own else name, values[name])
    return found


def prefix(i: int, count: int) -> str:
    """What is put before the names of a member's own nodes."""
    return f"member{i + 1} " if count > 1 else ""


def _copied(graph: Graph, before: str, first: Graph) -> Node:
    """The output of a copy with parameters of its own; what depends on none of them is that of the first graph."""
    made = {(node.op, node.parents): node for node in first.nodes if node.op is not None}

    def own(node: Node, parents: tuple[Node, ...]) -> Node:
        if isinstance(node.source, Input):
            return first.inputs[0]
        if isinstance(node.source, Parameter) or (node.source and graph.names[node] == CHOSEN):
            return Node(None, (), node.shape, f"{before}{graph.names[node]}", node.source)
        if node.op is None:
            return next((other for other in first.nodes if _same(node, graph, other, first)), node)
        return made.get((node.op, parents)) or Node(node.op, parents, node.shape, node.name and f"{before}{node.name}")

    return rebuilt(graph.nodes, own)[graph.outputs[0]] if before else graph.outputs[0]


def _same(node: Node, graph: Graph, other: Node, first: Graph) -> bool:
    """Whether two sources of two graphs hold the same numbers: constants, or states of one name."""
    a, b = node.source, other.source
    if isinstance(a, State) and isinstance(b, State):
        return graph.names[node] == first.names[other] and np.array_equal(a.value, b.value)
    if not isinstance(a, Constant) or not isinstance(b, Constant):
        return False
    return a.exact == b.exact and a.value.dtype == b.value.dtype and np.array_equal(a.value, b.value)
