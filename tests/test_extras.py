"""Optional packages: one list of extras, and one error that names the extra and the command."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from reseau.errors import MissingExtraError
from reseau.extras import EXTRAS, has_extra, import_extra

ROOT = Path(__file__).parents[1]


def declared():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_every_extra_that_an_error_names_is_declared():
    assert set(EXTRAS) <= set(declared())


@pytest.mark.parametrize(("extra", "module"), [(extra, m) for extra, brings in EXTRAS.items() for m in brings])
def test_a_missing_package_is_one_error_with_the_command(monkeypatch, extra, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=re.escape(f"pip install 'reseau[{extra}]'")) as error:
        import_extra(module, "the thing")
    assert str(error.value).startswith(f"the thing: {module} is not installed\n  fix: ")
    assert not has_extra(extra)
