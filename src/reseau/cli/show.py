"""`reseau show`."""

from pathlib import Path

from reseau.cli.onnx_options import load_network
from reseau.cli.options import Show
from reseau.cli.run_folder import find_model
from reseau.extras import import_extra

__all__ = ["show"]


def show(arguments: Show) -> int:
    """Print the table of a network; draw it where that is asked for."""
    path = find_model(arguments.run)
    if Path(arguments.draw or "").suffix.lower() == ".png":
        import_extra("matplotlib", "--draw with a .png (an .svg needs nothing)")
    network = load_network(path, arguments).network
    print(network.summary())
    if arguments.draw is not None:
        network.draw(arguments.draw, direction=arguments.direction)
        print(f"drawn in {arguments.draw}")
    elif (picture := Path(path).with_name("network.svg")).exists():
        print(f"drawn in {picture}")
    return 0
