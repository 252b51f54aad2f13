"""Write the pages of the course, in both languages, as notebooks, with their pictures beside them.

    python docs/notebooks.py [FOLDER]        # without a folder, docs/_build/notebooks

A python block is a cell, and what the page prints under it is its output; all between two blocks is a cell of text. Links
to pages of the course lead to their notebooks, all others to the files of this checkout.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import figures

FOLDER = Path(__file__).resolve().parent
PAGE = re.compile(r"^\d-[a-z]+\.md$")


def linked(text: str, source: Path, target: Path) -> str:
    """The text of a page whose notebook lies at `target`, with links that lead from there."""

    def link(found: re.Match[str]) -> str:
        file, mark, anchor = found[1].partition("#")
        if not file or ":" in file or file.endswith((".svg", ".png")):
            return found[0]
        if PAGE.match(Path(file).name):
            return f"]({file.removesuffix('.md')}.ipynb{mark}{anchor})"
        return f"]({os.path.relpath((source.parent / file).resolve(), target.parent)}{mark}{anchor})"

    return re.sub(r"\]\(([^)\s]+)\)", link, text)


def notebook(source: Path, target: Path) -> dict[str, Any]:
    """A page as a notebook that is to lie at `target`: version 4.5 of Jupyter's format."""
    text = source.read_text(encoding="utf-8")
    cells: list[dict[str, Any]] = []

    def add(kind: str, content: str, **more: Any) -> None:
        if content.strip():
            lines = content.strip("\n").splitlines(keepends=True)
            cells.append({"id": f"cell-{len(cells)}", "cell_type": kind, "metadata": {}, "source": lines} | more)

    end = 0
    for found in figures.BLOCK.finditer(text):
        add("markdown", linked(text[end : found.start()], source, target))
        printed = (found["printed"] or "").splitlines(keepends=True)
        outputs = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
        add("code", found["code"], execution_count=None, outputs=outputs)
        end = found.end()
    add("markdown", linked(text[end:], source, target))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def main(folder: Path) -> None:
    """Write every notebook."""
    for source in [*sorted(FOLDER.glob("[0-9]-*.md")), *sorted(FOLDER.glob("fr/[0-9]-*.md"))]:
        target = folder / source.relative_to(FOLDER).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        book = notebook(source, target)
        target.write_text(json.dumps(book, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        print(target)
    shutil.copytree(FOLDER / "figures", folder / "figures", dirs_exist_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if sys.argv[1:] else FOLDER / "_build/notebooks").resolve())
