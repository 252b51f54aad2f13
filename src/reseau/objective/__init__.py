"""The objective F(θ) = weighted mean loss + Ω(θ), and the examples that it is evaluated on."""

from reseau.objective.examples import Examples
from reseau.objective.objective import Objective

__all__ = ["Examples", "Objective"]
