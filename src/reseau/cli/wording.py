"""Messages in the words of the command line."""

import re

__all__ = ["own_words"]

BOTH = re.compile(r"\b\w+=(?:'[^']*'|\([^)]*\)|\[[^\]]*\]|\w+) \(((?:\w+ )?--[^)]*)\)")


def own_words(text: str) -> str:
    """The message without Python's spelling of a setting, where that of the command follows it in parentheses.

    Example:
        >>> own_words("fix: missing='impute' (--missing impute)")
        'fix: --missing impute'
    """
    return BOTH.sub(r"\1", text)
