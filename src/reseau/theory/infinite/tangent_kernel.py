"""The tangent kernel of a network: inner products of the derivatives of its outputs by its parameters."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from reseau.compiler import SOUND
from reseau.errors import DataError, UnsupportedError
from reseau.graph import Node, on_host
from reseau.graph.backprop import backprop, constants, evaluate
from reseau.graph.values import check_finite_params, read_inputs
from reseau.named_arguments import names_arguments
from reseau.network import Network
from reseau.ops.base import BATCH
from reseau.theory.shallow.shallow_network import FloatArray

__all__ = ["tangent_kernel"]

BLOCK = 128  # rows whose derivatives are held on each side


@names_arguments
def tangent_kernel(network: Network, params: Mapping[str, Any], X: Any, Z: Any = None) -> FloatArray:
    """`K(x, z) = Σ_θ ∂f(x)/∂θ · ∂f(z)/∂θ` over all parameters, by backpropagation in float64.

    Where parameters move little, training is kernel regression with it (the lazy regime).

    Args:
        network: One output; of each row from its own row alone, as the network is used.
        params: Its parameters; states have no derivative and count as constants.
        X, Z: Rows: an array, or a tuple of them where there are several inputs. `Z` is `X` by default.

    Returns:
        (n, m), or (n, m, C, C) where a row of the output has C > 1 entries.

    Raises:
        DataError: The rows do not fit, or an entry is not finite.
        UnsupportedError: The network has several outputs, or a part of it has no compiled form.

    Example:
        >>> import reseau as rs
        >>> x = rs.input("x", (2,))
        >>> net = rs.Network(x, rs.affine(x, 1))
        >>> tangent_kernel(net, net.init(), np.eye(2)).tolist()   # x · z + 1, the bias
        [[2.0, 1.0], [1.0, 2.0]]

    Source: A. Jacot, F. Gabriel, C. Hongler, *Neural Tangent Kernel*, 2018.
    """
    graph = network.graph
    if len(graph.outputs) != 1 or graph.outputs[0].shape[:1] != (BATCH,) or on_host(graph):
        raise UnsupportedError(
            f"tangent_kernel: the network has {len(graph.outputs)} outputs, or works on texts\n"
            "  fix: rs.Network(net.graph.inputs, net.graph.outputs[0]), the part that has one output of numbers"
        )
    check_finite_params(graph.stored, params, "tangent_kernel")
    with jax.enable_x64(True):
        stored = {name: jnp.asarray(np.asarray(params[name], np.float64)) for name in graph.stored}
        left = _rows(network, X)
        right = left if Z is None else _rows(network, Z)

        def entries(values: dict[str, Any], row: tuple[Any, ...]) -> Any:
            """The derivative of each entry of one row's output by all parameters, in one array."""
            sources: dict[Node, Any] = {n: values[name] for name, n in graph.stored.items()}
            sources |= constants(graph.nodes, np.dtype(np.float64))
            sources |= {n: x[None] for n, x in zip(graph.inputs, row, strict=True)}
            found = evaluate(graph.nodes, sources)
            output = found[graph.outputs[0]]

            def pulled(unit: Any) -> Any:
                grads = backprop(graph.nodes, found, {graph.outputs[0]: unit.reshape(output.shape)})
                return jnp.concatenate(
                    [grads.get(n, jnp.zeros_like(found[n])).reshape(-1) for n in graph.parameters.values()]
                )

            return jax.vmap(pulled)(jnp.eye(output.size))

        jacobian = jax.jit(jax.vmap(entries, (None, 0)), compiler_options=SOUND)

        def blocks(rows: tuple[np.ndarray, ...]) -> Any:
            for i in range(0, len(rows[0]), BLOCK):
                yield np.asarray(jacobian(stored, tuple(r[i : i + BLOCK] for r in rows)))

        kernel = [
            np.concatenate([np.einsum("ncp,mdp->nmcd", a, b, optimize=True) for b in blocks(right)], 1)
            for a in blocks(left)
        ]
    found: FloatArray = np.concatenate(kernel)
    if not np.isfinite(found).all():
        raise DataError("tangent_kernel: a derivative is not finite\n  fix: parameters of a finished training")
    return found[..., 0, 0] if found.shape[2] == 1 else found


def _rows(network: Network, given: Any) -> tuple[np.ndarray, ...]:
    """The inputs as arrays of 64 bits, their shapes checked, of at least one row."""
    arrays: tuple[Any, ...] = given if isinstance(given, tuple) else (given,)
    nodes = network.graph.inputs
    rows = tuple(np.asarray(r) for r in read_inputs(nodes, arrays, np.dtype(np.float64)))
    if not len(rows[0]) or not all(np.isfinite(r).all() for r in rows if r.dtype.kind == "f"):
        raise DataError("tangent_kernel: there is no row, or an entry is not finite\n  fix: rows of finite numbers")
    return rows
