"""How a refusal is asserted: one message, and one cure on its last line."""

import pytest

from reseau.errors import DataError


def refused(read, *arguments, **options):
    """The message of the refusal, which has one cure on its last line."""
    with pytest.raises(DataError) as caught:
        read(*arguments, **options)
    message, _, cure = str(caught.value).partition("\n  fix: ")
    assert cure
    assert "\n" not in message
    return str(caught.value)
