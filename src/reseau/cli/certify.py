"""`reseau certify`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reseau.cli.folders import folder_part
from reseau.cli.loading import load, name_of
from reseau.cli.options import Certify
from reseau.cli.run_folder import ROWS, find_model
from reseau.cli.wording import own_words
from reseau.data import Recipe, Table, read_npz
from reseau.errors import DataError, GraphError

if TYPE_CHECKING:
    from reseau.cli.model import Model

__all__ = ["certify"]


def certify(arguments: Certify) -> int:
    """Print a bound on the rate of errors on new examples, and what it rests on."""
    name_of(arguments)
    path = find_model(arguments.run)
    from reseau.cli.model import read_model
    from reseau.theory import ANY_UNIT, certify_network

    model = read_model(path)
    if (arguments.within is None) != bool(model.recipe.classes):
        what = "classes" if model.recipe.classes else "a number, whose error has no bound known beforehand"
        cure = "leave --within out" if model.recipe.classes else "--within E: how often is it off by more than E?"
        raise DataError(f"{path}: it predicts {what}\n  fix: {cure}")
    sample, others = _examples(arguments, model.recipe)
    unseen = None
    if others is not None:
        unseen = _not_trained_on(path, others, arguments.holdout or f"{name_of(arguments)} (test part)")
        sample = _apart(sample, unseen.rows)
    if arguments.within is not None:
        return _by_unseen(arguments, model, sample, unseen, "such certificates are for classes alone")
    if any(c.categories for c in model.recipe.columns) or model.recipe.missing == "impute":
        why = (
            "features of texts and blanks are no affine function of the columns, and the categories and means in them "
            f"were read off {model.data}"
        )
        return _by_unseen(arguments, model, sample, unseen, why)
    if model.threshold is not None and model.threshold.probability != 0.5:
        why = f"its decision threshold of {model.threshold.probability:.4g} is no part of the network, and was chosen"
        return _by_unseen(arguments, model, sample, unseen, why)
    try:
        certificate = certify_network(
            model.network,
            model.params,
            *_pair(sample),
            replace(ANY_UNIT, delta=arguments.delta),
            holdout=None if unseen is None else _pair(unseen.rows),
            sequential=arguments.sequential and unseen is not None,
        )
    except GraphError as error:
        return _by_unseen(arguments, model, sample, unseen, str(error).partition("\n")[0])
    if arguments.sequential and unseen is None:
        raise DataError(
            "--sequential is about the bound from rows that nothing was chosen on\n  fix: --holdout DATA, those rows"
        )
    print(f"{name_of(arguments)}: {len(sample)} examples{_beside(unseen)}")
    print(own_words(certificate.explain()))
    if model.network.graph.states:
        print(
            f"The standardization was fitted on rows of {model.data}. It is folded into the weights and counted in D:\n"
            "the class is that of networks of the raw features, and the bound holds whichever rows chose the scale."
        )
    return 0


@dataclass(frozen=True)
class _Unseen:
    """Rows that the run was not trained on.

    Attributes:
        rows: These rows.
        words: Which ones they are, after "the prediction of".
    """

    rows: Table
    words: str


def _not_trained_on(path: Path, table: Table, name: str) -> _Unseen:
    """The rows that the run was not trained on, by the digests that it keeps; the others are told and left out."""
    from reseau.cli.known_rows import known_rows

    known = known_rows(path, table)
    if known is None or not known.any():
        return _Unseen(table, f"every row of {name}")
    if known.all():
        raise DataError(
            f"{name}: all {len(table)} of these rows were trained on, and say nothing about new examples\n"
            "  fix: --holdout with labeled examples that nothing was chosen on"
        )
    print(f"{name}: {int(known.sum())} of {len(table)} of these rows were trained on; they are left out")
    return _Unseen(table.rows(np.flatnonzero(~known)), f"every row of {name} that the run was not trained on")


def _apart(sample: Table, unseen: Table) -> Table:
    """The sample without the rows of one file that are kept out of it, unless no others are in it."""
    from reseau.report.row_digests import are_known, row_digests

    kept_out = are_known(row_digests(sample), row_digests(unseen))
    return sample.rows(np.flatnonzero(~kept_out)) if kept_out.any() and not kept_out.all() else sample


def _by_unseen(arguments: Certify, model: "Model", sample: Table, unseen: _Unseen | None, why: str) -> int:
    """The hold-out bound alone."""
    from reseau.cli.metrics import decided
    from reseau.compile_cache import use_compile_cache
    from reseau.theory import certify_errors

    path = find_model(arguments.run)
    if unseen is None and name_of(arguments) == model.data and not path.with_name(ROWS).is_file():
        raise DataError(
            f"{why}; and {model.data} is what it was trained on, which no hold-out bound may use\n"
            "  fix: --holdout with labeled examples that nothing was chosen on"
        )
    use_compile_cache()
    found = _not_trained_on(path, sample, name_of(arguments)) if unseen is None else unseen
    examples, scores = found.rows, model.scores(found.rows.features)
    if arguments.within is None:
        what, wrong = "the error rate", decided(model, scores) != examples.target
    else:
        what = f"the share of predictions off by more than {arguments.within:g}"
        wrong = np.abs(scores[:, 0].astype(np.float64) - np.asarray(examples.target)) > arguments.within
    certificate = certify_errors(
        int(np.sum(wrong)),
        len(examples),
        arguments.delta,
        quantity=what,
        sequential=arguments.sequential,
        checked=(f"the prediction of {found.words}",),
    )
    print(f"No certificate from the training sample: {why}.")
    print(own_words(certificate.explain()))
    return 0


def _examples(arguments: Certify, recipe: Recipe) -> tuple[Table, Table | None]:
    """The sample, and unseen examples: those that are named, or the test part that the data brings."""
    unseen = None
    if arguments.holdout is not None:
        unseen = load(replace(arguments, data=arguments.holdout, dataset=None), recipe, labeled=True)[0]
    path = Path(arguments.data or "")
    if arguments.data is None or not (path.is_dir() or path.suffix.lower() == ".npz") or not path.exists():
        return load(arguments, recipe, labeled=True)[0], unseen
    parts = [
        folder_part(path, part, recipe)
        if path.is_dir()
        else read_npz(path, target=recipe.target, part=part, recipe=recipe, labeled=True)
        for part in ("train", "test")
    ]
    if parts[0] is None:
        return load(arguments, recipe, labeled=True)[0], unseen
    return parts[0], parts[1] if unseen is None else unseen


def _pair(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Rows of raw features, and the numbers of their classes."""
    assert table.target is not None
    return table.features, table.target


def _beside(unseen: _Unseen | None) -> str:
    return "" if unseen is None else f", {len(unseen.rows)} kept out"
