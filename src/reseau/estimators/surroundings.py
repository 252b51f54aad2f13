"""What a fit runs within: a precision of JAX, and the promise that a fit which fails leaves nothing half done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax

__all__ = ["computing", "whole_or_nothing"]


@contextmanager
def whole_or_nothing(estimator: Any, first: bool) -> Iterator[None]:
    """A fit that fails leaves an estimator that is not fitted, and one that goes on leaves what was there before."""

    def learned() -> dict[str, Any]:
        return {k: v for k, v in vars(estimator).items() if k == "_fit_state" or (k.endswith("_") and k[0] != "_")}

    before = {} if first else learned()
    try:
        yield
    except BaseException:
        for name in learned():
            delattr(estimator, name)
        vars(estimator).update(before)
        raise


@contextmanager
def computing(precision: str) -> Iterator[None]:
    """JAX in this precision, whatever the program has set."""
    if precision == "float64" and not jax.config.read("jax_enable_x64"):
        with jax.enable_x64(True):
            yield
    else:
        yield
