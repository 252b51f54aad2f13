"""Every public name has a docstring with an example, and the examples run (`tests/test_readme.py` runs them)."""

import inspect

import pytest

import reseau as rs

# an alias of a type, what changes the settings of the whole process, and what `rs.tune`, whose example runs, returns
WITHOUT = {"optimizers.Params", "tabular.Trial", "tabular.Tuned"}
MODULES = [name for name in rs.MODULES if name != "layers"]  # layers are `rs` names


def names():
    yield from (("rs", rs, name) for name in rs.HOME)
    for module in MODULES:
        home = getattr(rs, module)
        yield from ((module, home, n) for n in home.__all__)


def own_docstring(value):
    """The docstring that stands with the value itself, not one that it inherits."""
    return inspect.unwrap(value).__doc__ if callable(value) else value.__doc__


@pytest.mark.parametrize("where", ["rs", *MODULES])
def test_every_public_name_has_an_example_that_runs(where):
    listed = [(f"{module}.{name}", getattr(home, name)) for module, home, name in names() if module == where]
    without = {name for name, value in listed if ">>> " not in (own_docstring(value) or "")}
    assert without <= WITHOUT
    assert all((own_docstring(value) or "").strip() for _, value in listed)


def test_that_a_name_without_an_example_would_be_found():
    assert ">>> " not in own_docstring(rs.optimizers.Params)
