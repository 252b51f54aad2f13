"""A network with its parameters fixed gives what the network gives, for all rows, in any thread; it compiles little."""

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reseau as rs
from reseau import ops
from reseau.errors import DataError, ForkError
from reseau.graph import fork
from reseau.inference.folding import frozen
from reseau.inference.small_kernels import MOST_OF_A_PRODUCT, product
from tools.small_graphs import grow

ROWS = (0, 1, 5)


def pictures():
    """Convolutions, one of them normalized, and an affine map after a transpose."""
    x = rs.input("x", (6, 6, 2))
    h = rs.relu(rs.batch_norm(rs.conv(x, 4, 3, name="first")))
    h = h + rs.conv(h, 4, 1, bias=False, name="second")
    return rs.Network(x, rs.affine(rs.flatten(rs.transpose(h, (0, 3, 1, 2))), 3, name="out"))


def moved(net, dtype="float32"):
    """Parameters and states that are all away from where they start."""
    rng = np.random.default_rng(5)
    values = net.init(1, dtype)
    return {k: jax.numpy.asarray(v + rng.uniform(0.1, 0.5, v.shape).astype(dtype)) for k, v in values.items()}


def drawn(net, rows, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((rows, *n.shape[1:])).astype(dtype) for n in net.graph.inputs]


@contextmanager
def compilations():
    """The programs that are compiled meanwhile."""
    met, counting = [], [True]

    def note(event, _, **data):
        if counting and event == "/jax/core/compile/backend_compile_duration":
            met.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    yield met
    counting.clear()


def check_same(net, params, inputs, predict=None, rtol=2e-5):
    found, wanted = (predict or net.compile(params))(*inputs), net(params, *inputs)
    for mine, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert type(mine) is np.ndarray
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol, rtol * max(np.abs(theirs).max(initial=0), 1e-3))


@pytest.mark.parametrize("seed", range(4))
def test_random_networks_with_fixed_parameters_are_the_same_functions(seed):
    rng, dtype = np.random.default_rng(seed), ("float32", "float64")[seed % 2]
    inputs = [rs.input(name, (3, 2)[: 1 + seed % 2]) for name in "ab"]
    first = rs.affine(rs.reshape(inputs[0], (int(np.prod(inputs[0].shape[1:])),)), 4)
    nodes = [first, inputs[1] * rs.constant(2.5) - 1.0]
    for _ in range(7):
        nodes.append(grow(rng, nodes[rng.integers(len(nodes))], True))
    net = rs.Network(inputs, nodes[-2:])
    params = moved(net, dtype)
    predict = net.compile(params)
    for rows in (1, 6):
        check_same(net, params, drawn(net, rows, dtype, seed), predict, 2e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalization_goes_into_the_map_before_it(dtype):
    net = pictures()
    params = moved(net, dtype)
    held = {n: np.asarray(params[name]) for name, n in net.graph.stored.items()}
    made = frozen(net.graph, held)
    assert not any(isinstance(n.op, ops.BatchNorm) for n in made.nodes)
    predict = net.compile(params)
    for rows in ROWS:
        check_same(net, params, drawn(net, rows, dtype), predict, 2e-5 if dtype == "float32" else 1e-12)


def test_what_is_read_twice_is_not_normalized_in_its_place():
    x = rs.input("x", (3,))
    h = rs.affine(x, 4)
    net = rs.Network(x, (rs.batch_norm(h), h))
    check_same(net, moved(net), drawn(net, 5))


def test_what_depends_on_no_input_is_computed_once():
    x = rs.input("x", (3,))
    table = rs.parameter("table", (3, 3), rs.initializers.zeros)
    net = rs.Network(x, x @ rs.exp(table))
    held = {n: np.eye(3, dtype=np.float32) for n in net.graph.stored.values()}
    assert sum(n.op is not None for n in frozen(net.graph, held).nodes) == 1
    check_same(net, {"table": jax.numpy.eye(3, dtype="float32")}, drawn(net, 4))


@pytest.mark.parametrize("kind", ["computed by NumPy", "a program"])
def test_other_numbers_of_rows_compile_nothing(kind):
    x = rs.input("x", (3,))
    h = rs.affine(rs.tanh(rs.affine(x, 8)), 4)
    net = rs.Network(x, rs.softmax(h) if kind == "computed by NumPy" else rs.softplus(h))
    predict = net.compile(moved(net))
    with compilations() as met:
        whole = predict(*drawn(net, 64))
        assert len(met) == (kind == "a program")
        for rows in (33, 47, 64):
            np.testing.assert_allclose(predict(*(x[:rows] for x in drawn(net, 64))), whole[:rows], 1e-5, 1e-6)
        assert len(met) == (kind == "a program")


def test_many_rows_are_computed_in_blocks():
    net = pictures()
    params = moved(net)
    predict, inputs = net.compile(params), drawn(net, 2050)
    check_same(net, params, inputs, predict)
    assert {shapes[0][0] for shapes in predict._programs.made} == {1024, 2}


def test_a_network_that_joins_rows_is_given_all_of_them_and_keeps_few_programs():
    x = rs.input("x", (3,))
    net = rs.Network(x, rs.affine(x - rs.apply_op(ops.Mean((0,), True), x), 4))
    params = moved(net)
    predict = net.compile(params)
    predict._programs.most = 2
    for rows in range(1, 5):
        check_same(net, params, drawn(net, rows), predict)
    assert not predict.by_rows
    assert len(predict._programs.made) <= 2


def test_numbers_that_are_not_finite_pass_as_they_do_in_the_network():
    x = rs.input("x", (3,))
    h = rs.relu(rs.affine(x, 4))
    net = rs.Network(x, (rs.affine(h, 2), rs.softmax(h), rs.sigmoid(h), rs.tanh(x), rs.clip(x, -1, 1), rs.square(x)))
    params = moved(net)
    predict, rows = net.compile(params), drawn(net, 4)[0]
    rows[:, 1] = (np.nan, np.inf, -np.inf, 3e38)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i, wanted in enumerate(zip(*net(params, rows), strict=True)):
            for together, alone, theirs in zip(predict(rows), predict(rows[i : i + 1]), wanted, strict=True):
                np.testing.assert_allclose(together[i], theirs, 1e-5, 1e-6)
                np.testing.assert_allclose(alone[0], theirs, 1e-5, 1e-6)


def test_threads_share_a_predictor():
    nets = [pictures(), rs.Network(x := rs.input("x", (3,)), rs.affine(rs.relu(rs.affine(x, 8)), 2))]
    for net in nets:
        params = moved(net)
        predict = net.compile(params)
        given = [drawn(net, rows, seed=rows)[0] for rows in (1, 3, 4, 9) * 8]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(predict, given))
        for x, y in zip(given, found, strict=True):
            np.testing.assert_array_equal(y, predict(x))


def test_inputs_are_read_as_the_network_reads_them():
    x, k = rs.input("x", (3,)), rs.input("k", dtype="int32")
    net = rs.Network((x, k), rs.affine(rs.concatenate([x, rs.embedding(k, 5, 2)]), 2))
    params = moved(net)
    predict, rows, places = net.compile(params), drawn(net, 4)[0], np.arange(4)
    wanted = net(params, rows, places)
    for read in (rows, rows.astype("float64"), rows.tolist(), jax.numpy.asarray(rows), np.asfortranarray(rows)):
        for indices in (places, places.astype("int32"), places.astype("float64")):
            np.testing.assert_allclose(predict(read, indices), wanted, 1e-6, 1e-6)
    traced = jax.jit(lambda a: predict(a, places) * 2)(rows)
    np.testing.assert_allclose(traced, 2 * wanted, 1e-6, 1e-6)
    for wrong in ((rows,), (rows[:3], places), (rows[:, :2], places), (rows, places + 0.5), (rows, np.array(1))):
        with pytest.raises(DataError) as error:
            predict(*wrong)
        with pytest.raises(DataError) as same:
            net(params, *wrong)
        assert str(error.value) == str(same.value)


def test_what_is_given_and_what_is_returned_may_be_changed_later():
    x = rs.input("x", (2, 2))
    net = rs.Network(x, (x, rs.reshape(x, (4,)), rs.slice(x, 1, 0, 1), rs.affine(rs.flatten(x), 2)))
    params = {k: np.array(v) for k, v in net.init(0).items()}
    predict, rows = net.compile(params), drawn(net, 3)[0]
    before = [y.copy() for y in predict(rows)]
    given = rows.copy()
    found = predict(given)
    given += 1
    for value in params.values():
        np.add(value, 1, out=value)
    for later, again, theirs in zip(found, predict(rows), before, strict=True):
        np.testing.assert_array_equal(later, theirs)
        np.testing.assert_array_equal(again, theirs)
    assert copy.deepcopy(predict) is predict
    with pytest.raises(TypeError, match="pickle the network"):
        pickle.dumps(predict)


def test_parameters_are_checked():
    net = pictures()
    with pytest.raises(DataError, match=r"missing 'out\.bias'"):
        net.compile({k: v for k, v in net.init(0).items() if k != "out.bias"})


def test_texts_run_as_they_do_in_the_network():
    x = rs.input("x", (), "str")
    net = rs.Network(x, rs.embedding(rs.apply_op(ops.NumberOf(("a", "b")), x), 3, 2))
    params = net.init(0)
    np.testing.assert_array_equal(net.compile(params)(np.array(["b", "z"])), net(params, np.array(["b", "z"])))


def test_a_forked_process_is_told(monkeypatch):
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(x, 2))
    predict = net.compile(net.init(0))
    monkeypatch.setattr(fork, "_first_process", lambda: -1)
    with pytest.raises(ForkError):
        predict(np.ones((1, 2), np.float32))


def test_it_agrees_with_onnxruntime(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    x = rs.input("x", (5, 3))
    h = rs.concatenate([rs.tanh(rs.affine(rs.flatten(x), 6)), rs.slice(rs.flatten(x), 1, 2, 9)])
    for net in (pictures(), rs.Network(x, rs.softmax(rs.affine(rs.leaky_relu(h), 4)))):
        params = moved(net)
        net.save(tmp_path / "net.onnx", params)
        session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
        predict = net.compile(params)
        for rows in (1, 7):
            given = drawn(net, rows)[0]
            wanted = session.run(None, {session.get_inputs()[0].name: given})[0]
            np.testing.assert_allclose(predict(given), wanted, 1e-4, 1e-5)


def over_places(draw):
    """A convolution and a pooling of any setting, over one or two axes."""
    rank = draw(st.integers(1, 2))
    x = rs.input("x", (*(draw(st.integers(6, 9)) for _ in range(rank)), draw(st.sampled_from([1, 3, 5]))))
    pairs = st.tuples(st.integers(0, 2), st.integers(0, 2))
    padding = draw(st.sampled_from(["same", "valid"]) | st.tuples(*(pairs,) * rank))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    stride, dilation = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    h = rs.conv(x, 4, kernel, stride=stride, dilation=dilation, padding=padding, bias=draw(st.booleans()))
    window, apart = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    match draw(st.sampled_from(["max", "average", "mean"])):
        case "max":
            h = rs.max_pool(h, window, stride=apart, padding=draw(st.sampled_from(["same", "valid"])))
        case "average":
            h = rs.average_pool(h, window, stride=apart, padding=draw(st.sampled_from(["same", "valid"])))
        case _:
            h = rs.mean(h, tuple(range(1, rank + 1)), keepdims=draw(st.booleans()))
    return rs.Network(x, rs.transpose(h, (0, *range(len(h.shape) - 1, 0, -1))))


@settings(max_examples=25)
@given(st.data())
def test_windows_of_few_rows_are_computed_by_numpy(data):
    net = over_places(data.draw)
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    params = moved(net, dtype)
    predict = net.compile(params)
    with compilations() as met:
        found = [predict(*drawn(net, rows, dtype)) for rows in (1, 3)]
    assert not met
    for rows, mine in zip((1, 3), found, strict=True):
        with jax.enable_x64(dtype == "float64"):
            wanted = np.asarray(net(params, *drawn(net, rows, dtype)))
        np.testing.assert_allclose(
            mine, wanted, 2e-5 if dtype == "float32" else 1e-12, 1e-5 if dtype == "float32" else 1e-12
        )


def test_a_product_of_many_rows_is_cut_in_parts():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((700, 80)), rng.standard_normal((80, 64))
    assert len(a) * b.size > 3 * MOST_OF_A_PRODUCT
    np.testing.assert_allclose(product(a, b), a @ b, 1e-12, 1e-12)
