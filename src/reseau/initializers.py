"""First values of parameters: functions `(generator, shape) -> float64 array`, in NumPy alone.

A weight is (in, out), or (*kernel, in, out) for a convolution. Its fan in is the number of entries that one output
sums, `in × the kernel's size`; its fan out is `out × the kernel's size`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
from numpy.random import Generator

from reseau.errors import ShapeError

__all__ = [
    "Fill",
    "Given",
    "Normal",
    "Orthogonal",
    "Uniform",
    "fans",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "ones",
    "signs",
    "zeros",
]


def zeros(generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros, the usual start of a bias.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> initializers.zeros(np.random.default_rng(0), (2,)).tolist()
        [0.0, 0.0]
    """
    return np.zeros(shape)


def ones(generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Ones, the usual start of a scale.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> initializers.ones(np.random.default_rng(0), (2,)).tolist()
        [1.0, 1.0]
    """
    return np.ones(shape)


def signs(generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """-1 or 1, each with probability ½: scales that make the members of an ensemble differ.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> np.unique(np.abs(initializers.signs(np.random.default_rng(0), (9,)))).tolist()
        [1.0]
    """
    return generator.choice([-1.0, 1.0], shape)


def glorot_uniform(generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform within `±√(6 / (fan in + fan out))`, the default of `affine` and `conv`, as it is scikit-learn's.

    Source: Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural networks*, 2010,
    equation 16.

    Example:
        >>> w = glorot_uniform(np.random.default_rng(0), (100, 50))
        >>> w.shape, bool(abs(w).max() <= 0.2)
        ((100, 50), True)
    """
    fan_in, fan_out = fans(shape)
    bound = sqrt(6 / (fan_in + fan_out))
    return generator.uniform(-bound, bound, shape)


def glorot_normal(generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal with variance `2 / (fan in + fan out)`.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> print(initializers.glorot_normal(np.random.default_rng(0), (100, 200)).std().round(2))
        0.08

    Source: Glorot and Bengio, 2010, equation 12.
    """
    fan_in, fan_out = fans(shape)
    return generator.normal(0.0, sqrt(2 / (fan_in + fan_out)), shape)


def he_uniform(generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform within `±√(6 / fan in)`, which has the variance of `he_normal`.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> print(initializers.he_uniform(np.random.default_rng(0), (100, 200)).std().round(2))
        0.14
    """
    bound = sqrt(6 / fans(shape)[0])
    return generator.uniform(-bound, bound, shape)


def he_normal(generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal with variance `2 / fan in`: activations keep their size through deep ReLU networks.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> print(initializers.he_normal(np.random.default_rng(0), (100, 200)).std().round(2))
        0.14

    Source: He, Zhang, Ren and Sun, *Delving Deep into Rectifiers*, 2015, section 2.2.
    """
    return generator.normal(0.0, sqrt(2 / fans(shape)[0]), shape)


def lecun_normal(generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal with variance `1 / fan in`.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> print(initializers.lecun_normal(np.random.default_rng(0), (100, 200)).std().round(2))
        0.1

    Source: LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998.
    """
    return generator.normal(0.0, sqrt(1 / fans(shape)[0]), shape)


@dataclass(frozen=True)
class Fill:
    """One number everywhere.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> initializers.Fill(2.0)(np.random.default_rng(0), (2,)).tolist()
        [2.0, 2.0]
    """

    value: float

    def __call__(self, generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, float(self.value))


@dataclass(frozen=True)
class Normal:
    """Independent normal entries with mean 0.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> print(initializers.Normal(0.5)(np.random.default_rng(0), (1000,)).std().round(2))
        0.49
    """

    deviation: float = 1.0

    def __call__(self, generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
        return generator.normal(0.0, self.deviation, shape)


@dataclass(frozen=True)
class Uniform:
    """Independent entries, uniform between `low` and `high`.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> print(initializers.Uniform(-1.0, 1.0)(np.random.default_rng(0), (1000,)).max().round(1))
        1.0
    """

    low: float
    high: float

    def __call__(self, generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
        return generator.uniform(self.low, self.high, shape)


@dataclass(frozen=True)
class Orthogonal:
    """`gain` times a random matrix with orthonormal rows or columns, whichever are fewer; the columns are outputs.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> w = initializers.Orthogonal()(np.random.default_rng(0), (3, 2))
        >>> bool(np.allclose(w.T @ w, np.eye(2)))
        True

    Source: Saxe, McClelland and Ganguli, *Exact solutions to the nonlinear dynamics of learning*, 2014.
    """

    gain: float = 1.0

    def __call__(self, generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
        rows, columns = prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(generator.normal(size=(max(rows, columns), min(rows, columns))))
        # without the signs the law would depend on how QR was computed
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@dataclass(frozen=True, eq=False)
class Given:
    """A known array, such as weights learned before.

    Example:
        >>> import numpy as np
        >>> from reseau import initializers
        >>> initializers.Given([1.0, 2.0])(np.random.default_rng(0), (2,)).tolist()
        [1.0, 2.0]
    """

    value: np.ndarray | Sequence[float]

    def __call__(self, generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
        value = np.asarray(self.value, dtype=np.float64)
        if value.shape != shape:
            raise ShapeError(
                f"the array given for a parameter has the shape {value.shape}, the parameter {shape}\n"
                "  fix: give an array of the parameter's shape"
            )
        return value.copy()


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan in and fan out of a weight.

    Example:
        >>> fans((3, 3, 16, 32))
        (144, 288)
    """
    if len(shape) < 2:
        raise ShapeError(
            f"a parameter of shape {shape} has no fan in and fan out\n"
            "  fix: use zeros, ones, Fill, Normal or Uniform for a vector"
        )
    size = prod(shape[:-2])
    return size * shape[-2], size * shape[-1]
