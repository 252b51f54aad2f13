"""How a refusal is asserted: one message, perhaps with a list under it, and one cure on its last line."""

import pytest

from reseau.errors import DataError


def refused(read, *arguments, **options):
    """The message of the refusal, which has one cure on its last line."""
    with pytest.raises(DataError) as caught:
        read(*arguments, **options)
    message, _, cure = str(caught.value).partition("\n  fix: ")
    assert cure
    assert all(line.startswith("    ") for line in message.split("\n")[1:])
    return str(caught.value)
