"""The course in French says what the English one says: the same code, output, figures, formulas and order."""

import re
from collections import Counter

import pytest

from tools.pages import DOCS, figures, french

PAGES = sorted(p.name for p in DOCS.glob("[0-9]-*.md"))


def prose(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def formulas(text):
    """The displayed formulas in order, and the set of those in the line; words in them may be of either language."""
    text = re.sub(r"`[^`\n]*`", "", prose(text))
    shown = re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL)
    within = re.findall(r"\$([^$\n]+)\$", re.sub(r"\$\$.+?\$\$", "", text, flags=re.DOTALL))
    return [re.sub(r"\\text\{.*?\}", r"\\text{}", formula) for formula in shown], set(within)


def outline(text):
    """The level of every heading, block, table row, figure and numbered exercise, in order."""
    marks = re.findall(r"^(#+ |```\w*|\||!\[|\*\*\d\.\*\*|\$\$)", text, re.MULTILINE)
    return [mark.strip() for mark in marks]


def pair(name):
    return (DOCS / name).read_text(encoding="utf-8"), (DOCS / "fr" / name).read_text(encoding="utf-8")


def test_each_page_of_the_course_has_its_french_one():
    assert sorted(p.name for p in (DOCS / "fr").glob("*.md")) == [*PAGES, "README.md"]
    contents = (DOCS / "fr/README.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in contents for name in PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_code_output_figures_and_formulas_are_those_of_the_english_page(name):
    english, other = pair(name)
    assert french.shared(english, other) == other
    assert outline(other) == outline(english)
    assert formulas(other) == formulas(english)
    shown = [re.findall(r"!\[[^]]+\]\(([^)]+)\)", text) for text in (english, other)]
    assert shown[1] == [f"../{figure}" for figure in shown[0]]


@pytest.mark.parametrize("name", [*PAGES, "README.md"])
def test_each_page_leads_to_the_other_language_in_its_first_lines(name):
    english, other = pair(name)
    assert f"](fr/{name})" in english.split("\n")[2]
    assert f"](../{name})" in other.split("\n")[2]


def test_a_french_page_takes_over_what_the_english_one_changes_but_for_comments():
    english = "# A\n\n```python\nprint(1)  # one\n```\n\n```text\n1\n```\n\nThen\n\n```python\nx = 2\n```\n"
    own = "# A\n\n```python\nprint(1)  # un\n```\n\nPuis\n\n```python\n```\n"
    expected = english.replace("# one", "# un").replace("Then", "Puis")
    assert french.shared(english, own) == expected
    changed = english.replace("print(1)", "print(3)").replace("text\n1", "text\n3")
    assert french.shared(changed, own) == changed.replace("Then", "Puis")
    with pytest.raises(ValueError, match="2 blocks in French, 1 in English"):
        french.shared(english.partition("Then")[0], own)


def test_no_english_sentence_is_left_in_a_french_page():
    """Words that no French sentence has."""
    for name in [*PAGES, "README.md"]:
        text = re.sub(r"`[^`\n]*`|\]\([^)]*\)|\*[^*\n]+\*|\$[^$\n]*\$", "", prose(pair(name)[1]))
        words = Counter(re.findall(r"[a-zà-ÿ]+", text.lower()))
        assert not words.keys() & {"the", "of", "with", "which", "is", "are", "and", "that", "weights"}, name
        assert figures.BLOCK.search(pair(name)[1]) or name == "README.md"
