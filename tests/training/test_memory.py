"""Memory that is kept within a run of long steps."""

import numpy as np
import pytest

from reseau.training.memory import glibc, kept

pytestmark = pytest.mark.posix

ENTRIES = 2**23  # 64 MiB, which glibc otherwise gives back at once


def pages_taken(entries: int = ENTRIES) -> int:
    """The pages that the system gives for an array that is written and let go."""
    import resource  # Windows has none

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.empty(entries).fill(1.0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_a_large_array_takes_its_pages_once_within_and_again_and_again_after() -> None:
    with kept():
        pages_taken()
        within = pages_taken()
    after = min(pages_taken() for _ in range(2))
    assert after > 0
    assert min(pages_taken(ENTRIES // 8) for _ in range(3)) < after / 4  # 8 MiB stay in the process, as usual
    assert within < after / 4 or glibc() is None  # another library of C is left alone
