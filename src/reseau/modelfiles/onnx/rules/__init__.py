"""How each ONNX operator is said in our operations, and each operation of ours in ONNX, family by family.

A family's file has up to two tables: `READ` (operator → rule) and `WRITE` (operation → rule).
"""

from collections.abc import Mapping

from reseau.modelfiles.onnx.emit import WriteRule
from reseau.modelfiles.onnx.importer import Rule
from reseau.modelfiles.onnx.rules import (
    arithmetic,
    classical,
    control,
    normalization,
    recurrent,
    reductions,
    resize,
    selection,
    shapes,
    training,
    windows,
)
from reseau.ops.base import Op

__all__ = ["READ", "WRITE"]

READ: Mapping[str, Rule] = {
    **arithmetic.READ,
    **classical.READ,
    **control.READ,
    **normalization.READ,
    **recurrent.READ,
    **reductions.READ,
    **resize.READ,
    **selection.READ,
    **shapes.READ,
    **training.READ,
    **windows.READ,
}

WRITE: Mapping[type[Op], WriteRule] = {
    **arithmetic.WRITE,
    **normalization.WRITE,
    **recurrent.WRITE,
    **reductions.WRITE,
    **resize.WRITE,
    **selection.WRITE,
    **shapes.WRITE,
    **windows.WRITE,
}
