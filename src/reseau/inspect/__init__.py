"""Looking inside: interpreters that tell a person what a network is and what happens in it."""

from reseau.inspect.attribute import Attribution, Method, attribute
from reseau.inspect.diagnose import Diagnosis, diagnose, first_non_finite
from reseau.inspect.drawing.draw import draw
from reseau.inspect.explain import Explanation, explain
from reseau.inspect.local import AffinePiece, local
from reseau.inspect.summary import Summary, summary

__all__ = [
    "AffinePiece",
    "Attribution",
    "Diagnosis",
    "Explanation",
    "Method",
    "Summary",
    "attribute",
    "diagnose",
    "draw",
    "explain",
    "first_non_finite",
    "local",
    "summary",
]
