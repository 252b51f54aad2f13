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

    from reseau.cli.interval_outputs import with_interval
    from reseau.cli.model import model_of
    from reseau.modelfiles import formats as modelfile

    onnx = out.suffix.lower() == ".onnx"
    if arguments.channels == "first" and not onnx:
        raise DataError(f"--channels first is for .onnx files, not {out.name}\n  fix: leave it out")
    file = load_network(path, arguments)
    network, params, words = file.network, file.params, dict(file.words)
    model = model_of(file) if "loss" in words and "recipe" in words else None
    if arguments.interval is not None:
        network, params = with_interval(file, arguments.interval)
        words |= {"interval": repr(arguments.interval)}
    arrays = {name: np.asarray(value) for name, value in params.items()}
    if not onnx:
        modelfile.write(out, network.graph, arrays, words)
    else:
        from reseau.cli.label_output import with_label  # onnx takes a second to import
        from reseau.modelfiles.onnx.writing import write_graph

        graph, label = network.graph, None
        if model is not None and model.recipe.classes and graph.outputs[0] is model.network.graph.outputs[0]:
            graph, label = with_label(model, network)
        if arguments.channels == "first":  # the recipe is for channels that stand last
            words.pop("recipe", None)
        write_graph(out, graph, arrays, words, arguments.channels, label, network.graph)
    print(f"wrote {out}")
    return 0
