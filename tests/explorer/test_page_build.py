"""The script of the page: small enough, and asking nobody."""

import re
from importlib.resources import files
from pathlib import Path

SCRIPT = files("reseau.explorer").joinpath("explorer.js").read_text(encoding="utf-8")


def test_the_script_is_at_most_300_kilobytes():
    assert len(SCRIPT.encode()) <= 300_000


def test_the_script_names_no_host_but_the_names_of_xml():
    assert set(re.findall(r"https?://[\w./-]+", SCRIPT)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xhtml",
        "http://www.w3.org/1998/Math/MathML",
    }


def test_the_pages_of_the_course_hold_this_script():
    """`python docs/course_pages.py` writes them again."""
    pages = sorted((Path(__file__).parents[2] / "docs/pages").glob("*.html"))
    assert len(pages) == 8
    for page in pages:
        assert SCRIPT.replace("</script", "<\\/script") in page.read_text(encoding="utf-8"), page.name
