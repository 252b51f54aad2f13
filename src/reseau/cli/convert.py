"""`reseau convert`."""

from pathlib import Path

from reseau.cli.onnx_options import load_network
from reseau.cli.options import Convert
from reseau.cli.run_folder import find_model
from reseau.errors import DataError

__all__ = ["convert"]


def convert(arguments: Convert) -> int:
    """Write a network as a model file of another kind; the words beside it are kept, an interval is put into it."""
    path, out = find_model(arguments.run), Path(arguments.out)
    import numpy as np

    import reseau as rs
    from reseau.cli.interval_outputs import with_interval
    from reseau.modelfiles import formats as modelfile

    if arguments.channels == "first" and out.suffix.lower() != ".onnx":
        raise DataError(f"--channels first is for .onnx files, not {out.name}\n  fix: leave it out")
    file = load_network(path, arguments)
    network, params, words = file.network, file.params, dict(file.words)
    if arguments.interval is not None:
        network, params = with_interval(file, arguments.interval)
        words |= {"interval": repr(arguments.interval)}
    if arguments.channels == "first":
        rs.onnx.write(out, network, params, channels="first")
    else:
        modelfile.write(out, network.graph, {name: np.asarray(value) for name, value in params.items()}, words)
    print(f"wrote {out}")
    return 0
