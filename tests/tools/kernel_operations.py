"""Every operation compiled as a part of a kernel, in a process of its own: prints JAX's operations that were met."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from reseau.training.kernel import PRIMITIVES, Kernel, primitives
from tools.operation_cases import CASES, Draw


def array(rng, spec, batch):
    lengths = spec.shape if isinstance(spec, Draw) else spec
    shape = tuple(batch if d == "batch" else d for d in lengths)
    x = spec.make(rng, shape) if isinstance(spec, Draw) else rng.standard_normal(shape)
    return x.astype(np.float32) if x.dtype.kind == "f" else x


def looped(op):
    """The operation and its derivative, in a loop as steps are."""

    def run(start, inputs, count):
        def step(_, total):
            moved = [x + total * 0 if x.dtype.kind == "f" else x for x in inputs]
            y = op.forward(*moved)
            total = total + jnp.sum(y).astype(jnp.float32)
            if jnp.issubdtype(y.dtype, jnp.floating):
                pulled = op.backward(jnp.ones_like(y), y, *moved)
                total = total + sum(jnp.sum(c).astype(jnp.float32) for c in pulled if c is not None)
            return total

        return jax.lax.fori_loop(0, count, step, start)

    return run


if __name__ == "__main__":
    rng, met = np.random.default_rng(0), set()
    for op, specs in CASES:
        for batch in (1, 3):
            kernel = Kernel(looped(op))
            arguments = jnp.zeros(()), [array(rng, spec, batch) for spec in specs], np.int32(2)
            if kernel(*arguments) is not None:
                again = jnp.zeros(()), *arguments[1:]  # the first was overwritten
                met |= primitives(kernel.compiled.jitted().trace(*again).jaxpr.jaxpr)
    print(*sorted(met & PRIMITIVES))
