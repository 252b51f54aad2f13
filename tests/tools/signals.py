"""Signals of our own making: a thermocouple from its published polynomial, a heartbeat, a crash with repeated times."""

import numpy as np

# E in millivolts as a polynomial of the temperature in degrees Celsius, from 0 degrees up (ITS-90 reference functions;
# G. Burns, M. Scroger, G. Strouse, M. Croarkin, W. Guthrie, *NIST Monograph 175*, 1993).
ITS_90 = {
    "K": (
        -0.176004136860e-01, 0.389212049750e-01, 0.185587700320e-04, -0.994575928740e-07, 0.318409457190e-09,
        -0.560728448890e-12, 0.560750590590e-15, -0.320207200030e-18, 0.971511471520e-22, -0.121047212750e-25,
    ),
    "B": (
        0.0, -0.246508183460e-03, 0.590404211710e-05, -0.132579316360e-08, 0.156682919010e-11, -0.169445292400e-14,
        0.629903470940e-18,
    ),
}  # fmt: skip


def thermocouple(kind, highest):
    """Whole degrees from 0, and millivolts rounded to 0.001 as in the printed tables."""
    degrees = np.arange(highest + 1.0)
    volts = np.polynomial.Polynomial(ITS_90[kind])(degrees)
    if kind == "K":  # the magnetic ordering of its alloys adds a bump
        volts = volts + 0.1185976 * np.exp(-0.1183432e-3 * (degrees - 126.9686) ** 2)
    return degrees, np.round(volts, 3)


def heartbeat(count=1024, seed=0):
    """An electrocardiogram of whole numbers: five waves a beat, a slow drift, noise."""
    t = np.arange(count, dtype=float)
    beat = t % 290.0
    waves = ((60, 12, 25), (100, 4, -30), (110, 5, 300), (120, 5, -70), (190, 20, 60))
    y = sum(height * np.exp(-(((beat - center) / width) ** 2) / 2) for center, width, height in waves)
    return t, np.round(y + 20 * np.sin(t / 150) + 4 * np.random.default_rng(seed).normal(size=count))


def crash(seed=0):
    """Accelerations of a head in a crash, in g, at times in ms of which some are repeated."""
    rng = np.random.default_rng(seed)
    times = np.sort(np.round(rng.uniform(2, 58, 133), 1))
    times[1::7] = times[:-1:7][: len(times[1::7])]
    times = np.sort(times)
    shape = -110 * np.exp(-(((times - 21) / 5) ** 2) / 2) + 45 * np.exp(-(((times - 33) / 4) ** 2) / 2)
    return times, np.round(shape + 15 * rng.normal(size=len(times)), 1)
