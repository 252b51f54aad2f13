"""The results of the comparison on tables in words: a row a table, and how often and by how much a model is better."""

from typing import Any

import numpy as np

__all__ = ["written"]


def written(results: dict[str, Any], models: list[str]) -> str:
    """Mean ± deviation over the splits that all models have; then wins, normalized scores and CPU seconds.

    A normalized score is 0 for the worst and 1 for the best of the models on that table, by their means.
    """
    lines = [f"| table (splits) | {' | '.join(models)} |", "|---|" + "---:|" * len(models)]
    means, seconds = [], []
    for name in sorted(results):
        found = results[name]
        splits = sorted(set.intersection(*(set(found.get(model, {})) for model in models)))
        if not splits:
            continue
        scores = np.array([[found[model][s][0] for s in splits] for model in models])
        means.append(scores.mean(1))
        seconds.append([np.mean([found[model][s][1] for s in splits]) for model in models])
        best = means[-1].max()
        cells = [
            f"{'**' if mean >= best - 5e-4 else ''}{mean:.3f}{'**' if mean >= best - 5e-4 else ''} ± {deviation:.3f}"
            for mean, deviation in zip(means[-1], scores.std(1), strict=True)
        ]
        lines.append(f"| {name} ({len(splits)}) | {' | '.join(cells)} |")
    if not means:
        return "no table was tried with all of these models"
    each = np.array(means)
    low, high = each.min(1, keepdims=True), each.max(1, keepdims=True)
    normalized = np.where(high > low, (each - low) / np.where(high > low, high - low, 1), 1.0)
    wins = (each[:, :1] >= each).mean(0)
    lines.append(f"| mean normalized score | {' | '.join(f'{v:.3f}' for v in normalized.mean(0))} |")
    others = " | ".join(f"{100 * w:.0f} %" for w in wins[1:])
    lines.append(f"| {models[0]} is at least as good on | – | {others} |")
    lines.append(f"| CPU seconds a fit, mean | {' | '.join(f'{v:.1f}' for v in np.mean(seconds, 0))} |")
    return "\n".join(lines)
