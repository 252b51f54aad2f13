"""The training steps that are timed: the same network, data, batches and rate for every contender."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["CASES", "Block", "Case", "Convolution"]


@dataclass(frozen=True)
class Convolution:
    """A convolution with a square kernel and "same" padding, followed by batch normalization."""

    inputs: int
    filters: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1


@dataclass(frozen=True)
class Block:
    """Convolutions with ReLU between them and after the last; before that, `residual` adds the block's input."""

    convolutions: tuple[Convolution, ...]
    residual: bool = False


def separable(inputs: int, filters: int, stride: int = 1) -> Block:
    """A convolution of each channel by itself, and one of each place by itself."""
    return Block((Convolution(inputs, inputs, 3, stride, inputs), Convolution(inputs, filters, 1)))


@dataclass(frozen=True)
class Case:
    """One network on one data set.

    Attributes:
        key: Letter of the row in the table.
        title: What the row says.
        inputs: Shape of one example.
        hidden: Widths of the affine ReLU layers.
        outputs: Scores; 1 means squared loss on a number, more means cross-entropy.
        batch: Examples a step.
        rows: Examples in the data.
        shuffled: A new order every epoch, or always the same one.
        steps: Steps to time; slow contenders take fewer.
        filters: Filters of the 3×3 convolutions, each followed by ReLU and 2×2 max-pooling, before the affine layers.
        blocks: Blocks of convolutions, in place of `filters`; the mean over all places goes to the affine layers. Their
            first weights are each contender's own.
    """

    key: str
    title: str
    inputs: tuple[int, ...]
    hidden: tuple[int, ...]
    outputs: int
    batch: int
    rows: int
    shuffled: bool
    steps: int
    filters: tuple[int, ...] = ()
    rate: float = 0.005
    blocks: tuple[Block, ...] = ()

    @cached_property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets in float32: the book's noisy sine for one input, else plain noise."""
        rng = np.random.default_rng(0)
        if self.outputs == 1:
            x = rng.uniform(-1, 1, (self.rows, 1))
            return x.astype(np.float32), (np.sin(2 * np.pi * x) + 0.2 * rng.standard_normal(x.shape)).astype(np.float32)
        x = rng.standard_normal((self.rows, *self.inputs), dtype=np.float32)
        return x, rng.integers(0, self.outputs, self.rows).astype(np.int32)

    @cached_property
    def first_weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights (in, out) or (3, 3, in, out), and biases, of every layer."""
        rng = np.random.default_rng(1)
        made = []
        lengths, channels = self.inputs[:-1], self.inputs[-1]
        for filters in self.filters:
            scale = np.float32(np.sqrt(2 / (9 * channels)))
            made.append(
                (
                    scale * rng.standard_normal((3, 3, channels, filters), dtype=np.float32),
                    np.zeros(filters, np.float32),
                )
            )
            lengths, channels = tuple(n // 2 for n in lengths), filters
        width = int(np.prod(lengths)) * channels
        for units in (*self.hidden, self.outputs):
            scale = np.float32(np.sqrt(2 / width))
            made.append((scale * rng.standard_normal((width, units), dtype=np.float32), np.zeros(units, np.float32)))
            width = units
        return made

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the affine layers in one step: forward, and twice that going back less the first input's."""
        sizes = [w.size for w, _ in self.first_weights]
        return self.batch * (3 * sum(sizes) - sizes[0])

    def batches(self, steps: int) -> np.ndarray:
        """Indices of the examples of each step, (steps, batch)."""
        rng = np.random.default_rng(2)
        in_epoch = self.rows // self.batch
        epochs = -(-steps // in_epoch)
        order = [rng.permutation(self.rows) if self.shuffled else np.arange(self.rows) for _ in range(epochs)]
        return (
            np.concatenate([o[: in_epoch * self.batch] for o in order]).reshape(-1, self.batch)[:steps].astype(np.int32)
        )


CASES = (
    Case("a", "1-100-1, batch 16, cyclic", (1,), (100,), 1, 16, 128, False, 400_000),
    Case("b", "20-100-10, batch 32", (20,), (100,), 10, 32, 8192, True, 20_000),
    Case("c", "784-512-512-10, batch 128", (784,), (512, 512), 10, 128, 25_600, True, 1000),
    Case("d", "conv 32·64, dense 128, 28×28, batch 64", (28, 28, 1), (128,), 10, 64, 4096, True, 64, (32, 64)),
    Case(
        "d2",
        "residual, 8 convolutions of 16·32·64, batch norm, 32×32×3, batch 64",
        (32, 32, 3),
        (),
        10,
        64,
        1024,
        True,
        48,
        blocks=(
            Block((Convolution(3, 16),)),
            Block((Convolution(16, 16), Convolution(16, 16)), residual=True),
            Block((Convolution(16, 32, stride=2),)),
            Block((Convolution(32, 32), Convolution(32, 32)), residual=True),
            Block((Convolution(32, 64, stride=2),)),
            Block((Convolution(64, 64),), residual=True),
        ),
    ),
    Case(
        "d3",
        "depthwise-separable, 11 convolutions, batch norm, 32×32×3, batch 64",
        (32, 32, 3),
        (),
        10,
        64,
        1024,
        True,
        48,
        blocks=(
            Block((Convolution(3, 32),)),
            separable(32, 64),
            separable(64, 128, stride=2),
            separable(128, 128),
            separable(128, 256, stride=2),
            separable(256, 256),
        ),
    ),
    Case("e", "1024-4096-4096-10, batch 512", (1024,), (4096, 4096), 10, 512, 5120, True, 20),
)
