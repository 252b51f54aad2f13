"""The shape of a cell is read wherever the cell is: it stands for a million others of the same shape."""

from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseau.data.table.dates import FORMATS, ZONED, read_date
from reseau.data.table.families import FAMILIES
from reseau.data.table.notation import NOTATIONS, is_readable, read_number, shape_of

UNITS = ("", *FAMILIES, "kg", "%", "/10", "/100", "min/km", "m2", "m²", "°C", "s ms")
NUMBERS = ("", *(notation + unit for unit in UNITS for notation in NOTATIONS))
SPELLED = [
    "1.234,5 €", "1,234.5", "12,34,567.8", "(1,234)", "1,5-", "55,-", "$1.2M", "350K", "5 kg", "7.5/10", "4 out of 5",
    "48°51'N", "33.9° S", "5'7\"", "2h 50m", "1 days 02:05:30", "-1 days +23:30:00", "26:05:30", "59:48", "5:12 min/km",
    "3.444e+03", "1E5", "0x12", "1_000", "(1997)", "12.00 DR", "100 m2", "9,5 m^2", "80 m²", "5 min 30 s",
    "٣٫٥", "１２", "12 %", "1’234.5",
]  # fmt: skip


@st.composite
def like_the_spelled(draw):
    """One of the cells with other digits in the places of some, and perhaps another sign somewhere."""
    cell = draw(st.sampled_from(SPELLED))
    digits = draw(st.lists(st.sampled_from("0123456789"), min_size=len(cell), max_size=len(cell)))
    cell = "".join(d if c.isascii() and c.isdigit() else c for c, d in zip(cell, digits, strict=True))
    place = draw(st.integers(0, len(cell)))
    return cell[:place] + draw(st.sampled_from(["", "", "", "1", "23", "1999", ".", ",", " ", ":", "-"])) + cell[place:]


@given(st.one_of(like_the_spelled(), st.text("0123456789.,:-+ eE%€KMkgNSh'\"°()/", max_size=14)))
def test_a_number_is_read_in_no_notation_in_which_its_shape_is_not(cell):
    for notation in NUMBERS:
        assert is_readable(shape_of(cell), notation) or isnan(read_number(cell, notation)), notation


@pytest.mark.parametrize("form", FORMATS)
@given(draw=st.data())
def test_a_date_is_read_in_no_form_in_which_its_shape_is_not(form, draw):
    cell = draw.draw(st.from_regex(FORMATS[form], fullmatch=True))
    for each in (*FORMATS, *ZONED):
        assert read_date(shape_of(cell), each) is not None or read_date(cell, each) is None, each
