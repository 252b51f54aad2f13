"""The course runs: every block of every page, what it prints, and the figures it shows."""

import re
from pathlib import Path
from shutil import copytree

import jax
import matplotlib
import pytest
from sklearn.exceptions import ConvergenceWarning

from tools.pages import DOCS, figures, hide_extras, printed, same_but_for_rounding, same_picture

PAGES = sorted(DOCS.glob("[0-9]-*.md"))


def test_there_is_a_page_for_each_section_and_each_is_listed():
    assert [p.name[0] for p in PAGES] == list("12345678")
    assert all(f"]({p.name})" in (DOCS / "README.md").read_text(encoding="utf-8") for p in PAGES)


HEAD = re.compile(
    r"# \d\. .+\n\n.+extras: `plot`.*\n\n\*\*The question\.\*\* .+\?\n\n"
    r"!\[.+\]\(figures/.+\)\n\n(\| symbol \|(?:.+\n)+)\n"
)
GREEK = re.compile(
    r"\\(?:alpha|beta|gamma|delta|(?:var)?epsilon|eta|theta|lambda|nu|rho|sigma|tau|ell|Omega)(?![A-Za-z])"
)
EXERCISE = re.compile(r"^\*\*(\d)\.\*\* .+\n\n```python\n(?:.*\n)+?```\n\n```text\n", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_page_has_a_question_a_picture_its_symbols_a_proof_a_live_page_three_exercises_and_a_slip(page):
    text = page.read_text(encoding="utf-8")
    assert HEAD.match(text)
    body, _, rest = text.partition("## What to try next")
    assert re.search(r"\*proof\.?\*", body, re.IGNORECASE)
    assert f"](pages/{page.stem}.html)" in body
    assert EXERCISE.findall(rest) == ["1", "2", "3"]
    assert rest.rstrip().split("\n")[-1].startswith("**The slip of the notes that this page corrects.** ")
    assert symbols_without_a_meaning(text) == set()
    assert symbols_without_a_meaning(text + "Let $\\tau_q$ be large.") == {"\\tau", "q"}


def letters(formulas):
    """The letters of formulas, Latin and Greek, but for the number e and what a sum counts with."""
    found = set()
    for formula in formulas:
        text = re.sub(r"\\text\{[^}]*\}", " ", formula)
        counted = set(re.findall(r"\\sum_\{?(\w)", formula))
        found |= set(GREEK.findall(text))
        found |= set(re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", text))) - counted
    return found - {"e"}


def symbols_without_a_meaning(text):
    """The letters in the formulas of a page that its table of symbols does not have."""
    table = HEAD.match(text)[1]
    below = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text.partition(table)[2], flags=re.DOTALL | re.MULTILINE)
    within = re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", below, re.DOTALL)
    return letters(a or b for a, b in within) - letters(re.findall(r"\$([^$]+)\$", table))


@pytest.mark.usefixtures("optimized")
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_page_runs_and_says_what_it_prints(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    hide_extras(text, monkeypatch)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    with matplotlib.rc_context(), jax.enable_x64(False):  # as a reader runs it, not as the tests do
        figures.plain_svg()
        out = printed(text, page.name)
    assert out
    assert figures.with_output(text, out) == text
    shown = re.findall(r"!\[[^]]+\]\((figures/[^)]+)\)", text)
    assert shown
    assert {Path(figure).name for figure in shown} == {p.name for p in tmp_path.iterdir()} - {"thermocouple.onnx"}
    for figure in shown:
        same_picture(tmp_path / Path(figure).name, DOCS / figure)
        assert 1000 < (DOCS / figure).stat().st_size < 200_000
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (DOCS / link).exists()


@pytest.mark.usefixtures("optimized")
def test_the_page_on_estimators_runs_and_says_what_it_prints_and_how_often_it_warns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "estimators.md").read_text(encoding="utf-8")
    hide_extras(text, monkeypatch)
    with jax.enable_x64(False), pytest.warns(ConvergenceWarning) as told:  # as a reader runs it, not as the tests do
        same_but_for_rounding(figures.with_output(text, printed(text, "estimators.md")), text)
    assert len(told) == 7
    assert "seven fits ends with a `ConvergenceWarning`" in text


@pytest.mark.parametrize("page", ["extending.md", "approximation.md"])
def test_a_page_outside_the_course_runs_and_says_what_it_prints(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copytree(DOCS / "data", tmp_path / "data")
    text = (DOCS / page).read_text(encoding="utf-8")
    hide_extras(text, monkeypatch)
    assert figures.with_output(text, printed(text, page)) == text


@pytest.mark.parametrize(
    ("words", "picture"),
    [
        (["sin(3*x)", "--interval", "-1", "1", "--tolerance", "1e-2"], "approximation-sine.png"),
        (["--csv", str(DOCS / "data/thermocouple-k.csv"), "--tolerance", "0.1"], "approximation-thermocouple.png"),
    ],
)
def test_the_command_on_the_page_draws_the_page_s_picture(words, picture, tmp_path):
    from reseau.cli import main

    with matplotlib.rc_context():
        assert main(["approximate", *words, "--plot", str(tmp_path / picture)]) == 0
    same_picture(tmp_path / picture, DOCS / "images" / picture)


def test_every_picture_that_a_page_shows_is_compared_by_a_test():
    """Those of the course, the guides and the gallery by the tests that run them; the others by name."""
    by_name = {
        "random_features.png",
        "width_and_optimum.png",
        "approximation-sine.png",
        "approximation-thermocouple.png",
    }
    by_name |= {f"explorer-{view}.png" for view in ("data", "digits", "graph", "step", "theory", "training")}
    assert {p.name for p in (DOCS / "images").glob("*.png")} == by_name
    run = [*PAGES, DOCS / "gallery.md", DOCS / "index.md", DOCS / "deployment.md", *DOCS.glob("guides/*.md")]
    shown = {
        Path(p).name for page in run for p in re.findall(r"\]\((figures/[^)]+)\)", page.read_text(encoding="utf-8"))
    }
    reasons = {"reasons.svg"}  # tests/test_guarantees_page.py
    assert {p.name for p in (DOCS / "figures").iterdir()} == shown | reasons


def test_a_picture_with_another_word_or_a_line_elsewhere_is_found(tmp_path):
    kept = DOCS / "figures" / "vanishing.svg"
    text = kept.read_text(encoding="utf-8")
    line = re.search(r'id="line2d_\d+">\s*<path d="M (\S+) (\S+) [^"]*" clip-path', text)
    moved = text[: line.start(1)] + f"{float(line[1]) + 40} {float(line[2]) - 40}" + text[line.end(2) :]
    for other in (text.replace(">layer<", ">layers<"), moved):
        drawn = tmp_path / "drawn.svg"
        drawn.write_text(other, encoding="utf-8")
        with pytest.raises(AssertionError, match=r"vanishing\.svg"):
            same_picture(drawn, kept)
