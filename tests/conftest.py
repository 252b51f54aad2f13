"""Tests run in float64, where an error of the mathematics cannot hide behind rounding."""

import jax

jax.config.update("jax_enable_x64", True)
