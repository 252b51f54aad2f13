"""Kernels of XLA give the same bits on any number of cores, once their threads are fixed."""

import os
import subprocess
import sys

import pytest

DERIVATIVES = """
import os, sys
from hashlib import sha256

os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
import numpy as np
import reseau as rs

rs.distributed.start(processes=1)
generator = np.random.default_rng(0)
x = rs.input("x", (784,))
net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 512)), 10))
X, y = generator.standard_normal((512, 784)).astype("f4"), generator.integers(0, 10, 512)
_, grads = rs.Objective(net, rs.losses.CrossEntropy()).value_and_grad(net.init(0), X, y)
print(sha256(b"".join(np.asarray(grad).tobytes() for grad in grads.values())).hexdigest())
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system cannot keep a process on some cores")
def test_the_derivatives_on_all_cores_are_those_on_one():
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    started = [
        subprocess.Popen([sys.executable, "-c", DERIVATIVES, cores], env=environment, stdout=subprocess.PIPE, text=True)
        for cores in ("1", str(os.cpu_count()))
    ]
    one, all_of_them = (process.communicate(timeout=200)[0] for process in started)
    assert len(one) == 65
    assert one == all_of_them
