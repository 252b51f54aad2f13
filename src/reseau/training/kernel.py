"""A very small program as one machine-code function, which a CPU runs without XLA's scheduler.

XLA compiles such a function by other rules, and where they are broken it ends the process instead of raising. Two
things are therefore required of what is compiled so:

- Every argument is read. The function's table of buffers holds what its instructions read and write, and an argument
  that none of them reads has no place in it (`IrEmitter::EmitGlobalBufferPointer`: "All or none of the slices should
  have an explicit index"). XLA's own simplifications decide what is left to read, so one entry of each argument goes
  into a result that is returned.
- Its operations are among those that the tests compile so.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.xla_metadata import set_xla_metadata

from reseau.cache import Compiled
from reseau.compiler import ONE_KERNEL
from reseau.stored_programs import Content

__all__ = ["PROGRAMS", "Kernel"]

PROGRAMS = 16  # lengths of data for which the compiled program is kept

PRIMITIVES = frozenset(
    (
        "abs acos acosh add add_any and asin asinh atan atanh broadcast_in_dim ceil concatenate convert_element_type "
        "cos cosh cumprod cumsum custom_jvp_call div dot_general dynamic_slice eq erf erfc exp floor gather ge gt "
        "integer_pow iota is_finite jit le log log1p logistic lt max min mul ne neg optimization_barrier pad pow "
        "reduce_max reduce_sum rem reshape rev round rsqrt scatter select_n sign sin sinh slice split sqrt squeeze "
        "stop_gradient sub tan tanh transpose while xla_metadata_value"
    ).split()
)
"""JAX's operations that may be part of a kernel: the tests compile each. A program with others is compiled as usual."""


class Kernel:
    """A function of arrays, compiled as one machine-code function; its first argument is overwritten.

    Attributes:
        compiled: The function with one more result, which holds an entry of each argument.
        fits: Whether arguments of these shapes and types can be compiled so, for those met so far.
    """

    def __init__(self, function: Callable[..., Any], content: Content | None = None) -> None:
        def reading_all(*arguments: Any) -> Any:
            return function(*arguments), entries(arguments)

        def whole(*arguments: Any) -> Any:
            inner = jax.jit(reading_all)
            if not primitives(inner.trace(*arguments).jaxpr.jaxpr) <= PRIMITIVES:
                raise NotAKernel
            out = inner(*arguments)
            return jax.tree.map(partial(set_xla_metadata, xla_cpu_small_call="true", inlineable="false"), out)

        self.compiled = Compiled(whole, PROGRAMS, content=content, donate_argnums=0, options=ONE_KERNEL)
        self.fits: dict[Any, bool] = {}

    def __call__(self, *arguments: Any) -> Any:
        """The function's results; none where it has to be compiled as other programs are, and nothing has run."""
        shapes = tuple((x.shape, x.dtype) for x in jax.tree.leaves(arguments))
        if shapes not in self.fits:
            self.fits[shapes] = all(prod(shape) for shape, _ in shapes)
        if not self.fits[shapes]:
            return None
        try:
            return self.compiled(*arguments)[0]
        except (NotAKernel, jax.errors.JaxRuntimeError):  # or XLA has no rule for an operation in a kernel
            self.fits[shapes] = False
            return None


class NotAKernel(Exception):
    """A function with an operation that the tests do not compile so."""


def entries(arguments: Any) -> Array:
    """The sum of one entry of each array, so that each is read."""
    return sum((jnp.ravel(x)[0].astype(jnp.float32) for x in jax.tree.leaves(arguments)), jnp.zeros((), jnp.float32))


def primitives(program: Any) -> set[str]:
    """The names of JAX's operations in a program, those inside loops and calls included."""
    found = set()
    for equation in program.eqns:
        found.add(equation.primitive.name)
        for value in jax.tree.leaves(equation.params, is_leaf=lambda v: hasattr(v, "eqns") or hasattr(v, "jaxpr")):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                found |= primitives(inner)
    return found
