"""The script of the page: small enough, and asking nobody."""

import re
from importlib.resources import files

SCRIPT = files("reseau.explorer").joinpath("explorer.js").read_text(encoding="utf-8")


def test_the_script_is_at_most_300_kilobytes():
    assert len(SCRIPT.encode()) <= 300_000


def test_the_script_names_no_host_but_the_names_of_xml():
    assert set(re.findall(r"https?://[\w./-]+", SCRIPT)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xhtml",
        "http://www.w3.org/1998/Math/MathML",
    }
