"""The results of the comparison on tables in words: a row a table, and how often and by how much a model is better."""

from typing import Any

import numpy as np

__all__ = ["written"]


def written(results: dict[str, Any], models: list[str]) -> str:
    """Mean ± deviation over the splits that all models have that were tried there; then wins, scores and CPU seconds.

    A normalized score is 0 for the worst and 1 for the best of the models on that table, by their means. Each model's
    numbers in the last lines are those of the tables that it was tried on.
    """
    lines = [f"| table (splits) | {' | '.join(models)} |", "|---|" + "---:|" * len(models)]
    means, seconds = [], []
    for name in sorted(results):
        found = {model: results[name][model] for model in models if results[name].get(model)}
        if models[0] not in found or len(found) < min(2, len(models)):
            continue
        splits = sorted(set.intersection(*map(set, found.values())))
        if not splits:
            continue
        scores = {model: np.array([values[s][0] for s in splits]) for model, values in found.items()}
        means.append([scores[m].mean() if m in scores else np.nan for m in models])
        seconds.append([np.mean([found[m][s][1] for s in splits]) if m in found else np.nan for m in models])
        best = np.nanmax(means[-1])
        cells = [_cell(scores[m], best) if m in scores else "–" for m in models]
        lines.append(f"| {name} ({len(splits)}) | {' | '.join(cells)} |")
    if not means:
        return "no table was tried with all of these models"
    each = np.array(means)
    low, high = np.nanmin(each, 1, keepdims=True), np.nanmax(each, 1, keepdims=True)
    normalized = np.where(np.isnan(each), np.nan, (each - low) / np.where(high > low, high - low, 1))
    both = ~np.isnan(each)
    better = each[:, :1] >= each - 1e-5  # scores are kept to five digits
    wins = [int(np.sum(better[both[:, j], j])) for j in range(1, len(models))]
    others = " | ".join(f"{w} of {n}" for w, n in zip(wins, both.sum(0)[1:], strict=True))
    lines.append(f"| mean normalized score | {' | '.join(f'{v:.3f}' for v in np.nanmean(normalized, 0))} |")
    lines.append(f"| {models[0]} is at least as good on | – | {others} |")
    lines.append(f"| CPU seconds a fit, mean | {' | '.join(f'{v:.1f}' for v in np.nanmean(seconds, 0))} |")
    return "\n".join(lines)


def _cell(scores: np.ndarray, best: float) -> str:
    """Mean, and deviation of several splits; the best model's mean in bold."""
    mark = "**" if scores.mean() >= best - 5e-4 else ""
    spread = f" ± {scores.std():.3f}" if len(scores) > 1 else ""
    return f"{mark}{scores.mean():.3f}{mark}{spread}"
