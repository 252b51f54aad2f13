"""Texts as numbers and numbers as texts. Computed with NumPy, outside compiled programs."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from reseau.errors import GraphError
from reseau.ops.base import Op, Shape

__all__ = ["NumberOf", "TextOf"]


@dataclass(frozen=True)
class NumberOf(Op):
    """The place of each text among `texts`; their count for a text that is not one of them.

    Example:
        >>> import numpy as np, reseau as rs
        >>> print(rs.ops.NumberOf(("red", "blue")).forward(np.array(["blue", "green"], object)))
        [1 2]
    """

    texts: tuple[str, ...]

    host: ClassVar[bool] = True
    gives: ClassVar[str] = "int32"

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Any) -> Any:
        places = {text: i for i, text in reversed(list(enumerate(self.texts)))}
        found = [places.get(str(text), len(self.texts)) for text in np.asarray(x, object).ravel()]
        return np.array(found, np.int32).reshape(np.shape(x))

    def backward(self, g: Any, y: Any, x: Any) -> tuple[None]:
        return (None,)


@dataclass(frozen=True)
class TextOf(Op):
    """The text at each place among `texts`; `other` for a place that is not there.

    Example:
        >>> import numpy as np, reseau as rs
        >>> print(rs.ops.TextOf(("red", "blue"), "?").forward(np.array([1, 7])))
        ['blue' '?']
    """

    texts: tuple[str, ...]
    other: str = ""

    host: ClassVar[bool] = True
    gives: ClassVar[str] = "object"

    def __post_init__(self) -> None:
        if not self.texts:
            raise GraphError("it has no texts to name\n  fix: give at least one")

    def shape(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Any) -> Any:
        places = np.asarray(x)
        known = (places >= 0) & (places < len(self.texts))
        named = np.array(self.texts, object)[np.where(known, places, 0)]
        return np.where(known, named, np.array(self.other, object))

    def backward(self, g: Any, y: Any, x: Any) -> tuple[None]:
        return (None,)
