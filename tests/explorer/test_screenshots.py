"""The pictures of docs/explorer.md are those of the page as it is: the same words, in the same places."""

import pytest

from tools.browsers import NEEDS_CHROMIUM
from tools.pages import DOCS, same_picture

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]


def test_the_pictures_of_the_page_are_taken_again_and_compared(tmp_path):
    import screenshots

    screenshots.take(tmp_path)
    words = (tmp_path / "explorer-words.txt").read_text(encoding="utf-8")
    assert words == (DOCS / "images/explorer-words.txt").read_text(encoding="utf-8")
    taken = sorted(tmp_path.glob("*.png"))
    assert [p.name for p in taken] == sorted(p.name for p in (DOCS / "images").glob("explorer-*.png"))
    for picture in taken:
        same_picture(picture, DOCS / "images" / picture.name)
