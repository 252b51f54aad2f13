"""Functions that a file brings along: settings, optional inputs and names that differ by overload."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto, TensorProto, helper

from tools.onnx_graphs import check_both_ways

RNG = np.random.default_rng(0)
node = helper.make_node
X = RNG.normal(size=(3, 4)).astype(np.float32)


def setting(name: str, said: str) -> AttributeProto:
    """A setting of a node that is one of the function around it."""
    return AttributeProto(name=name, type=AttributeProto.FLOAT, ref_attr_name=said)


def leaky(output: str) -> NodeProto:
    made = node("LeakyRelu", ["a"], [output])
    made.attribute.append(setting("alpha", "slope"))
    return made


def branch(body: list[NodeProto]) -> GraphProto:
    return helper.make_graph(
        body, "b", [], [helper.make_tensor_value_info(body[-1].output[0], TensorProto.FLOAT, None)]
    )


def function(
    name: str, inputs: list[str], body: list[NodeProto], settings: list[str], overload: str = ""
) -> FunctionProto:
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_function("own", name, inputs, ["y"], body, opsets, settings, overload=overload)


def model(nodes: list[NodeProto], functions: list[FunctionProto], truth: bool) -> onnx.ModelProto:
    real, shape = TensorProto.FLOAT, ["batch", 4]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", real, shape)],
        [helper.make_tensor_value_info("z", real, shape)],
        [
            helper.make_tensor("k", TensorProto.BOOL, [], [truth]),
            helper.make_tensor("high", real, [], [0.2]),
        ],
    )
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=sets, functions=functions, ir_version=10)


@pytest.mark.parametrize("truth", [True, False])
def test_a_setting_of_a_function_reaches_the_graphs_inside_its_nodes(tmp_path: Path, truth: bool) -> None:
    then, otherwise = branch([leaky("t")]), branch([node("Neg", ["a"], ["e"])])
    body = [node("If", ["k"], ["y"], then_branch=then, else_branch=otherwise)]
    call = node("f", ["x", "k"], ["z"], domain="own", slope=0.3)
    check_both_ways(tmp_path, model([call], [function("f", ["a", "k"], body, ["slope"])], truth), {"x": X})


def test_an_input_that_is_not_given_is_none_in_the_graphs_inside_its_nodes(tmp_path: Path) -> None:
    then = branch([node("Clip", ["a", "low", "high"], ["t"])])
    otherwise = branch([node("Neg", ["a"], ["e"])])
    body = [node("If", ["k"], ["y"], then_branch=then, else_branch=otherwise)]
    call = node("f", ["x", "", "high", "k"], ["z"], domain="own")
    check_both_ways(tmp_path, model([call], [function("f", ["a", "low", "high", "k"], body, [])], True), {"x": X})


def test_functions_of_one_name_differ_by_their_overload(tmp_path: Path) -> None:
    functions = [
        function("f", ["a"], [node("Neg", ["a"], ["y"])], [], "of numbers"),
        function("f", ["a"], [node("Exp", ["a"], ["y"])], [], "of others"),
    ]
    calls = [node("f", ["x"], ["u"], domain="own"), node("f", ["u"], ["z"], domain="own")]
    for call, made in zip(calls, functions, strict=True):
        call.overload = made.overload
    check_both_ways(tmp_path, model(calls, functions, True), {"x": X})


def test_a_function_within_a_function_has_settings_of_its_own(tmp_path: Path) -> None:
    inner = function("leak", ["a"], [leaky("y")], ["slope"])
    first = node("leak", ["a"], ["b"], domain="own")
    first.attribute.append(setting("slope", "steep"))
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    body = [first, node("leak", ["b"], ["y"], domain="own", slope=0.1)]
    outer = helper.make_function("own", "twice", ["a"], ["y"], body, opsets, ["steep"])
    check_both_ways(
        tmp_path, model([node("twice", ["x"], ["z"], domain="own", steep=0.7)], [inner, outer], True), {"x": X}
    )
