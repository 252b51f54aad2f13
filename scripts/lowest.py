"""Print the lowest version of every dependency that pyproject.toml allows, as constraints for pip: `make lowest`."""

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
EXTRAS = ("plot", "data")


def constraints() -> list[str]:
    """One line `name==version` for each lower bound."""
    wanted = [*PROJECT["dependencies"], *(d for e in EXTRAS for d in PROJECT["optional-dependencies"][e])]
    found = (re.fullmatch(r"([A-Za-z0-9_-]+)>=([\d.]+)", line) for line in wanted)
    return [f"{match[1]}=={match[2]}" for match in found if match]


if __name__ == "__main__":
    print("\n".join(constraints()))
