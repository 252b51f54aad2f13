"""Tests run in float64, where an error of the mathematics cannot hide behind rounding."""

import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # read when scipy is first imported; scikit-learn's checks ask for it
from tools import forked
from tools.compiling import PROGRAMS, keep_programs, quick, share_contexts

os.environ["RESEAU_COMPILE_CACHE"] = str(PROGRAMS)  # no test writes into the cache of whoever runs it

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests have as many processes as cores; threads that wait would spin

os.environ.update(quick())  # read when JAX is imported, here and in the processes that tests start

import gc
import signal
from importlib.util import find_spec
from types import ModuleType

import jax
import pytest
from hypothesis import settings
from numpy.random import Generator, RandomState

from tools.shared_data import SHARED

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests press Ctrl-C; a shell's background jobs ignore it

gc.disable()  # until all tests are imported

jax.config.update("jax_enable_x64", True)

jax.config.update("jax_traceback_in_locations_limit", 0)  # where each operation stands in the source: nobody asks

share_contexts()

pytest.register_assert_rewrite("tools.pages")  # a page that prints something else is shown where it does

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


@pytest.fixture
def optimized():
    """For what trains long: XLA optimizes its programs, which takes longer than it saves elsewhere."""
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


LONG = (
    "distributed/",
    "onnx/test_conformance.py",
    "training/test_killed_runs.py",
    "training/test_small_graphs.py",
    "test_docs.py",
)


def pytest_collection_modifyitems(items) -> None:
    """The longest come first: at the end, one of them would keep the other processes waiting."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONG))


class Draws:
    """What a generator draws next, as a value that is kept and put back."""

    def __init__(self, generator: Generator | RandomState) -> None:
        self.generator = generator
        self.begun = generator.bit_generator.state if isinstance(generator, Generator) else generator.get_state()

    def again(self) -> None:
        """Let it draw what it drew first."""
        if isinstance(self.generator, Generator):
            self.generator.bit_generator.state = self.begun
        else:
            self.generator.set_state(self.begun)


DRAWS: dict[ModuleType, list[Draws]] = {}
"""Of the generators in each file of tests, as its import left them."""


def pytest_collection_finish(session) -> None:
    """What was imported stays, and is not looked at by every collection of garbage; there are fewer of them."""
    for module in {item.module for item in session.items}:
        DRAWS[module] = [Draws(value) for value in vars(module).values() if isinstance(value, Generator | RandomState)]
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


def pytest_runtest_teardown(item, nextitem) -> None:
    """What a file of tests leaves, as programs that JAX keeps, is not looked at again either."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


def pytest_runtest_setup(item) -> None:
    """Compiled programs are kept, whatever the test before has chosen, and what is drawn depends on no other test."""
    keep_programs()
    for draws in DRAWS[item.module]:
        draws.again()


def pytest_sessionfinish() -> None:
    """What other processes were forked from ends with the tests."""
    forked.end_servers()


def pytest_terminal_summary(terminalreporter) -> None:
    """Print the counts that a test recorded: how many cases of ONNX's conformance tests passed, ran, were skipped."""
    for report in terminalreporter.stats.get("passed", []):
        counts = dict(report.user_properties)
        if "passed" in counts:
            told = ", ".join(f"{count} {what}" for what, count in counts.items())
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {told}")
