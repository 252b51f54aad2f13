"""The page on guarantees says what its blocks compute."""

import doctest
from pathlib import Path


def test_the_page_runs_and_says_what_it_prints():
    failures, tried = doctest.testfile(str(Path(__file__).parents[1] / "docs" / "guarantees.md"), module_relative=False)
    assert failures == 0
    assert tried > 15
