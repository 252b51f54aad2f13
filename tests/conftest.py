"""Tests run in float64, where an error of the mathematics cannot hide behind rounding."""

import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # read when scipy is first imported; scikit-learn's checks ask for it
os.environ["RESEAU_COMPILE_CACHE"] = "off"  # no test writes into the cache of whoever runs it

import gc

gc.disable()  # until all is imported, which stays

from importlib.metadata import version
from importlib.util import find_spec

# Most of the suite's time goes to compiling thousands of small programs: these settings make it a quarter, here and in
# the processes that tests start. XLA_FLAGS="" asks for the machine code that users run.
if version("jaxlib").startswith("0.10.") and "XLA_FLAGS" not in os.environ:  # later ones end at a flag they do not know
    os.environ["XLA_FLAGS"] = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"

import jax
from hypothesis import settings

from tools.shared_data import SHARED

jax.config.update("jax_enable_x64", True)

jax.config.update("jax_traceback_in_locations_limit", 0)  # where each operation stands in the source: nobody asks

# the same examples in every run, so that a failure is a change of the code; `make fuzz` draws others, for long
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("fuzz", max_examples=5000, deadline=None)
settings.load_profile("repeatable")


# what needs more than the test extra installs is collected only where it can run
NEEDS = {
    "modelfiles/onnx/test_real_files.py": SHARED.is_dir(),
    "modelfiles/onnx/test_torch_exports.py": find_spec("torch") is not None,
    "test_docs_tables.py": SHARED.is_dir(),
}
collect_ignore = [name for name, there in NEEDS.items() if not there]


def pytest_collection_finish() -> None:
    """What was imported is not looked at again by every collection of garbage, of which there are fewer."""
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


def pytest_terminal_summary(terminalreporter) -> None:
    """Print the counts that a test recorded: how many cases of ONNX's conformance tests passed, ran, were skipped."""
    for report in terminalreporter.stats.get("passed", []):
        counts = dict(report.user_properties)
        if "passed" in counts:
            told = ", ".join(f"{count} {what}" for what, count in counts.items())
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {told}")
