"""`reseau predict`."""

import argparse
import csv
import io
import sys
from pathlib import Path

from reseau.cli.loading import load, name_of
from reseau.cli.run_folder import find_model

__all__ = ["predict"]


def predict(arguments: argparse.Namespace) -> int:
    """Write one prediction a row, and the probability of each class where there are classes."""
    name_of(arguments)
    path = find_model(arguments.run)
    from reseau.cache import use_compile_cache
    from reseau.cli.metrics import chosen, probabilities
    from reseau.cli.model import read_model
    from reseau.disk import replace_file

    use_compile_cache()
    model = read_model(path)
    table, name = load(arguments, model.recipe, labeled=False)
    for column, count in table.unseen().items():
        told = f"the text of {count} of {len(table)} rows did not occur in training"
        print(f"warning: column {column!r}: {told}", file=sys.stderr)
    scores = model.scores(table.features)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    classes, target = model.recipe.classes, model.recipe.target
    if not classes:
        writer.writerow([f"predicted {target}"])
        writer.writerows([f"{value:.7g}"] for value in scores[:, 0].tolist())
    else:
        shares = probabilities(scores, model.loss)
        writer.writerow([f"predicted {target}", *(f"probability of {c}" for c in classes if shares is not None)])
        for i, k in enumerate(chosen(scores)):
            writer.writerow([classes[k], *(f"{p:.6f}" for p in (() if shares is None else shares[i]))])
    if arguments.out is None:
        sys.stdout.write(text.getvalue())
    else:
        replace_file(Path(arguments.out), [text.getvalue().encode()])
        print(f"{name}: {len(table)} predictions in {arguments.out}")
    return 0
