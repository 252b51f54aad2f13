"""How the derivatives of a batch are computed: in how many parts, where, in what order they are added, in what type."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from reseau.errors import DataError

__all__ = ["Compute"]


@dataclass(frozen=True)
class Compute:
    """How `fit` computes the derivatives of a batch, in one process or in several.

    A batch is cut in `shards`. Each process and device computes the derivatives of some, and all processes add them in
    the same order: parameters and history are the same, to the last bit, for any number of processes and devices (see
    docs/scaling.md). Batch normalization takes the statistics of a shard.

    Attributes:
        shards: Shards of a batch. By default those of the checkpoint that the run goes on from; else 1 where one
            device of one process computes, and 8 where there are several.
        exact: Add the derivatives of the shards in their order. If not, each process adds its own (one shard each, by
            default) and JAX adds those sums: less is sent, and the bits depend on the number of processes.
        devices: Devices of this process to compute on: by default 1 on a CPU, all there are otherwise.
        accumulate: Compute a batch in so many parts, one after another, for less memory: `shards` is a multiple of it.
        products: "bfloat16" for matrix products and convolutions in that type; parameters and sums stay in float32.

    Raises:
        DataError: A number is none of those that can be used, or there is no such type.

    Example:
        >>> import numpy as np, reseau as rs
        >>> x = rs.input("x", (1,))
        >>> objective = rs.Objective(rs.Network(x, rs.affine(x, 1)), loss=rs.losses.SquaredError())
        >>> X = np.linspace(-1, 1, 64)[:, None]
        >>> result = rs.fit(objective, (X, 3 * X), epochs=2, compute=rs.Compute(shards=4), progress=False)
        >>> result.shards
        4
    """

    shards: int | None = None
    exact: bool = True
    devices: int | None = None
    accumulate: int | None = None
    products: Literal["float32", "bfloat16"] | None = None

    def __post_init__(self) -> None:
        for what, given in (("shards", self.shards), ("devices", self.devices), ("accumulate", self.accumulate)):
            if given is not None and (isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 1):
                raise DataError(f"{what}={given!r} cannot be used\n  fix: a whole number from 1 on")
        if self.products not in (None, "float32", "bfloat16"):
            raise DataError(f"products={self.products!r} cannot be used\n  fix: products='bfloat16', or leave it out")
