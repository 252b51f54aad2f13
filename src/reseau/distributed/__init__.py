"""Several processes that train as one, on JAX's own distributed runtime.

Each process runs the same program: `rs.distributed.start(...)` first, then `rs.fit` as ever. See docs/scaling.md.
"""

from reseau.distributed.start import start

__all__ = ["start"]
