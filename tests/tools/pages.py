"""The pages of `docs/`: run as `docs/figures.py` runs them, and compared with what they print."""

import re
import sys
from pathlib import Path

import pytest

__all__ = ["DOCS", "figures", "french", "same_but_for_rounding"]

DOCS = Path(__file__).resolve().parents[2] / "docs"
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]\d+)?")

sys.path.append(str(DOCS))
import figures  # noqa: E402
import french  # noqa: E402


def same_but_for_rounding(again, text):
    """What training prints is the same up to the rounding of the machine."""
    assert NUMBER.sub("0", re.sub(" +", " ", again)) == NUMBER.sub("0", re.sub(" +", " ", text))
    found, said = ([float(n) for n in NUMBER.findall(page)] for page in (again, text))
    assert found == pytest.approx(said, rel=0.1)
