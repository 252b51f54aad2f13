"""How each ONNX operator is said in our operations, family by family."""

from collections.abc import Mapping

from reseau.modelfiles.onnx.importer import Rule
from reseau.modelfiles.onnx.read_rules import (
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

__all__ = ["RULES"]

RULES: Mapping[str, Rule] = {
    **arithmetic.RULES,
    **classical.RULES,
    **control.RULES,
    **normalization.RULES,
    **recurrent.RULES,
    **reductions.RULES,
    **resize.RULES,
    **selection.RULES,
    **shapes.RULES,
    **training.RULES,
    **windows.RULES,
}
