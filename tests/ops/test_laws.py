"""Laws of every operation: its derivative, its shape rule, its precision, its independence of the batch."""

import inspect
from re import sub

import jax
import numpy as np
import pytest

from reseau import ops
from reseau.errors import ShapeError
from reseau.ops import Op
from tools.operation_cases import APART, CASES, ON_HOST, B, concrete, draw, symbolic


def named(cases: list) -> list[str]:
    """A name for each case that is the same in every process: without the addresses of functions."""
    return [f"{i}-{sub(' at 0x[0-9a-f]+', '', str(op))}"[:80] for i, (op, _) in enumerate(cases)]


IDS = named(CASES)
SMOOTH = [(op, case) for op, case in CASES if not op.proxy]
SMOOTH_IDS = [name for name, (op, _) in zip(IDS, CASES, strict=True) if not op.proxy]
# a proxy may bring back a derivative through what it rounds
DISCRETE = [
    (op, case) for op, case in APART if not op.proxy and jax.eval_shape(op.forward, *draw(case)).dtype.kind in "iub"
]

# the compiled code runs once, so time spent on making it fast is lost
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}

every_case = pytest.mark.parametrize(("op", "case"), CASES, ids=IDS)
each_of_all = pytest.mark.parametrize(("op", "case"), CASES + APART, ids=named(CASES + APART))
every_smooth_case = pytest.mark.parametrize(("op", "case"), SMOOTH, ids=SMOOTH_IDS)


def vocabulary() -> set[type[Op]]:
    """The concrete operations that `reseau.ops` exports."""
    exported = [getattr(ops, name) for name in ops.__all__]
    return {t for t in exported if inspect.isclass(t) and issubclass(t, Op) and not inspect.isabstract(t)}


def test_no_operation_escapes_the_laws() -> None:
    defined, stack = set(), [Op]
    while stack:
        kind = stack.pop()
        stack += kind.__subclasses__()
        if kind.__module__.startswith("reseau.ops.") and not inspect.isabstract(kind):
            defined.add(kind)
    assert defined == vocabulary() == {type(op) for op, *_ in [*CASES, *APART, *ON_HOST]}


@every_smooth_case
def test_backward_is_the_transposed_derivative_and_agrees_with_finite_differences(op: Op, case: tuple) -> None:
    """One program for both: JAX's, and `⟨g, (f(x + εv) - f(x - εv)) / 2ε⟩ = ⟨backward(g), v⟩` in one direction `v`."""
    step = 1e-6

    def both(inputs: list[jax.Array], directions: list[jax.Array], g: jax.Array) -> tuple:
        def at(t: float) -> jax.Array:
            return op.forward(
                *(x + t * v if x.dtype.kind == "f" else x for x, v in zip(inputs, directions, strict=True))
            )

        y, pull = jax.vjp(op.forward, *inputs)
        return op.backward(g, y, *inputs), pull(g), (at(step) - at(-step)) / (2 * step)

    program = jax.jit(both, compiler_options=QUICK)
    for seed in (0, 2):
        inputs = draw(case, seed=seed)
        rng = np.random.default_rng(3)
        directions = [rng.normal(size=x.shape) if x.dtype.kind == "f" else np.zeros(x.shape) for x in inputs]
        if isinstance(op, ops.BatchMean | ops.BatchVariance):
            directions[1] = np.zeros(directions[1].shape)
        g = rng.normal(size=jax.eval_shape(op.forward, *inputs).shape)
        ours, expected, slopes = program(inputs, directions, g)
        assert len(ours) == len(inputs)
        for x, found, wanted in zip(inputs, ours, expected, strict=True):
            if found is None:
                assert x.dtype.kind in "iub" or x.shape == (3,)
                continue
            assert found.shape == x.shape
            assert found.dtype == x.dtype
            np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10 * np.abs(wanted).max(initial=1))
        slope = sum(np.vdot(c, v) for c, v in zip(ours, directions, strict=True) if c is not None)
        np.testing.assert_allclose(slope, np.vdot(g, slopes), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("op", "case"), DISCRETE, ids=named(DISCRETE))
def test_whole_numbers_and_truths_have_no_derivative(op: Op, case: tuple) -> None:
    inputs = draw(case)
    y = op.forward(*inputs)
    assert op.backward(y, y, *inputs) == (None,) * len(inputs)


@each_of_all
def test_shape_rule_is_the_shape_of_the_value(op: Op, case: tuple) -> None:
    shape = op.shape(*symbolic(case))
    for batch in (1, 2, 5):
        value = jax.eval_shape(op.forward, *draw(case, batch))
        assert value.shape == concrete(shape, batch)


@every_case
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept_both_ways(op: Op, case: tuple, dtype: type) -> None:
    inputs = draw(case, dtype=dtype)
    y = jax.eval_shape(op.forward, *inputs)
    assert y.dtype == dtype
    pulled = jax.eval_shape(op.backward, y, y, *inputs)
    assert [c.dtype for c in pulled if c is not None] == [dtype] * sum(c is not None for c in pulled)


@each_of_all
def test_operations_are_values(op: Op, case: tuple) -> None:
    assert hash(op) == hash(op)
    with pytest.raises(AttributeError):
        op.anything = 1  # type: ignore[attr-defined]


@each_of_all
def test_a_wrong_rank_is_refused_with_a_cure(op: Op, case: tuple) -> None:
    """An operation that reads some shape at all either accepts a scalar in its place or says what to do."""
    shapes = [() for _ in case]
    try:
        op.shape(*shapes)
    except ShapeError as error:
        fault, *cures = str(error).splitlines()
        assert not fault.startswith("  ")
        assert cures
        assert all(line.startswith("  fix: ") for line in cures)


ROWWISE = [
    (op, case)
    for op, case in CASES
    if all(s[:1] == (B,) for s in symbolic(case)[:1])
    and not isinstance(op, ops.BatchMean | ops.BatchVariance | ops.RandomMask | ops.Transpose)
    and 0 not in getattr(op, "axes", ())
]


@pytest.mark.parametrize(("op", "case"), ROWWISE, ids=named(ROWWISE))
def test_rows_do_not_depend_on_each_other(op: Op, case: tuple) -> None:
    inputs = draw(case, batch=3)
    first = [x[:1] if s[:1] == (B,) else x for x, s in zip(inputs, symbolic(case), strict=True)]
    both = jax.jit(lambda inputs, first: (op.forward(*inputs)[:1], op.forward(*first)), compiler_options=QUICK)
    whole, alone = both(inputs, first)
    np.testing.assert_allclose(whole, alone, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("op", "x", "right"), ON_HOST, ids=[type(op).__name__ for op, *_ in ON_HOST])
def test_what_numpy_computes_is_right_and_of_the_type_and_shape_that_are_said(
    op: Op, x: np.ndarray, right: list
) -> None:
    y = op.forward(x)
    assert op.host
    assert y.tolist() == right
    assert (y.shape, y.dtype) == (op.shape(x.shape), np.dtype(op.gives))
    assert op.backward(None, y, x) == (None,)  # type: ignore[arg-type]


@pytest.mark.parametrize("divisor", [np.float32(61), np.full(1_000, 61, np.float32)], ids=["one", "many"])
def test_a_quotient_is_rounded_once(divisor: np.ndarray) -> None:
    whole = np.arange(1_000, dtype=np.float32)
    found = [
        jax.jit(ops.Divide().forward)(61 * whole, divisor),
        jax.jit(lambda a: ops.Divide().forward(a, divisor))(61 * whole),
    ]
    np.testing.assert_array_equal(np.floor(found), [whole, whole])
