"""Queries of VNN-LIB 2.0: they mean what the same property of 1.0 means, and what is not verified is named."""

import re
import sys
from fractions import Fraction

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import reseau as rs
from reseau.errors import MissingExtraError
from reseau.verification.properties import Tensor
from reseau.verification.vnnlib import parsed, read_property
from reseau.verification.witness import holds
from tools.refusals import refused

VERSION = "(vnnlib-version <2.0>)\n"
HEAD = VERSION + '(declare-network N (declare-input X float32 [1,2]) ; "(\n (declare-output Y float32 [3]))\n'
BOX = "(assert (and (>= X[0,0] -0.1) (<= X[0,0] 0.5)))(assert (<= 1.0 X[0,1]))(assert (<= (* 2.0 X[0,1]) 3.0))"
FIRST = "(declare-const X_0 Real)(declare-const X_1 Real)" + "".join(f"(declare-const Y_{i} Real)" for i in range(3))


def in_first(text):
    """The same words in VNN-LIB 1.0."""
    return re.sub(r"X\[0,(\d)\]", r"X_\1", re.sub(r"Y\[(\d)\]", r"Y_\1", text))


def term(rng, depth=0):
    kind = rng.integers(5) if depth < 2 else rng.integers(2)
    if kind == 0:
        return f"{rng.normal():.{rng.integers(1, 9)}f}"
    if kind == 1:
        return f"Y[{rng.integers(3)}]"
    parts = [term(rng, depth + 1) for _ in range(rng.integers(1, 4))]
    if kind == 4:
        parts = [parts[0], *(f"{rng.normal():.2f}" for _ in parts[1:])]
    return f"({'-+*'[kind - 2]} {' '.join(parts)})"


def formula(rng, depth=0):
    if depth < 2 and rng.random() < 0.5:
        return f"({rng.choice(['and', 'or'])} {' '.join(formula(rng, depth + 1) for _ in range(rng.integers(1, 4)))})"
    sign = rng.choice(["<=", ">=", "<", ">", "==", "!="])
    return f"({sign} {term(rng)} (+ Y[{rng.integers(3)}] {term(rng)}))"


def meaning(text, y):
    """Whether outputs meet a formula, computed by its words."""
    tokens = iter(re.findall(r"[()]|[^\s()]+", text))

    def one(token):
        if token != "(":
            return y[int(token[2])] if token[0] == "Y" else Fraction(token)
        sign, parts = next(tokens), []
        while (token := next(tokens)) != ")":
            parts.append(one(token))
        first, *rest = parts
        if sign in ("and", "or"):
            return all(parts) if sign == "and" else any(parts)
        if sign in "+-*":
            if sign == "-" and not rest:
                return -first
            for part in rest:
                first = {"+": first + part, "-": first - part, "*": first * part}[sign]
            return first
        (second,) = rest
        known = {"<=": first <= second, ">=": first >= second, "<": first < second, ">": first > second}
        return (known | {"==": first == second, "!=": first != second})[sign]

    return one(next(tokens))


def test_random_queries_mean_what_they_say_in_both_languages():
    for seed in range(80):
        rng = np.random.default_rng(seed)
        text = "".join(f"(assert {formula(rng)})" for _ in range(rng.integers(1, 4)))
        found = parsed(HEAD + BOX + text)
        (case,) = found.cases
        assert (case.low, case.high) == ((Fraction(-1, 10), Fraction(1)), (Fraction(1, 2), Fraction(3, 2)))
        first = parsed(FIRST + in_first(BOX + text))
        assert first.cases == found.cases
        formulas = re.findall(r"\(assert (.*?)\)(?=\(assert|$)", text)
        for _ in range(20):
            y = [Fraction(float(v)) for v in rng.normal(size=3).round(1)]
            wanted = all(meaning(form, y) for form in formulas)
            assert any(holds(rows, y) for rows in case.disjuncts) == wanted, seed


def test_entries_are_counted_row_by_row_and_decimals_are_exact():
    declared = VERSION + "(declare-network N (declare-input A real [2,3]) (declare-output B real []))"
    places = [(i, j) for i in range(2) for j in range(3)]
    low = [f"{i}.{j}0000000000000000000000001" for i, j in places]
    bounds = [
        f"(assert (>= A[{i},{j}] {end}))(assert (<= A[{i},{j}] 9.0))" for (i, j), end in zip(places, low, strict=True)
    ]
    found = parsed(declared + "".join(bounds) + "(assert (<= B 0.3))")
    assert found.cases[0].low == tuple(
        Fraction(f"{i}.{j}0000000000000000000000001") for i in range(2) for j in range(3)
    )
    assert found.cases[0].disjuncts[0][0].constant == Fraction(-3, 10)
    assert (found.declared.network, found.declared.gives) == ("N", Tensor("B", "real", ()))
    assert found.declared.reads.entry(4) == "A[1,1]"
    without = declared + "".join(bounds[:-1]) + "(assert (<= A[1,2] 9.0))(assert (<= B 0.3))"
    assert "input A[1,2] has no lower bound" in refused(parsed, without)


REST = BOX + "(assert (<= Y[0] 0.5))"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD.replace("2.0", "2.1") + REST, "no query of VNN-LIB 2.0"),
        (HEAD[len(VERSION) :] + REST, "no query of VNN-LIB 2.0"),
        (HEAD + REST[:-1], "cannot read it"),
        (HEAD + REST + "(check-sat)", "cannot read it"),
        (HEAD + BOX + "(assert (<= Y[3] 0.5))", "line 4, Y[3]: Index out of bounds"),
        (HEAD + BOX + "(assert (<= Y[1.7] 0.5))", "[1.7]"),
        (HEAD + BOX + "(assert (<= Y[-1] 0.5))", "[-1]"),
        (HEAD + BOX + "(assert (<= Z[1] 0.5))", "Undeclared"),
        (HEAD + BOX + "(assert (<= Y[1] X[0,0]))", "an input is compared with a number"),
        (HEAD + BOX + "(assert (<= (+ X[0,1] X[0,0]) 0.5))" + REST, "an input is compared with a number"),
        (HEAD + BOX + "(assert (<= (* Y[1] Y[2]) 0.5))", "is not linear"),
        (HEAD + BOX + "(assert (< X[0,0] 0.4))" + REST, "belong to its box"),
        (HEAD + BOX + "(assert (>= X[0,0] 0.6))" + REST, "at least 0.6 and at most 0.5"),
        (HEAD + BOX + f"(assert (<= Y[0] 1{'0' * 400}.0))", "a number is beyond"),
        (HEAD + BOX + f"(assert (<= Y[0] 1{'0' * 305}.0))", "beyond the numbers of float64"),
        (HEAD + BOX + "(assert (<= (+ (* 0.123456789012345678 Y[0]) (* 0.987654321098765432 Y[1])) 0.5))", "2^53"),
        (HEAD + BOX, "nothing about the outputs"),
        (HEAD + BOX + "(assert (<= Y[0] 0.5))\0(assert (<= Y[0] 0.4))", "the character '\\x00'"),
        (HEAD + BOX + f"(assert (<= Y[0] 0.{'1' * 5000}))", "has 5002 digits"),
        (HEAD + "(assert (<= Y[0] 0.5))", "input X[0,0] has no lower bound"),
        (HEAD.replace("X float32", "X int32") + REST, "cannot read it"),
        (HEAD.replace("float32", "int32") + "(assert (<= Y[0] 5))(assert (>= X[0,0] 1))", "the input X of I32"),
        (HEAD.replace("float32", "bfloat16") + REST, "the input X of BF16"),
        (
            HEAD.replace("(declare-output", "(declare-input V float32 [1]) (declare-output") + REST,
            "2 inputs, which is not verified here",
        ),
        (
            HEAD.replace("(declare-output", '(declare-hidden H float32 [1] "h") (declare-output') + REST,
            "the hidden node H",
        ),
        (
            HEAD + "(declare-network M (declare-input V float32 [2]) (declare-output W float32 [1]))" + REST,
            "2 networks",
        ),
        (
            HEAD
            + "(declare-network M (equal-to N) (declare-input V float32 [1,2]) (declare-output W float32 [3]))"
            + REST,
            "2 networks",
        ),
        (HEAD + BOX + "(assert " + "(and " * 300 + "(<= Y[0] 0.5)" + ")" * 301, "parentheses are open at once"),
    ],
)
def test_what_is_refused(text, said):
    assert said in refused(parsed, text)


def test_without_the_package_the_cure_is_its_extra(monkeypatch, tmp_path):
    (tmp_path / "p.vnnlib").write_text(HEAD + REST)
    monkeypatch.setitem(sys.modules, "vnnlib", None)
    with pytest.raises(MissingExtraError, match=r"fix: pip install 'reseau\[certify\]'"):
        read_property(tmp_path / "p.vnnlib")


@pytest.fixture
def network():
    x = rs.input("x", (1, 2))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(rs.reshape(x, (2,)), 8, name="a")), 3, name="b"))
    return net, net.init(seed=1)


def largest(net, params):
    grid = np.stack(np.meshgrid(np.linspace(-0.1, 0.5, 41), np.linspace(1, 1.5, 41)), -1).reshape(-1, 1, 2)
    return float(np.asarray(net(params, grid))[:, 0].max())


def test_the_verdict_is_told_in_the_words_of_the_query(network):
    net, params = network
    top = largest(net, params)
    above, below = (parsed(f"{HEAD}{BOX}(assert (>= Y[0] {top + d:.6f}))") for d in (0.05, -0.01))
    proved = rs.verify(net, params, above)
    assert (proved.text(), "rounds to float32 is not considered" in proved.semantics) == ("unsat", True)
    assert "not considered" not in rs.verify(net, params, above, float32=True).semantics
    shown = rs.verify(net, params, below)
    word, *lines = shown.text().split("\n")
    assert (word, lines[0], lines[3], len(lines)) == ("sat", "X float32 [1,2]", "Y float32 [3]", 7)
    x = np.array([float(v) for v in lines[1:3]], np.float32)
    assert float(np.asarray(net(params, x.reshape(1, 1, 2)))[0, 0]) == float(lines[4])
    assert float(lines[4]) > top - 0.011
    assert rs.verify(net, params, below, timeout=1e-9).text() == "timed-out"


def test_a_witness_is_made_of_the_numbers_that_are_declared(network):
    net, params = network
    narrow = BOX + "(assert (== X[0,0] 0.3))(assert (>= Y[0] -100.0))"  # 0.3 is no float
    assert rs.verify(net, params, parsed(HEAD.replace("float32", "real") + narrow)).verdict == "sat"
    found = rs.verify(net, params, parsed(HEAD + narrow))
    assert (found.verdict, found.why) == ("unknown", "an input meets the property, but not in float32 numbers")


def test_a_file_of_float64_is_asked_about_float64(tmp_path):
    ends = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [1, 2]) for name in "xy"]
    nodes = [helper.make_node("Add", ["x", "b"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    stored = [numpy_helper.from_array(np.array([0.1, -0.7]), "b")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "m.onnx")
    loaded = rs.load(tmp_path / "m.onnx")
    text = HEAD.replace("float32 [3]", "float64 [1,2]").replace("float32", "float64") + BOX
    assert rs.verify(*loaded, parsed(text + "(assert (> Y[0,0] 0.6001))")).verdict == "unsat"
    assert rs.verify(*loaded, parsed(text + "(assert (> Y[0,0] 0.59))")).verdict == "sat"
    assert "computes with float64" in refused(
        rs.verify, *loaded, parsed(text.replace("float64", "float32") + "(assert (> Y[0,0] 0.6))")
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("float32 [1,2]", "float32 [2,1,1]", None),
        ("float32 [1,2]", "float64 [1,2]", "the network computes with float32"),
        ("float32 [3]", "float16 [3]", "the network computes with float32"),
        ("float32 [1,2]", "float32 [1,3]", "the network reads [1, 2]"),
        ("float32 [3]", "float32 [5]", "the network gives [3]"),
    ],
)
def test_the_query_fits_the_network(network, old, new, said):
    text = (HEAD + REST).replace(old, new)
    if "[2,1,1]" in new:
        text = re.sub(r"X\[0,(\d)\]", r"X[\1,0,0]", text)
    if "[1,3]" in new:
        text += "(assert (>= X[0,2] 0.0))(assert (<= X[0,2] 1.0))"
    if said is None:
        assert rs.verify(*network, parsed(text)).verdict in ("sat", "unsat")
    else:
        assert said in refused(rs.verify, *network, parsed(text))
