"""Constrained and proximal training of one hidden layer, affine → relu → affine, for the optimizers' wrappers.

A neuron is `v_j = (w_j, b_j)` with the norm `ν_j = ‖v_j‖₂`, its outgoing weights are the row `η_j`. Where a bias is to
be measured in units of a radius R, `ν_j = √(‖w_j‖² + b_j² / R²)`, put `ScaledBias` around the whole.

Example:
    >>> import reseau as rs
    >>> x = rs.input("x", (1,))
    >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 50)), 1, bias=False))
    >>> inside = rs.optimizers.Projected(rs.optimizers.SGD(0.1), PathNormBall(net, 2.0))
    >>> X = np.linspace(-1, 1, 64)[:, None]
    >>> objective = rs.Objective(net, loss=rs.losses.SquaredError())
    >>> found = rs.fit(objective, (X, 5 * X), optimizer=inside, epochs=20, progress=False)
    >>> bool(rs.theory.ShallowNetwork.from_network(net, found.params).path_norm <= 2 * (1 + 1e-6))
    True
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from reseau.errors import DataError, GraphError
from reseau.named_arguments import names_arguments
from reseau.network import Network
from reseau.optimizers import SGD, Optimizer, Params
from reseau.optimizers.schedules import as_schedule
from reseau.penalties import check_strength, one_hidden_layer

__all__ = ["OutputProx", "PathNormBall", "PathNormProx", "Prox", "Proximal", "ScaledBias"]


class Names(NamedTuple):
    """The parameters of one hidden layer."""

    weight: str
    bias: str | None
    outputs: str


@names_arguments
@dataclass(frozen=True)
class PathNormBall:
    """The nearest parameters with `ν_j = 1` for every neuron and `Σ_j ‖η_j‖₂ ≤ bound`, for `optimizers.Projected`.

    The set is a product: each neuron is divided by its norm, and the outputs are projected on the ℓ1 ball, exactly and
    without regard to the neurons. (`theory.retract` multiplies `η_j` by `ν_j` first, which keeps the function of a
    trained network; between gradient steps that would have other fixed points than the optimum.) A neuron that is zero
    has no nearest point on the sphere and stays zero. With `bound=inf` the outputs are free.

    Args:
        network: affine → relu → affine without a bias in the last layer, which the path norm would not bound.
        bound: D, at least 0.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3, name="v")), 1, bias=False, name="eta"))
        >>> params = {"v.weight": np.eye(2, 3), "v.bias": np.ones(3), "eta.weight": np.array([[3.0], [0.5], [0.0]])}
        >>> inside = rs.constraints.PathNormBall(net, bound=1.0)(params)
        >>> print(np.abs(inside["eta.weight"]).sum().round(3))
        1.0

    Source: Duchi, Shalev-Shwartz, Singer and Chandra, *Efficient Projections onto the ℓ1-Ball*, 2008.
    """

    network: Network
    bound: float = inf

    def __post_init__(self) -> None:
        if not self.bound >= 0:
            raise DataError(f"PathNormBall: bound={self.bound}\n  fix: a bound of at least 0")
        self.names  # noqa: B018  (refuses other graphs here)
        if len(self.network.graph.outputs[0].parents) > 2:
            raise GraphError(
                "PathNormBall: the last layer has a bias, which no path norm bounds\n"
                "  fix: rs.affine(h, units, bias=False); a hidden unit can learn a constant"
            )

    @cached_property
    def names(self) -> Names:
        """The parameters it moves."""
        return _names(self.network)

    def __call__(self, params: Params) -> Params:
        weight, bias, outputs = self.names
        nu = neuron_norms(params, self.names)
        over = jnp.where(nu > 0, nu, 1)
        moved = {weight: params[weight] / over} | ({} if bias is None else {bias: params[bias] / over})
        sizes = row_norms(params[outputs])
        return params | moved | {outputs: resized(params[outputs], sizes, project_l1(sizes, self.bound))}


class Prox(ABC):
    """A penalty by its proximal map, `argmin_u ½ ‖u - θ‖² + step Ω(u)`.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3, name="v")), 1, bias=False, name="eta"))
        >>> params = {"v.weight": np.eye(2, 3), "v.bias": np.ones(3), "eta.weight": np.array([[3.0], [0.5], [0.0]])}
        >>> issubclass(rs.constraints.OutputProx, rs.constraints.Prox)
        True
    """

    @abstractmethod
    def __call__(self, params: Params, step: Array | float) -> Params:
        """The parameters after a step of this length."""


@names_arguments
@dataclass(frozen=True)
class OutputProx(Prox):
    """`strength Σ_j ‖η_j‖₂`: soft thresholding of the outgoing weights, row by row.

    With `PathNormBall(network)` around it, all `ν_j = 1`, it is the path norm.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3, name="v")), 1, bias=False, name="eta"))
        >>> params = {"v.weight": np.eye(2, 3), "v.bias": np.ones(3), "eta.weight": np.array([[3.0], [0.5], [0.0]])}
        >>> prox = rs.constraints.OutputProx(net, strength=1.0)
        >>> print(np.ravel(prox(params, 1.0)["eta.weight"]))
        [2. 0. 0.]
    """

    network: Network
    strength: float

    def __post_init__(self) -> None:
        check_strength(self.strength)

    @cached_property
    def names(self) -> Names:
        """The parameters it moves."""
        return _names(self.network)

    def __call__(self, params: Params, step: Array | float) -> Params:
        outputs = self.names.outputs
        sizes = row_norms(params[outputs])
        return params | {outputs: resized(params[outputs], sizes, jnp.maximum(sizes - step * self.strength, 0))}


@names_arguments
@dataclass(frozen=True)
class PathNormProx(Prox):
    """`strength Σ_j ‖η_j‖₂ ν_j`, the path norm itself. It is not convex; its proximal map has a closed form.

    Where the step times the strength is 1 or more, the smaller of the two factors becomes zero.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3, name="v")), 1, bias=False, name="eta"))
        >>> params = {"v.weight": np.eye(2, 3), "v.bias": np.ones(3), "eta.weight": np.array([[3.0], [0.5], [0.0]])}
        >>> prox = rs.constraints.PathNormProx(net, strength=0.1)
        >>> isinstance(prox, rs.constraints.Prox), sorted(prox(params, 1.0)) == sorted(params)
        (True, True)

    Source: Latorre, Rolland, Hallak and Cevher, *Efficient Proximal Mapping of the 1-Path-Norm of Shallow Networks*,
    2020, which treats the ℓ1 norm of a neuron.
    """

    network: Network
    strength: float

    def __post_init__(self) -> None:
        check_strength(self.strength)

    @cached_property
    def names(self) -> Names:
        """The parameters it moves."""
        return _names(self.network)

    def __call__(self, params: Params, step: Array | float) -> Params:
        weight, bias, outputs = self.names
        r0, h0 = row_norms(params[outputs]), neuron_norms(params, self.names)
        t = step * self.strength
        r, h = (r0 - t * h0) / (1 - t**2), (h0 - t * r0) / (1 - t**2)
        # near t = 1 both quotients are without meaning, and unused: one of the two factors is zero
        small_r, small_h = (r0 <= t * h0) & ((t < 1) | (r0 <= h0)), (h0 <= t * r0) & ((t < 1) | (h0 < r0))
        r, h = (
            jnp.where(small_r, 0, jnp.where(small_h, r0, r)),
            jnp.where(small_r, h0, jnp.where(small_h, 0, h)),
        )
        scale = jnp.where(h0 > 0, h / jnp.where(h0 > 0, h0, 1), 0)
        moved = {weight: params[weight] * scale} | ({} if bias is None else {bias: params[bias] * scale})
        return params | moved | {outputs: resized(params[outputs], r0, r)}


@dataclass(frozen=True)
class Proximal(Optimizer):
    """A gradient step of plain SGD on the objective, then the proximal map of a penalty that is not part of it.

    The map takes the learning rate of the very step. Momentum and rates that differ between coordinates would need
    another map, and are refused. The losses of the history do not contain the penalty.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3, name="v")), 1, bias=False, name="eta"))
        >>> params = {"v.weight": np.eye(2, 3), "v.bias": np.ones(3), "eta.weight": np.array([[3.0], [0.5], [0.0]])}
        >>> step = rs.constraints.Proximal(rs.optimizers.SGD(0.1), rs.constraints.OutputProx(net, 0.5))
        >>> zero = {name: np.zeros(np.shape(value)) for name, value in params.items()}
        >>> print(np.ravel(step.update(params, zero, step.init(params), 0)[0]["eta.weight"]).round(3))
        [2.95 0.45 0.  ]

    Source: Combettes and Wajs, *Signal Recovery by Proximal Forward-Backward Splitting*, 2005.
    """

    optimizer: SGD
    prox: Prox

    def __post_init__(self) -> None:
        if not isinstance(self.optimizer, SGD) or self.optimizer.momentum:
            raise DataError(f"Proximal: it needs plain SGD, got {self.optimizer!r}\n  fix: Proximal(SGD(rate), prox)")

    def init(self, params: Params) -> Any:
        return self.optimizer.init(params)

    def update(self, params: Params, grads: Params, state: Any, t: Array) -> tuple[Params, Any]:
        params, state = self.optimizer.update(params, grads, state, t)
        return self.prox(params, as_schedule(self.optimizer.learning_rate)(t)), state


@names_arguments
@dataclass(frozen=True)
class ScaledBias(Optimizer):
    """Lets `optimizer` see each hidden bias b as `b / radius`: the norm it works with is `√(‖w‖² + b² / radius²)`.

    A step of SGD then moves the bias `radius²` times as far.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3, name="v")), 1, bias=False, name="eta"))
        >>> params = {"v.weight": np.eye(2, 3), "v.bias": np.ones(3), "eta.weight": np.array([[3.0], [0.5], [0.0]])}
        >>> rs.constraints.ScaledBias(rs.optimizers.SGD(0.1), net, radius=2.0).radius
        2.0
    """

    optimizer: Optimizer
    network: Network
    radius: float

    def __post_init__(self) -> None:
        if not 0 < self.radius < inf:
            raise DataError(f"ScaledBias: radius={self.radius}\n  fix: a positive finite radius")

    @cached_property
    def bias(self) -> str:
        """The parameter it scales."""
        name = _names(self.network).bias
        if name is None:
            raise GraphError("ScaledBias: the hidden layer has no bias\n  fix: leave ScaledBias out")
        return name

    def init(self, params: Params) -> Any:
        return self.optimizer.init(self._times(params, 1 / self.radius))

    def update(self, params: Params, grads: Params, state: Any, t: Array) -> tuple[Params, Any]:
        inside, slopes = self._times(params, 1 / self.radius), self._times(grads, self.radius)
        moved, state = self.optimizer.update(inside, slopes, state, t)
        return self._times(moved, self.radius), state

    def _times(self, values: Params, factor: float) -> Params:
        scaled = values[self.bias] * np.asarray(factor, values[self.bias].dtype)
        return values | {self.bias: scaled}


def project_l1(sizes: Array, bound: float) -> Array:
    """Nearest point of `{z >= 0, Σ z <= bound}` to a vector that is nowhere negative; a point inside is unchanged.

    The threshold rises, over the entries above it, until it cuts none of them: no sorting, which the CPU is slow at.

    Source: Michelot, *A Finite Algorithm for Finding the Projection of a Point onto the Canonical Simplex*, 1986.
    """

    def higher(cut: tuple[Array, Array]) -> tuple[Array, Array]:
        above = sizes > cut[1]
        return cut[1], (jnp.sum(jnp.where(above, sizes, 0)) - bound) / jnp.maximum(jnp.sum(above), 1)

    start = (jnp.sum(sizes) - bound) / len(sizes)
    threshold, _ = lax.while_loop(lambda cut: cut[1] > cut[0], higher, (jnp.full_like(start, -inf), start))
    kept = jnp.maximum(sizes - threshold, 0)
    # the subtractions round: shrink by the ulps that would leave the point outside
    total = jnp.sum(kept)
    kept = kept * jnp.where(total > bound, bound / jnp.where(total > 0, total, 1), 1)
    inside = jnp.where(jnp.sum(sizes) <= bound, sizes, kept)
    return jnp.where(bound > 0, inside, 0)  # XLA takes subnormal sizes for 0, which would pass as inside


def row_norms(outputs: Array) -> Array:
    """`‖η_j‖₂` for each row."""
    return jnp.sqrt(jnp.sum(outputs * outputs, axis=1))


def neuron_norms(params: Params, names: Names) -> Array:
    """`ν_j` for each neuron."""
    squares = jnp.sum(params[names.weight] ** 2, axis=0)
    return jnp.sqrt(squares if names.bias is None else squares + params[names.bias] ** 2)


def resized(outputs: Array, sizes: Array, new: Array) -> Array:
    """The rows with new norms; a zero stays zero."""
    return outputs * jnp.where(sizes > 0, new / jnp.where(sizes > 0, sizes, 1), 0)[:, None]


def _names(network: Network) -> Names:
    try:
        weight, bias, outputs = one_hidden_layer(network.graph)
    except GraphError:
        kinds = " → ".join(n.kind for n in network.graph.nodes if n.op is not None)
        raise GraphError(
            f"this is defined for one hidden layer, affine → relu → affine; the graph is {kinds}\n"
            "  fix: train the network with a penalty instead, such as penalties.L2(strength)"
        ) from None
    names = network.graph.names
    return Names(names[weight], None if bias is None else names[bias], names[outputs])
