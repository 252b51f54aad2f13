"""How each ONNX operator is said in our operations, and each operation of ours in ONNX, family by family.

A family's file has up to two tables: `READ` (operator → rule) and `WRITE` (operation → rule).
"""

from collections.abc import Mapping

from reseau.modelfiles.onnx.emit import WriteRule
from reseau.modelfiles.onnx.importer import Rule
from reseau.modelfiles.onnx.rules import (
    arithmetic,
    attention,
    bitwise,
    classical,
    control,
    data_dependent,
    detection,
    encoders,
    experimental,
    experts,
    loops,
    microsoft,
    microsoft_quantized,
    normalization,
    quantized,
    quantized_lstm,
    random,
    ranges,
    recurrent,
    reductions,
    resize,
    selection,
    sequence_types,
    shapes,
    signal,
    strings,
    training,
    trees,
    vectors,
    windows,
)
from reseau.ops.base import Op

__all__ = ["READ", "WRITE"]

READ: Mapping[str, Rule] = {
    **arithmetic.READ,
    **attention.READ,
    **bitwise.READ,
    **classical.READ,
    **control.READ,
    **detection.READ,
    **encoders.READ,
    **experimental.READ,
    **experts.READ,
    **loops.READ,
    **microsoft.READ,
    **microsoft_quantized.READ,
    **normalization.READ,
    **quantized.READ,
    **quantized_lstm.READ,
    **random.READ,
    **ranges.READ,
    **recurrent.READ,
    **reductions.READ,
    **resize.READ,
    **selection.READ,
    **sequence_types.READ,
    **shapes.READ,
    **signal.READ,
    **strings.READ,
    **training.READ,
    **trees.READ,
    **data_dependent.READ,
    **vectors.READ,
    **windows.READ,
}

WRITE: Mapping[type[Op], WriteRule] = {
    **arithmetic.WRITE,
    **bitwise.WRITE,
    **detection.WRITE,
    **encoders.WRITE,
    **normalization.WRITE,
    **quantized.WRITE,
    **quantized_lstm.WRITE,
    **random.WRITE,
    **ranges.WRITE,
    **recurrent.WRITE,
    **reductions.WRITE,
    **resize.WRITE,
    **selection.WRITE,
    **sequence_types.WRITE,
    **shapes.WRITE,
    **signal.WRITE,
    **trees.WRITE,
    **windows.WRITE,
}
