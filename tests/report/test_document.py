"""Documents in their two forms, and numbers that are read down a column."""

from html.parser import HTMLParser

import numpy as np
import pytest

from reseau.report.document import Document, Points, Section, Table, Text, alike, to_html, to_markdown


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1.0, 1e3, 1e7, 1e18])
@pytest.mark.parametrize("digits", [2, 4, 5])
def test_numbers_of_a_column_have_one_notation_and_are_close_to_what_they_were(scale, digits):
    values = scale * np.random.default_rng(0).normal(size=40)
    cells = alike(values, digits)
    assert len({(cell.partition(".")[1] and len(cell.partition(".")[2]), "e" in cell) for cell in cells}) == 1
    assert np.abs(np.array(cells, float) - values).max() <= np.abs(values).max() * 10.0 ** (1 - digits)


def test_decimals_that_no_number_needs_are_left_out():
    assert alike([34.77, 57.26, 9.85]) == ["34.77", "57.26", "9.85"]
    assert alike([5.0, 120.0]) == ["5", "120"]
    assert alike([523.4, 0.0021], digits=4) == ["523.4000", "0.0021"]  # the loss of a last epoch is not 0
    assert alike([]) == []
    assert alike([float("nan"), 1.5]) == ["nan", "1.5"]


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_data(self, data):
        self.found.append((self.lasttag, data.strip()))


def test_lists_and_tables_say_the_same_in_both_forms():
    table = Table(("a|b", "n"), (("<x>", "1"),))
    page = Document("T", (Text("p & q"),), (Section("S", (Points(("one", "<two>")), table)),))
    text = to_markdown(page)
    assert "- one\n- <two>\n" in text
    assert "| a\\|b | n |\n| --- | ---: |\n| <x> | 1 |" in text
    found = Tags(to_html(page, {})).found
    for part in (("p", "p & q"), ("li", "one"), ("li", "<two>"), ("th", "a|b"), ("td", "<x>"), ("td", "1")):
        assert part in found
