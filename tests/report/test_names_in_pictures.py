"""Names of columns and classes stand in the pictures of a report as they are, read back by Python's XML parser."""

import warnings
from xml.etree import ElementTree

import numpy as np
import pytest

from reseau.report.importance import Importance
from reseau.report.pictures import draw_importance, draw_numbers, draw_runs

NAMES = ["$^{$", "cost ($), in $_", "費用", "a" * 15 + "$" + "b" * 20 + "$"]


def texts(svg):
    return [" ".join("".join(found.itertext()).split()) for found in ElementTree.fromstring(svg).iter() if found.text]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_stands(name):
    numbers = np.linspace(0, 1, 5)
    shown = name if len(name) <= 24 else f"{name[:15]}…{name[-8:]}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # letters that matplotlib's font lacks
        assert f"predicted {shown}" in texts(draw_numbers(numbers, numbers, name))
        assert shown in texts(draw_importance([Importance(name, 1.0, 0.1)], "loss"))
        history = {name: {"epoch": [1, 2], "loss": [2.0, 1.0]}}
        assert f"{name} (loss)" in texts(draw_runs(history, "svg"))
