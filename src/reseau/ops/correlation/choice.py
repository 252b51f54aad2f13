"""Which method computes a convolution on a CPU: a pure function of shapes and types, and what it was measured by."""

from dataclasses import dataclass, replace
from math import prod

from reseau.ops.windows import Windows

__all__ = ["PASSES", "Shapes", "applicable", "block_of", "choose"]

PASSES = ("forward", "input", "weight")
"""The value, and the cotangents of the input and of the weight."""


@dataclass(frozen=True)
class Shapes:
    """What a method is chosen by.

    Attributes:
        batch: Examples.
        lengths: Spatial lengths of the input.
        windows: Size, stride, dilation and padding.
        inputs: Channels of the input.
        filters: Channels of the output.
        groups: Runs of channels that do not see each other.
        dtype: Type of the numbers.
    """

    batch: int
    lengths: tuple[int, ...]
    windows: Windows
    inputs: int
    filters: int
    groups: int
    dtype: str

    @property
    def places(self) -> int:
        """Windows of one example."""
        return prod(int(n) for n in self.windows.counts(self.lengths))

    @property
    def depthwise(self) -> bool:
        """Whether each group has one input channel."""
        return 1 < self.groups == self.inputs

    @property
    def group(self) -> "Shapes":
        """The convolution of one group."""
        return replace(self, inputs=self.inputs // self.groups, filters=self.filters // self.groups, groups=1)


def applicable(shapes: Shapes) -> tuple[str, ...]:
    """The methods that compute this convolution."""
    if shapes.depthwise:
        return ("xla", "shifts")
    if shapes.groups > 1:
        return ("xla", "split", "stacked")
    return ("xla", "shares", "rows", "blocks") if shapes.batch > 1 else ("xla", "rows")


def choose(which: str, shapes: Shapes) -> str:
    """The method of a pass on a CPU: the fastest in the table of `python -m benchmarks.convolutions`, or near it.

    Milliseconds of one core, jax 0.10, XLA's first:

    | convolution | forward | input | weight |
    |---|---|---|---|
    | depthwise 64×32×32×32, 3×3 | 153, shifts 3.2 | 219, shifts 2.7 | 22, shifts 7.8 |
    | depthwise 64×32×32×64, 3×3, stride 2 | 196, shifts 3.7 | 636, shifts 5.1 | 26, shifts 4.0 |
    | depthwise 8×14×14×96, 7×7 | 39, shifts 0.7 | 50, shifts 0.8 | 18, shifts 1.1 |
    | 64×16×16, 32 to 32 in 4 groups | 5.8, split 4.0 | 6.6, split 4.0 | 413, split 3.6 |
    | 16×14×14, 128 to 128 in 32 groups | 20, stacked 13 | 22, stacked 11 | 2444, stacked 15 |
    | 64×16×16, 64 to 128, 1×1 | 4.4, rows 3.2 | 4.4, rows 3.1 | 48, rows 3.7 |
    | 64×28×28, 1 to 32 | 3.7, rows 1.1 | 3.2, rows 1.0 | 1.2, rows 1.2 |
    | 64×32×32, 3 to 16 | 5.2, blocks 2.5 | 5.0, rows 1.9 | 1.9, shares 2.6 |
    | 64×28×28, 8 to 16 | 3.1, blocks 4.3 | 5.9, blocks 2.8 | 2.7, shares 2.7 |
    | 64×32×32, 16 to 32, stride 2 | 4.3, blocks 6.2 | 7.1, blocks 4.2 | 5.2, blocks 5.0 |
    | 64×14×14, 32 to 64 | 5.5, blocks 7.3 | 6.0, blocks 9.2 | 8.4, shares 7.2 |
    | 64×28×28, 1 to 32, float64 | 7.6, rows 4.7 | 14, rows 2.9 | 22, rows 3.3 |

    XLA computes the cotangent of a weight on one core, whatever there are; shares and products use all.
    """
    if shapes.dtype not in ("float32", "float64") or not shapes.batch:
        return "xla"
    window = prod(shapes.windows.window)
    if shapes.depthwise:
        return "shifts" if window <= LARGEST_WINDOW_OF_SHIFTS else "xla"
    if shapes.groups > 1:
        return "split" if shapes.groups <= MOST_GROUPS_SPLIT else "stacked"
    written = shapes.places * window * shapes.inputs * (8 if shapes.dtype == "float64" else 4)  # bytes of an example
    if written > MOST_BYTES_OF_AN_EXAMPLE or window > LARGEST_WINDOW_OF_SHIFTS:
        return "xla"
    fits = window == 1 or shapes.batch == 1 or written * shapes.batch <= MOST_BYTES_WRITTEN
    product = "rows" if fits else "blocks"
    if window == 1 or shapes.dtype == "float64":
        return product
    strided = max(shapes.windows.stride) > 1
    match which:
        case "forward":
            return product if shapes.inputs <= 4 else "xla"
        case "input":
            few = shapes.inputs <= 8 or strided
            return product if few and window <= LARGEST_WINDOW_WRITTEN_BACK else "xla"
        case _:
            single = shapes.inputs == 1 and window <= 9  # 1 to 6, 5×5: XLA 0.7 ms, blocks 3.5
            return product if single or shapes.batch == 1 or strided else "shares"


LARGEST_WINDOW_OF_SHIFTS = 64
"""Places of a window, each of which is a term of the compiled sum or a slice: 512 of them compile for minutes."""

MOST_GROUPS_SPLIT = 8
"""Groups that are convolutions of their own; more take long to compile."""

LARGEST_WINDOW_WRITTEN_BACK = 25
"""Places of a window, each of which is a padded array in the sum that goes back: 7×7 takes 1.7 times XLA's time."""

MOST_BYTES_WRITTEN = 4 * 2**20
"""Bytes of written-out windows up to which the whole batch is written out at once."""

MOST_BYTES_OF_AN_EXAMPLE = 16 * 2**20
"""Bytes of the written-out windows of one example, above which they are not written out."""

PLACES_OF_A_BLOCK = 1600
"""Windows that are written out at a time, so that their rows stay in the cache of one core."""


def block_of(shapes: Shapes) -> int:
    """Examples in a block."""
    return min(max(PLACES_OF_A_BLOCK // max(shapes.places, 1), 1), shapes.batch)
