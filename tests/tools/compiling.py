"""How XLA compiles the programs of tests, which takes most of their time: they are many and small."""

import os
from importlib.metadata import version

__all__ = ["AS_USERS", "quick"]

AS_USERS = {"XLA_FLAGS": "", "JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}
"""The environment of a process that compiles what users run."""


def quick() -> dict[str, str]:
    """The environment in which a program is compiled in a seventh of the time: an older way, and no optimizer.

    Nothing where XLA_FLAGS is set, as in `XLA_FLAGS= pytest`, which compiles as for users. A jaxlib later than 0.10
    would end at the name of a flag that it does not know.
    """
    if "XLA_FLAGS" in os.environ or not version("jaxlib").startswith("0.10."):
        return {}
    flags = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    return {"XLA_FLAGS": flags, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
