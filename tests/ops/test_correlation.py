"""Every method of a convolution against XLA's and its derivatives by JAX, on random settings."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array, lax

from reseau.compiler import QUICK
from reseau.errors import ShapeError
from reseau.ops.correlation.choice import PASSES, Shapes, applicable, choose
from reseau.ops.correlation.chosen import by
from reseau.ops.windows import resolve_windows

TOLERANCES = {"float32": 1e-5, "float64": 1e-12}  # of the largest entry


def drawn(seed: int, groups: int, inputs: int, filters: int, rank: int) -> Shapes:
    """Random lengths, windows, strides, dilations and paddings, in which at least one window fits."""
    rng = np.random.default_rng(seed)

    def numbers(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(n) for n in rng.integers(low, high, rank))

    while True:
        lengths, window, stride, dilation = numbers(4, 9), numbers(1, 4), numbers(1, 4), numbers(1, 3)
        pads = tuple(zip(numbers(0, 3), numbers(-1, 3), strict=True)) if seed % 3 else ("same", "valid")[seed % 2]
        try:
            windows = resolve_windows(window, stride, dilation, pads, lengths)
            windows.counts(lengths)
        except ShapeError:
            continue
        return Shapes(int(rng.integers(2, 6)), lengths, windows, inputs, filters, groups, "float64")


@pytest.mark.parametrize(
    ("groups", "inputs", "filters", "rank"),
    [(1, 3, 5, 2), (1, 2, 3, 3), (3, 3, 6, 1), (4, 4, 4, 2), (3, 6, 3, 2)],
)
def test_every_method_gives_the_correlation_and_its_two_transposes(
    groups: int, inputs: int, filters: int, rank: int
) -> None:
    s = drawn(100 * groups + 10 * inputs + rank, groups, inputs, filters, rank)
    rng = np.random.default_rng(rank)
    shapes = (s.batch, *s.lengths, inputs), (*s.windows.window, inputs // groups, filters)
    x, w = (jnp.asarray(rng.standard_normal(shape)) for shape in shapes)
    g = jnp.asarray(rng.standard_normal((s.batch, *s.windows.counts(s.lengths), filters)))

    def all_of_them(x: Array, w: Array, g: Array) -> tuple[dict, dict]:
        space = "DHW"[-len(s.lengths) :]
        convolution = partial(
            lax.conv_general_dilated, window_strides=s.windows.stride, padding=s.windows.pads,
            rhs_dilation=s.windows.dilation, feature_group_count=s.groups,
            dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
        )  # fmt: skip
        y, pull = jax.vjp(convolution, x, w)
        expected = dict(zip(PASSES, (y, *pull(g)), strict=True))
        found = {}
        for name in applicable(s):
            for dtype in TOLERANCES:
                a, b, c = (v.astype(dtype) for v in (x, w, g))
                arrays = {"forward": (a, b), "input": (c, b), "weight": (a, c)}
                found |= {(name, which, dtype): by(name, which, s)(*arrays[which]) for which in PASSES}
        return found, expected

    found, expected = jax.jit(all_of_them, compiler_options=QUICK)(x, w, g)
    for (name, which, dtype), value in found.items():
        assert value.dtype == dtype
        largest = float(jnp.abs(expected[which]).max()) or 1.0
        error = float(jnp.abs(value - expected[which]).max()) / largest
        assert error <= TOLERANCES[dtype], (name, which, dtype, s)


def test_the_choice_is_a_method_that_computes_the_layer() -> None:
    rng = np.random.default_rng(0)
    chosen = set()
    for _ in range(300):
        kernel, stride, dilation, length = (int(rng.integers(1, n)) for n in (10, 4, 3, 200))
        groups, inputs, filters, batch = (int(2 ** rng.integers(0, n)) for n in (6, 6, 6, 8))
        windows = resolve_windows((kernel,) * 2, stride, dilation, "same", (length,) * 2)
        dtype = ("float32", "float64", "bfloat16")[int(rng.integers(3))]
        s = Shapes(batch - 1, (length,) * 2, windows, inputs * groups, filters * groups, groups, dtype)
        for which in PASSES:
            assert choose(which, s) in applicable(s)
            chosen.add(choose(which, s))
    assert chosen == {"xla", "shares", "rows", "blocks", "shifts", "split", "stacked"}


def test_a_long_window_is_not_written_out_term_by_term() -> None:
    """A filter bank of 512 taps would be 512 slices, which compile for minutes."""
    for groups in (1, 4):
        windows = resolve_windows((512,), 256, 1, "valid", (4096,))
        assert {choose(which, Shapes(2, (4096,), windows, groups, 4, groups, "float32")) for which in PASSES} == {"xla"}
