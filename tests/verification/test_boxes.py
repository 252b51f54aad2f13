"""Bounds of a chain against its exact values, in rationals and in float32 summed in any order."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from reseau.verification.boxes import Boxes, backward_bounds, forward_bounds, tightened
from reseau.verification.chain import Chain, Layer
from tools import chains


def random_chain(rng):
    """Small networks whose units are often close to their kinks, with weights of very different sizes."""
    widths = [int(rng.integers(1, 4)), *rng.integers(1, 6, int(rng.integers(0, 4))), int(rng.integers(1, 4))]
    scale = 10.0 ** rng.integers(-3, 4)
    layers = []
    for a, b in itertools.pairwise(widths):
        weight = (rng.standard_normal((a, b)) * scale ** rng.choice([-1, 0, 1])).astype(np.float32).astype(float)
        bias = (rng.standard_normal(b) * rng.choice([0, 0.1, 1])).astype(np.float32).astype(float)
        layers.append(Layer(weight, bias, float(rng.choice([0.0, 0.0, 0.125, 1.0]))))
    layers[-1] = Layer(layers[-1].weight, layers[-1].bias)
    return Chain(tuple(layers))


def random_boxes(rng, chain):
    low = rng.uniform(-1, 1, (chain.inputs, 2))
    width = rng.choice([0.0, 1e-9, 0.1, 1.0], (chain.inputs, 2)) * rng.random((chain.inputs, 2))
    return Boxes(low, low + width, np.ones((1, 2), bool))


def check_one(seed):
    rng = np.random.default_rng(seed)
    chain = random_chain(rng)
    boxes = random_boxes(rng, chain)
    rows, constants = rng.standard_normal((2, chain.outputs)), rng.standard_normal(2)
    bounded = forward_bounds(chain, boxes, rows, constants, False)
    pairs = np.array([0, 1])
    lows = [bounded.low[:, b] for b in pairs]
    for row in range(2):
        asked = np.tile(rows[row], (2, 1)), np.full(2, constants[row])
        found, _ = backward_bounds(chain, *bounded.of(pairs), *asked, False, 3)
        for b in pairs:
            lows[b][row] = max(lows[b][row], found[b])
    for b in pairs:
        low, high = boxes.low[:, b], boxes.high[:, b]
        corners = rng.integers(0, 2, (4, chain.inputs))
        points = [np.where(c, high, low) for c in corners] + [np.clip(low + rng.random() * (high - low), low, high)]
        for x in points:
            y = chain.exact([Fraction(v) for v in x.tolist()])
            for row in range(2):
                value = sum(Fraction(c) * v for c, v in zip(rows[row].tolist(), y, strict=True))
                assert Fraction(float(lows[b][row])) <= value + Fraction(constants[row])


def test_no_bound_is_crossed_by_an_exact_evaluation():
    for seed in range(150):
        check_one(seed)


@pytest.mark.slow
def test_no_bound_of_ten_thousand_networks_is_crossed():
    for seed in range(10_000):
        check_one(seed + 1000)


def test_what_unstable_units_read_is_bounded_closer_than_by_intervals():
    rng = np.random.default_rng(0)
    for _ in range(10):
        chain = chains.random_chain(rng, [3, 8, 8, 8, 2])
        box = Boxes(-0.2 * np.ones((3, 1)), 0.2 * np.ones((3, 1)), np.ones((1, 1), bool))
        bounded = forward_bounds(chain, box, np.eye(2), np.zeros(2), False)
        least, most, x = box.low, box.high, rng.uniform(-0.2, 0.2, (500, 3))
        for k, layer in enumerate(chain.layers[:-1]):
            up, down = np.maximum(layer.weight.T, 0), np.minimum(layer.weight.T, 0)
            least, most = (up @ a + down @ b + layer.bias[:, None] for a, b in ((least, most), (most, least)))
            z = x @ layer.weight + layer.bias
            given = least - 1e-9, most + 1e-9
            at = bounded.center, bounded.radius, bounded.layers[k].size
            low, high = tightened(chain, list(bounded.layers[:k]), at, *given, False)
            assert (low >= given[0]).all()
            assert (high <= given[1]).all()
            assert (z >= low.T).all()
            assert (z <= high.T).all()
            if k == 2:
                assert (high - low).mean() < 0.8 * (most - least).mean()
            least, most, x = np.maximum(least, 0), np.maximum(most, 0), np.maximum(z, 0)


def in_float32(rng, chain, x):
    """The outputs with every sum of float32 products taken in a random order."""
    h = x.astype(np.float32)
    for layer in chain.layers:
        weight = layer.weight.astype(np.float32)
        z = np.empty(weight.shape[1], np.float32)
        for j in range(len(z)):
            terms = [*(h * weight[:, j]), np.float32(layer.bias[j])]
            rng.shuffle(terms)
            total = np.float32(0)
            for term in terms:
                total = np.float32(total + term)
            z[j] = total
        h = z if layer.slope == 1 else np.maximum(z, 0)
    return h


def test_every_float32_order_stays_within_its_bounds():
    differs = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        widths = [3, 30, 30, 2]
        chain = Chain(
            tuple(
                Layer(
                    rng.standard_normal((a, b)).astype(np.float32).astype(float),
                    rng.standard_normal(b).astype(np.float32).astype(float),
                    0.0 if b != 2 else 1.0,
                )
                for a, b in itertools.pairwise(widths)
            )
        )
        x = rng.uniform(-1, 1, 3).astype(np.float32)
        point = Boxes(x[:, None].astype(float), x[:, None].astype(float), np.ones((1, 1), bool))
        rows = np.vstack([np.eye(2), -np.eye(2)])
        bounded = forward_bounds(chain, point, rows, np.zeros(4), True)
        real = forward_bounds(chain, point, rows, np.zeros(4), False)
        for _ in range(3):
            y = in_float32(rng, chain, x).astype(float)
            assert (rows @ y >= bounded.low[:, 0]).all()
            differs += int((rows @ y < real.low[:, 0]).any())
        assert (bounded.low[:, 0] > rows @ y - 0.05).all()  # and the bounds say something
    assert differs > 20  # what real arithmetic bounds does not hold of float32


def test_a_value_that_overflows_proves_nothing():
    chain = Chain((Layer(np.full((1, 2), 1e200), np.zeros(2), 0.0), Layer(np.full((2, 1), 1e200), np.zeros(1))))
    box = Boxes(np.array([[-1.0]]), np.array([[1.0]]), np.ones((1, 1), bool))
    with np.errstate(all="ignore"):
        bounded = forward_bounds(chain, box, np.ones((1, 1)), np.ones(1), False)
    assert not bounded.low[0, 0] > 0
