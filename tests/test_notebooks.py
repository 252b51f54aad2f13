"""The course as notebooks: valid, with the code and the output of its pages, and links that lead somewhere."""

import re

import nbformat
import pytest

from tools.pages import DOCS, figures, notebooks

PAGES = [*sorted(DOCS.glob("[0-9]-*.md")), *sorted(DOCS.glob("fr/[0-9]-*.md"))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    notebooks.main(folder)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_notebook_is_valid_and_has_the_code_and_the_output_of_its_page(page, folder):
    text = page.read_text(encoding="utf-8")
    path = folder / page.relative_to(DOCS).with_suffix(".ipynb")
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    blocks = list(figures.BLOCK.finditer(text))
    assert [cell.source for cell in cells] == [block["code"].strip("\n") for block in blocks]
    assert ["".join(out.text for out in cell.outputs) for cell in cells] == [b["printed"] or "" for b in blocks]
    written = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    assert re.findall(r"\S+", re.sub(r"\]\([^)]*\)", "", written)) == re.findall(
        r"\S+", re.sub(r"\]\([^)]*\)", "", figures.BLOCK.sub("", text))
    )
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", written)) if ":" not in link]
    assert links
    assert all((path.parent / link.partition("#")[0]).exists() for link in links), links


def test_the_first_cell_of_a_notebook_runs_in_an_empty_folder(folder, tmp_path, monkeypatch):
    """As a kernel runs it; that the whole page runs is tested of the page."""
    monkeypatch.chdir(tmp_path)
    book = nbformat.read(folder / "fr/1-graph.ipynb", as_version=4)
    first = next(cell for cell in book.cells if cell.cell_type == "code")
    space = {"__name__": "__main__"}
    exec(compile(first.source, "cell", "exec"), space)
    assert space["net"].graph.parameters.keys() >= {"conv.weight", "logits.bias"}
    assert (tmp_path / "graph.svg").exists()
