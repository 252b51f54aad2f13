"""What XLA is told when it compiles: every program of ours is compiled with one of these, or with more than one."""

import jax

__all__ = ["ONE_KERNEL", "QUICK", "SOUND", "VERSION", "Options"]

Options = dict[str, str | int | bool]

VERSION = tuple(int(part) for part in jax.__version__.split(".")[:2])

LIBRARY = "xla_cpu_experimental_ynn_fusion_type"
"""What is computed by the library YNN; all by default."""

SOUND: Options = {LIBRARY: "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION"}
"""For every program: matrix products and convolutions by YNN, but no sums, maxima and pools.

XLA makes one call of YNN of a sum and the product before it, and where the second factor of the product is one number
repeated, YNN reads memory that nobody wrote: `jax.jit(lambda x: (x @ jnp.full((64, 100), 0.02)).sum())` gives another
value each time, with jaxlib 0.10.2 and 0.12. A network meets that with weights that a file has as a constant. The steps
of `make bench` take as long with it as without, within the 5 % by which two runs differ.
"""

QUICK: Options = SOUND | {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""For what runs once: the time goes into compilation, not into what is compiled."""

ONE_KERNEL: Options = {LIBRARY: ""}
"""For one machine-code function, of which the matrix products of YNN cannot be part."""
