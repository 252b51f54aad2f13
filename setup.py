"""What pyproject.toml cannot say: PyPI shows the README without links into the repository, which it lacks."""

import re
from pathlib import Path

from setuptools import setup

NOTE = "*The pages that are named here by their file, such as docs/README.md, are in the source distribution.*"


def description(readme: str) -> str:
    """The README with pictures and links of its own repository as words; addresses stay links."""
    text = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*", "", readme)
    text = re.sub(r"\[([^]]+)\]\(#[^)]*\)", r"\1", text)
    text = re.sub(r"\[([^]]+)\]\((?!https?:)([^)#]*)[^)]*\)", in_words, text)
    title, rest = text.split("\n", 1)
    return f"{title}\n\n{NOTE}\n{rest}"


def in_words(link: re.Match[str]) -> str:
    """A link as its words and its file, where the words are not the file's name already."""
    words, file = link.groups()
    return words if file.endswith(words) else f"{words} ({file})"


if __name__ == "__main__":
    setup(
        long_description=description(Path(__file__).with_name("README.md").read_text(encoding="utf-8")),
        long_description_content_type="text/markdown",
    )
