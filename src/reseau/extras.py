"""What is optional: the package that each extra brings, and the one error where it is not installed."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from reseau.errors import MissingExtraError

__all__ = ["EXTRAS", "has_extra", "import_extra"]

EXTRAS = {
    "plot": ("matplotlib",),
    "convex": ("clarabel",),
    "certify": ("flint", "vnnlib"),
    "explore": ("uvicorn",),
    "images": ("PIL",),
    "excel": ("openpyxl",),
    "tensorboard": ("tensorboardX",),
}
"""The modules that each extra installs and this library imports; `data` brings pandas, whose frames are only read, and
`explore` the widget of notebooks, too."""


def import_extra(module: str, what: str) -> Any:
    """The optional module, imported only where it is used.

    Args:
        module: Its name, or that of a part of it, such as `"matplotlib.figure"`.
        what: What needs it, in the words of whoever asked; it begins the message.

    Raises:
        MissingExtraError: It is not installed; the message has the command that installs it.

    Example:
        >>> import_extra("matplotlib.figure", "the picture").__name__
        'matplotlib.figure'
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        extra = next(name for name, brings in EXTRAS.items() if package in brings)
        raise MissingExtraError(f"{what}: {package} is not installed\n  fix: pip install 'reseau[{extra}]'") from error


def has_extra(extra: str) -> bool:
    """Whether what the extra brings is installed; nothing is imported.

    Example:
        >>> has_extra("plot")
        True
    """
    return all(find_spec(module) is not None for module in EXTRAS[extra])
