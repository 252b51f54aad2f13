"""Write `reseau/__init__.pyi`, the names of the lazy `__init__.py` for type checkers: `make face`."""

from pathlib import Path

import reseau

HEAD = '"""The names of `__init__.py` for type checkers, which cannot follow a lazy import; written by `make face`."""'


def stub() -> str:
    """The text of the stub."""
    modules = [f"from reseau import {name} as {name}" for name in sorted(reseau.MODULES)]
    names = [
        f"from {home} import {name} as {name}" for name, home in sorted(reseau.HOME.items(), key=lambda i: i[::-1])
    ]
    return "\n".join([HEAD, "", *modules, *names, "", "__version__: str", ""])


if __name__ == "__main__":
    Path(reseau.__file__).with_suffix(".pyi").write_text(stub())
