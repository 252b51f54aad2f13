"""Give the French pages of the course the code of the English ones, and what it prints.

    python docs/french.py

The blocks of `fr/1-graph.md` are those of `1-graph.md`, one for one; write an empty block where a new one is to be. A block
whose code is the same but for comments keeps its own, so that comments can be French too.
"""

import ast
from pathlib import Path

import figures

FOLDER = Path(__file__).resolve().parent


def same_code(language: str, one: str, other: str) -> bool:
    """Whether two blocks are the same but for comments."""
    if language != "python":
        return one == other
    return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))


def shared(english: str, french: str) -> str:
    """The French page with the blocks of the English one, and what they print.

    Raises:
        ValueError: The pages have different numbers of blocks, or a program stands where the other has commands.
    """
    blocks = list(figures.BLOCK.finditer(english))
    own = list(figures.BLOCK.finditer(french))
    if [b["language"] for b in own] != [b["language"] for b in blocks]:
        raise ValueError(f"{len(own)} blocks in French, {len(blocks)} in English, or in another order")
    codes = iter(
        mine["code"] if same_code(theirs["language"], mine["code"], theirs["code"]) else theirs["code"]
        for mine, theirs in zip(own, blocks, strict=True)
    )
    with_code = figures.BLOCK.sub(lambda found: f"```{found['language']}\n{next(codes)}```\n", french)
    return figures.with_output(with_code, [b["printed"] or "" for b in blocks])


def main() -> None:
    """Write the blocks of each French page."""
    for page in sorted(FOLDER.glob("fr/[0-9]-*.md")):
        text = page.read_text(encoding="utf-8")
        page.write_text(shared((FOLDER / page.name).read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
