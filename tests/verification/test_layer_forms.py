"""Normalization, means and maxima as layers: what is claimed of them holds in 60 decimals."""

from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest

import reseau as rs
from reseau.errors import UnsupportedError
from reseau.verification.graph_chain import chain_of
from reseau.verification.layer_forms import largest, normalized
from reseau.verification.properties import Case, Property, Row

SIDE, EPSILON = 4, 1e-5


@pytest.fixture(autouse=True)
def sixty_decimals():
    before, getcontext().prec = getcontext().prec, 60
    yield
    getcontext().prec = before


def decimals(array):
    return np.vectorize(lambda v: Decimal(float(v)), otypes=[object])(array)


def windows(h, size, stride):
    places = range(0, len(h) - size + 1, stride)
    return [[h[i : i + size, j : j + size].reshape(-1, h.shape[-1]) for j in places] for i in places]


def network(size, stride):
    """Convolution, normalization, the largest of windows, their means, two scores."""
    x = rs.input("x", (SIDE, SIDE, 1))
    h = rs.relu(rs.batch_norm(rs.conv(x, 2, 1, name="c"), name="n"))
    h = rs.batch_norm(rs.max_pool(h, size, stride=stride), name="m")
    return rs.Network(x, rs.affine(rs.mean(h, axis=(1, 2)), 2, name="out"))


def drawn(net, rng):
    params = {name: rng.normal(size=v.shape).astype(np.float32) for name, v in net.init(0).items()}
    return params | {
        n: np.abs(v) * np.float32(rng.choice([1e-4, 1, 100])) for n, v in params.items() if "variance" in n
    }


def outputs(params, x, size, stride):
    """The scores of one image, by the definitions."""

    def normalize(h, name):
        scale, shift, mean, variance = (decimals(params[f"{name}.{r}"]) for r in ("scale", "shift", "mean", "variance"))
        root = [(v + Decimal(EPSILON)).sqrt() for v in variance]
        return (h - mean) * scale / root + shift

    h = decimals(x) * decimals(params["c.weight"][0, 0, 0]) + decimals(params["c.bias"])
    h = np.maximum(normalize(h, "n"), Decimal(0))
    h = normalize(np.array([[part.max(0) for part in row] for row in windows(h, size, stride)]), "m")
    h = h.reshape(-1, 2)
    return h.sum(0) / Decimal(len(h)) @ decimals(params["out.weight"]) + decimals(params["out.bias"])


@pytest.mark.parametrize(("seed", "size", "stride"), [(0, 2, 2), (1, 3, 1), (3, 4, 4)])
def test_the_exact_output_lies_between_the_ends_and_no_verdict_is_wrong(seed, size, stride):
    rng = np.random.default_rng(seed)
    net = network(size, stride)
    params = drawn(net, rng)
    middle = rng.normal(size=(SIDE, SIDE, 1)).round(3)
    low, high = middle - 0.0625, middle + 0.0625
    points = [middle, *(np.where(rng.random(middle.shape) < 0.5, low, high) for _ in range(12))]
    found = np.array([outputs(params, x, size, stride) for x in points])
    chain = chain_of(net.graph, params)
    for x, y in zip(points[:2], found, strict=False):
        for (least, most), v in zip(chain.ends([Fraction(v) for v in x.ravel().tolist()]), y, strict=True):
            assert least - Fraction(10) ** -40 <= Fraction(v) <= most + Fraction(10) ** -40
            assert most - least < 1e-9
    box = tuple(map(Fraction, low.ravel().tolist())), tuple(map(Fraction, high.ravel().tolist()))
    largest_seen = Fraction(max(found[:, 0]))
    width = largest_seen - Fraction(min(found[:, 0]))
    for beyond, wrong in ((Fraction(-1, 10**9), "unsat"), (-width / 2, "unsat"), (50 * width, "sat")):
        case = Case(*box, ((Row({0: Fraction(-1)}, largest_seen + beyond),),))
        verdict = rs.verify(net, params, Property(SIDE * SIDE, 2, (case,)), timeout=1).verdict
        assert verdict != wrong
        if beyond != Fraction(-1, 10**9):
            assert verdict == ("sat" if beyond < 0 else "unsat")


def test_the_radius_of_a_network_with_maxima_and_normalization_closes():
    rng = np.random.default_rng(0)
    net = network(2, 2)
    params = net.init(0) | {"n.mean": np.float32([0.1, -0.1]), "m.variance": np.float32([0.3, 3.0])}
    params |= {"c.weight": np.float32([[[[1.0, -1.0]]]]), "out.weight": np.float32([[1.0, -1.0], [-1.0, 1.5]])}
    found = rs.certified_radius(net, params, rng.normal(size=(SIDE, SIDE, 1)).astype(np.float32), timeout=20)
    assert 0 < found.lower <= found.upper <= 1.05 * found.lower


def test_the_largest_of_numbers_is_exact():
    rng = np.random.default_rng(0)
    choices = [[0, 1, 2, 3, 4], [5], [2, 6], [0, 3, 5, 6, 1, 2]]
    layers = largest(choices, 7)
    x = [Fraction(int(v), 7) for v in rng.integers(-50, 50, 7)]
    for layer in layers:
        z = [sum((w * int(v) for w, v in zip(x, column, strict=True)), Fraction(0)) for column in layer.weight.T]
        x, before = [v if v > 0 else v * int(s) for v, s in zip(z, layer.slopes[:, 0], strict=True)], x
    first = [Fraction(int(v), 7) for v in np.random.default_rng(0).integers(-50, 50, 7)]
    assert x == [max(first[i] for i in own) for own in choices]
    assert before != x


@pytest.mark.parametrize(
    "numbers",
    [
        (1.0, 0.0, 0.0, 1e-300),
        (3e-40, 1.0, 1e30, 2.0),
        (-2.5, 1e-8, -4.0, 1e12),
        (1.5, 1.5 / (2.0 + EPSILON) ** 0.5, 1.0, 2.0),  # the offset almost cancels
    ],
)
def test_slope_and_offset_are_right_to_the_last_places(numbers):
    slope, offset = normalized(EPSILON, *numbers)
    scale, shift, mean, variance = map(Decimal, numbers)
    exact = scale / (variance + Decimal(EPSILON)).sqrt()
    for got, wanted in ((slope, exact), (offset, shift - mean * exact)):
        assert abs(Decimal(got) - wanted) <= abs(wanted) * Decimal(2) ** -52


def test_what_float64_cannot_hold_is_left_to_intervals():
    assert normalized(EPSILON, 1e-290, 0.0, 0.0, 1.0) is None
    assert normalized(EPSILON, 1e300, 0.0, 1e300, 1.0) is None
    assert normalized(EPSILON, 1.0, 0.0, 0.0, -1.0) is None
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(rs.batch_norm(x, name="norm"), 1, name="out"))
    params = {n: np.full(v.shape, 1e-295) for n, v in net.init().items()}
    with pytest.raises(UnsupportedError, match="'norm' is a batch_norm"):
        chain_of(net.graph, params)
