"""Two machines train to the bits of one, and say so when the cable between them is cut."""

import json
import re

import pytest

from reseau.distributed.watch import LOST
from tools.machines import two_machines
from tools.processes import shared

pytestmark = pytest.mark.posix


@pytest.fixture(scope="module")
def machines():
    """Two network namespaces, where the system lets this user make them."""
    try:
        with two_machines() as made:
            yield made
    except OSError as error:
        pytest.skip(f"the system makes no network namespaces for this user: {error}")


@pytest.mark.slow
def test_two_machines_have_the_bits_of_one(tmp_path, machines):
    run = json.dumps({"name": "run", "epochs": 3, "compute": {"shards": 6}})
    with shared(tmp_path / "one", "shared_run.py", 1, str(tmp_path / "one"), run) as alone:
        assert alone.wait(240) == [0], alone.everything()
    long = json.dumps({"name": "long", "epochs": 10_000, "compute": {"shards": 6}})
    with shared(tmp_path / "two", "shared_run.py", 2, str(tmp_path / "two"), run, long, machines=machines) as both:
        checkpoints = tmp_path / "two" / "long" / "checkpoints"
        both.until(lambda: any(checkpoints.glob("checkpoint-*.safetensors")), 240)
        machines[1].cut()
        assert both.wait(60) == [LOST] * 2, both.everything()
        found = both.results(0) + both.results(1)
        assert "process 1 of 2 gives no sign of life" in both.said(0)[1]
        # the one that is cut off says it, or hears from the runtime that the other one is gone
        assert re.search("does not answer|process 0 of 2 gives no sign of life", both.said(1)[1])
    assert found == [result | {"processes": 2} for result in 2 * alone.results(0)]
