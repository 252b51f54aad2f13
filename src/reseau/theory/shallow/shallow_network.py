"""One hidden layer of ReLU neurons, as a function: the object every theorem here speaks of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reseau.errors import DataError
from reseau.theory.plotting import new_axes

if TYPE_CHECKING:
    from reseau.network import Network

__all__ = ["FloatArray", "ShallowNetwork", "inputs_of", "lift", "positive_scale", "reals", "row_norms"]

FloatArray = npt.NDArray[np.float64]

BLOCK = 2**22
"""Largest number of activations held at once: 32 MiB."""


@dataclass(frozen=True, eq=False)
class ShallowNetwork:
    """The function `f(x) = Σ_j outputs[j] (weights[j] · x + biases[j])_+`.

    The arrays are copied as float64 and made read-only. `radius` is the scale `R` in which a bias
    is measured: a neuron has norm `ν_j = √(|w_j|² + b_j² / R²)`. Two networks are compared as
    functions by `same_function`, never by `==`.

    Args:
        weights: `w`, shape (m, d), per unit of input.
        biases: `b`, shape (m,).
        outputs: `eta`, shape (m,) for one output or (m, C) for C of them.
        radius: `R > 0`, in the unit of the inputs; 1 by default.

    Raises:
        DataError: If shapes disagree, an entry is not finite, or `radius` is not positive.

    Example:
        >>> f = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0])   # the absolute value
        >>> f([-2.0, 0.5]).tolist(), f.path_norm, f.weight_decay
        ([2.0, 0.5], 2.0, 4.0)

    Source: F. Bach, *Learning Theory from First Principles*, chapter 9.
    """

    weights: FloatArray
    biases: FloatArray
    outputs: FloatArray
    radius: float = 1.0

    def __post_init__(self) -> None:
        for name in ("weights", "biases", "outputs"):
            object.__setattr__(self, name, _frozen(getattr(self, name), f"ShallowNetwork.{name}"))
        object.__setattr__(self, "radius", positive_scale(self.radius, "ShallowNetwork.radius"))
        if self.weights.ndim != 2 or self.weights.shape[1] == 0:
            raise DataError(
                f"ShallowNetwork.weights: the shape must be (m, d) with d >= 1, not {self.weights.shape}\n"
                "  fix: for inputs of dimension 1 write weights[:, None]"
            )
        if self.biases.shape != (self.width,):
            raise DataError(
                f"ShallowNetwork.biases: {self.width} rows of weights need the shape ({self.width},), "
                f"not {self.biases.shape}\n  fix: give one bias for each neuron"
            )
        if self.outputs.ndim not in {1, 2} or self.outputs.shape[0] != self.width:
            raise DataError(
                f"ShallowNetwork.outputs: {self.width} rows of weights need the shape ({self.width},) or "
                f"({self.width}, C), not {self.outputs.shape}\n  fix: give one row for each neuron"
            )

    @classmethod
    def from_neurons(cls, neurons: npt.ArrayLike, outputs: npt.ArrayLike, radius: float = 1.0) -> "ShallowNetwork":
        """Build the network from its homogeneous neurons `v_j = (w_j, b_j / R)`, shape (m, d + 1).

        Example:
            >>> ShallowNetwork.from_neurons([[0.6, 0.8]], [2.0], radius=10.0).biases.tolist()
            [8.0]
        """
        v = np.asarray(neurons, dtype=np.float64)
        if v.ndim != 2 or v.shape[1] < 2:
            raise DataError(
                f"neurons: shape {v.shape}\n  fix: give (m, d + 1) with d >= 1, one row (w, b / R) for each neuron"
            )
        return cls(v[:, :-1], v[:, -1] * radius, np.asarray(outputs, dtype=np.float64), radius)

    @classmethod
    def from_network(cls, network: "Network", params: Mapping[str, Any], radius: float = 1.0) -> "ShallowNetwork":
        """Read a trained graph affine → relu → affine; fixed affine operations around the layers are folded in.

        A bias of the last layer becomes one more neuron, constant on all inputs: `w = 0`, `b = 1`.

        Raises:
            GraphError: If the graph is not of this form.

        Example:
            >>> import reseau as rs
            >>> x = rs.input("x", (2,))
            >>> net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 5)), 1))
            >>> ShallowNetwork.from_network(net, net.init(seed=0)).width   # its last bias is zero
            5
        """
        from reseau.theory.shallow.from_network import arrays_of  # loads jax

        return cls(*arrays_of(network, params), radius)

    def to_network(self) -> "tuple[Network, dict[str, Any]]":
        """The same function as a graph to train, save or draw, and its parameters.

        Example:
            >>> net, params = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0]).to_network()
            >>> net(params, [[-2.0]]).tolist()
            [[2.0]]
        """
        from reseau.theory.shallow.from_network import network_of  # loads jax

        return network_of(self.weights, self.biases, self.outputs)

    def __call__(self, x: npt.ArrayLike) -> FloatArray:
        """Evaluate at the rows of `x`, shape (n, d), or (n,) when d = 1; gives (n,) or (n, C).

        Raises:
            DataError: If `x` has another shape or an entry that is not finite.
        """
        points = inputs_of(x, self.dimension)
        values = np.empty((len(points), *self.outputs.shape[1:]))
        rows = max(1, BLOCK // max(self.width, 1))
        for start in range(0, len(points), rows):  # the activations of all rows at once may not fit
            block = slice(start, start + rows)
            values[block] = np.maximum(points[block] @ self.weights.T + self.biases, 0.0) @ self.outputs
        return values

    def __repr__(self) -> str:
        return (
            f"ShallowNetwork(width={self.width}, dimension={self.dimension}, "
            f"outputs={1 if self.outputs.ndim == 1 else self.outputs.shape[1]}, radius={self.radius:g}, "
            f"path_norm={self.path_norm:.6g})"
        )

    @property
    def width(self) -> int:
        """Number of neurons, `m`."""
        return int(self.weights.shape[0])

    @property
    def dimension(self) -> int:
        """Number of inputs, `d`."""
        return int(self.weights.shape[1])

    @property
    def neurons(self) -> FloatArray:
        """Homogeneous neurons `v_j = (w_j, b_j / R)`, shape (m, d + 1)."""
        return np.column_stack([self.weights, self.biases / self.radius])

    @property
    def neuron_norms(self) -> FloatArray:
        """`ν_j = √(|w_j|² + b_j² / R²)`, shape (m,), without overflow in the squares."""
        return row_norms(self.neurons)

    @property
    def output_norms(self) -> FloatArray:
        """`|η_j|`, Euclidean when there are several outputs, shape (m,)."""
        return np.abs(self.outputs) if self.outputs.ndim == 1 else row_norms(self.outputs)

    @property
    def path_norm(self) -> float:
        """`Σ_j |η_j| ν_j`: the norm that the class `F_D` bounds by `D`."""
        return float(np.sum(self.output_norms * self.neuron_norms))

    @property
    def weight_decay(self) -> float:
        """`Σ_j |η_j|² + ν_j²`: at least twice the path norm, and equal to it once balanced."""
        return float(np.sum(self.output_norms**2 + self.neuron_norms**2))

    def plot(self, axes: Any = None) -> Any:
        """Draw the function on the ball of radius R and return the matplotlib axes.

        One input: a curve for each output, with a mark at each kink. Two inputs: filled level sets
        of the single output, with the line where each neuron switches.

        Raises:
            DataError: If there are more than two inputs, or several outputs of two inputs.
            MissingExtraError: If matplotlib is not installed.
        """
        if self.dimension > 2 or (self.dimension == 2 and self.outputs.ndim == 2):
            raise DataError(
                f"ShallowNetwork.plot: cannot draw {self.dimension} inputs and outputs {self.outputs.shape}\n"
                "  fix: plot a slice with one input, or one output of two inputs"
            )
        axes = new_axes("ShallowNetwork.plot") if axes is None else axes
        if self.dimension == 1:
            self._draw_curve(axes)
        else:
            self._draw_levels(axes)
        return axes

    def _draw_curve(self, axes: Any) -> None:
        slopes = self.weights[:, 0]
        moving = slopes != 0
        kinks = -self.biases[moving] / slopes[moving]
        kinks = np.unique(kinks[np.abs(kinks) < self.radius])
        # The function is affine between kinks: these points draw it exactly.
        grid = np.concatenate([[-self.radius], kinks, [self.radius]])
        axes.plot(grid, self(grid))
        if kinks.size:
            values = self(kinks)
            axes.plot(kinks, values if values.ndim == 1 else values[:, 0], "k.", markersize=4)
        axes.set(xlabel="x", ylabel="f(x)")

    def _draw_levels(self, axes: Any) -> None:
        side = np.linspace(-self.radius, self.radius, 201)
        first, second = np.meshgrid(side, side)
        values = self(np.column_stack([first.ravel(), second.ravel()])).reshape(first.shape)
        axes.contourf(first, second, values, levels=20)
        for w, b in zip(self.weights, self.biases, strict=True):
            switch = w[0] * first + w[1] * second + b
            if switch.min() < 0 < switch.max():
                axes.contour(first, second, switch, levels=[0.0], colors="black", linewidths=0.5)
        axes.set(xlabel="x[0]", ylabel="x[1]", aspect="equal")


def reals(value: npt.ArrayLike, place: str) -> FloatArray:
    """Read an array of real numbers as float64; the place is what an error calls it.

    Raises:
        DataError: If it holds texts, or what else is no number, or rows of several lengths.

    Example:
        >>> reals([1, 2], "inputs").dtype
        dtype('float64')
    """
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{place}: not an array of real numbers: {error}\n  fix: give numbers alone") from None


def inputs_of(x: npt.ArrayLike, dimension: int | None = None) -> FloatArray:
    """Read inputs as a float64 array of shape (n, d); (n,) is read as (n, 1).

    Raises:
        DataError: If the shape is another one, or an entry is not finite.

    Example:
        >>> inputs_of([1, 2, 3]).shape
        (3, 1)
    """
    points = reals(x, "inputs")
    if points.ndim == 1 and dimension in {None, 1}:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] == 0 or dimension not in {None, points.shape[1]}:
        wanted = "(n, d)" if dimension is None else f"(n, {dimension})"
        raise DataError(f"inputs: the shape must be {wanted}, not {points.shape}\n  fix: put one example in each row")
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise DataError(f"inputs: row {row} has an entry that is not finite\n  fix: drop the row or fill the entry")
    return points


def lift(x: npt.ArrayLike, radius: float) -> FloatArray:
    """Append the constant feature `R`, so that `w · x + b = (w, b / R) · (x, R)`; shape (n, d + 1).

    Example:
        >>> lift([0.5, -0.5], radius=2.0).tolist()
        [[0.5, 2.0], [-0.5, 2.0]]
    """
    points = inputs_of(x)
    return np.column_stack([points, np.full(len(points), positive_scale(radius, "radius"))])


def row_norms(rows: FloatArray) -> FloatArray:
    """Euclidean norm of each row, shape (m,); scaled by a power of two so that no square overflows.

    Example:
        >>> row_norms(np.array([[6e200, 0.0], [0.0, 0.0]])).tolist()
        [6e+200, 0.0]
    """
    largest = np.max(np.abs(rows), axis=1, initial=0.0)
    exponent = np.frexp(largest)[1]
    norms: FloatArray = np.ldexp(np.linalg.norm(np.ldexp(rows, -exponent[:, None]), axis=1), exponent)
    return norms


def positive_scale(value: float, place: str) -> float:
    """Check a radius: a positive finite number.

    Raises:
        DataError: If it is not one; the message starts with `place`.

    Example:
        >>> positive_scale(2, "radius")
        2.0
    """
    number = float(value)
    if not (np.isfinite(number) and number > 0):
        raise DataError(f"{place}: must be a positive finite number, not {value!r}\n  fix: use the scale of the inputs")
    return number


def _frozen(value: npt.ArrayLike, place: str) -> FloatArray:
    array = reals(value, place).copy()
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(f"{place}: entry {where} is {array[where]}\n  fix: give finite parameters")
    array.setflags(write=False)
    return array
