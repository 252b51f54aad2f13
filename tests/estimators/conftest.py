"""What the tests of the automatic estimators share."""

import pytest

from reseau.tabular import TableSettings, table_fit

QUICK = TableSettings(members=2, epochs=24, held_out=0.2, batch=64, hidden=(32,))


@pytest.fixture(scope="module")
def quick_settings():
    """Smaller networks than the default's, so that a fit takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_fit, "settings_for", lambda rows, classes, work, seconds: QUICK)
        yield
