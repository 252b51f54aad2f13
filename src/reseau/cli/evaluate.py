"""`reseau evaluate`."""

import argparse

from reseau.cli.loading import load, name_of
from reseau.cli.run_folder import find_model

__all__ = ["evaluate"]


def evaluate(arguments: argparse.Namespace) -> int:
    """Print how good the predictions of a run are."""
    name_of(arguments)
    path = find_model(arguments.run)
    from reseau.cache import use_compile_cache
    from reseau.cli.metrics import measure
    from reseau.cli.model import read_model

    use_compile_cache()
    model = read_model(path)
    table, name = load(arguments, model.recipe, labeled=True)
    measured = measure(model, table)
    dropped = f" ({table.dropped} with blanks left out)" if table.dropped else ""
    print(f"{name}: {measured.rows} rows{dropped}")
    if name == model.data:
        print("note: it was trained on rows of this data; its report has the figure for rows it has not seen")
    for what, value in measured.lines:
        print(f"{what}: {value}")
    for mistake in measured.confusions():
        print(f"  {mistake}")
    return 0
