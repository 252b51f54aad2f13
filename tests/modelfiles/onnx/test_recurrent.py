"""Recurrent operators with every activation, sequences of no step, and several outputs of one node."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from tools.onnx_graphs import check_both_ways, model

RNG = np.random.default_rng(0)
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
UNITS = 3


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def recurrent(kind: str, ways: int, **settings: Any) -> onnx.ModelProto:
    """A model of one recurrent node with given lengths and, for an LSTM, given first cell states."""
    inputs = {"x": ("float", ["time", "batch", 2]), "lengths": ("int32", ["batch"])}
    names = ["x", "w", "r", "", "lengths"]
    outputs = {"y": ("float", ["time", ways, "batch", UNITS]), "last": ("float", [ways, "batch", UNITS])}
    if kind == "LSTM":
        inputs["c"] = outputs["cell"] = ("float", [ways, "batch", UNITS])
        names += ["", "c"]
    direction = "bidirectional" if ways == 2 else "forward"
    cell = helper.make_node(kind, names, list(outputs), hidden_size=UNITS, direction=direction, **settings)
    stored = {"w": normal(ways, GATES[kind] * UNITS, 2), "r": 0.5 * normal(ways, GATES[kind] * UNITS, UNITS)}
    return model([cell], inputs, outputs, stored, opset=14)


def fed(m: onnx.ModelProto, lengths: list[int]) -> dict[str, np.ndarray]:
    """Inputs of five steps."""
    given = {"x": normal(5, len(lengths), 2), "lengths": np.array(lengths, np.int32)}
    ways = m.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    return given | ({"c": normal(ways, len(lengths), UNITS)} if len(m.graph.input) > 2 else {})


@pytest.mark.parametrize(
    ("kind", "ways", "names", "first", "second"),
    [
        ("LSTM", 1, ["HardSigmoid", "Tanh", "Tanh"], [0.2], [0.5]),
        ("LSTM", 2, ["Sigmoid", "ScaledTanh", "LeakyRelu", "HardSigmoid", "Elu", "Softsign"], [0.9, 0.2, 0.3], [0.7]),
        ("GRU", 1, ["HardSigmoid", "Elu"], [], []),
        ("GRU", 2, ["Sigmoid", "LeakyRelu", "HardSigmoid", "ThresholdedRelu"], [0.1, 0.3, 0.2], [0.4]),
        ("RNN", 2, ["Affine", "ThresholdedRelu"], [0.3], [0.1]),
        ("RNN", 1, ["ScaledTanh"], [], []),
    ],
)
def test_activations_take_their_numbers_in_order(
    tmp_path: Path, kind: str, ways: int, names: list[str], first: list[float], second: list[float]
) -> None:
    numbers = {"activation_alpha": first, "activation_beta": second}
    m = recurrent(kind, ways, activations=names, **{key: given for key, given in numbers.items() if given})
    check_both_ways(tmp_path, m, fed(m, [5, 3, 1]))


@pytest.mark.parametrize("ways", [1, 2])
def test_a_sequence_of_no_step_leaves_zeros(tmp_path: Path, ways: int) -> None:
    m = recurrent("LSTM", ways)
    check_both_ways(tmp_path, m, fed(m, [0, 2, 5]), fed(m, [0, 0]))
    written = onnx.load(tmp_path / "back.onnx").graph.node
    assert sum(n.op_type == "LSTM" for n in written) == ways
