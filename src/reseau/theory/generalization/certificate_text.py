"""The words of a certificate: the theorem, its inequality, what was checked and what is assumed."""

import numpy as np

from reseau.theory.generalization.certify_settings import CertificateSettings
from reseau.theory.shallow.shallow_network import FloatArray, row_norms

__all__ = ["assumed", "checked", "delta_split", "formula", "kind", "suspicions"]


def kind(settings: CertificateSettings, outputs: int) -> str:
    """The theorem used."""
    subject = {"error": "margin" if outputs == 1 else "multiclass margin"}.get(settings.loss, settings.loss)
    source = {
        "sample": "complexity from the sample",
        "ball": "inputs in a ball",
        "simulated": "complexity by simulation",
    }[settings.complexity]
    return f"path norm, {subject}, {source}"


def formula(settings: CertificateSettings, outputs: int) -> str:
    """The inequality, in the letters of `constants`."""
    if settings.loss == "error":
        left, slope = "error rate <= (1/n) sum_i min(1, (1 - margin_i/rho)_+)", "kappa"
    else:
        left, slope = "mean loss <= (1/n) sum_i l(y_i, clip(f(x_i)))", "G (D of the grid)"
    factor, several = ("3", "") if outputs == 1 else ("6", " sqrt(C)")
    complexity = {
        "sample": f"{factor}{several} {slope} sqrt(Q)/n",
        "ball": f"{factor} sqrt(2){several} {slope} R/sqrt(n)",
        "simulated": f"2 {slope} (simulated)",
    }[settings.complexity]
    largest = "" if settings.loss == "error" else "B "
    times = "3 " if settings.from_sample else ""
    share = "(0.9 delta)" if settings.complexity == "simulated" else "delta"
    return f"{left} + {complexity} + {times}{largest}sqrt(log(K/{share})/(2n))"


def delta_split(settings: CertificateSettings) -> dict[str, float]:
    """Where delta went."""
    deviations = settings.delta - settings.simulated_delta
    points = f"the deviations, equally over {settings.cells} grid points"
    split = {points if settings.cells > 1 else "the deviations": deviations}
    if settings.simulated_delta:
        split["the random signs"] = settings.simulated_delta
    return split


def checked(settings: CertificateSettings, points: FloatArray) -> tuple[str, ...]:
    """What the computation verified on this network and these examples."""
    texts = [
        "the path norm and every term of the bound, in float64 rounded up",
        "the score of every example, with a bound on its rounding error",
    ]
    if settings.loss == "error":
        texts.append("the ramp loss lies in [0, 1] by construction")
    else:
        texts.append("clipping the score bounds the loss, and does not increase the complexity")
    if settings.complexity == "ball":
        texts.append(f"every one of these inputs has |x| <= R (largest: {row_norms(points).max():.6g})")
    return tuple(texts)


def assumed(settings: CertificateSettings) -> tuple[str, ...]:
    """What no computation on these examples can verify."""
    texts = [
        "the examples are independent draws from one law, that of future examples",
        "R, the grid, delta and the loss were fixed before these examples were seen",
        "features and preprocessing do not depend on them (no standardization fitted on them)",
        "on new inputs, the deployed forward pass equals the exact function up to harmless rounding",
    ]
    if settings.complexity == "simulated":
        texts.append(f"the seed {settings.seed} of the random signs was fixed before these examples were seen")
    if settings.complexity == "ball":
        texts.append("every future input has |x| <= R; enforced if the predictor scales x by min(1, R/|x|)")
    if settings.target_bound is not None:
        texts.append(f"every future target has |y| <= {settings.target_bound:g}")
    return tuple(texts)


def suspicions(points: FloatArray, settings: CertificateSettings) -> tuple[str, ...]:
    """Signs that an assumption is false."""
    n = len(points)
    texts = []
    repeated = n - len({row.tobytes() for row in points})
    if repeated:
        texts.append(f"{repeated} of {n} inputs repeat another one: are the examples independent?")
    # The first factor keeps the sums of squares of huge inputs finite.
    largest = max(float(np.abs(points).max()), 1e-300)
    mean, spread = np.mean(points / largest, axis=0), np.std(points / largest, axis=0)
    if n > 2 and np.all(np.abs(mean) <= 1e-9) and np.all(np.abs(spread * largest - 1) <= 1e-6):
        texts.append("every input has mean 0 and deviation 1 here: was it standardized on these examples?")
    norms = row_norms(points)
    for radius in settings.radii:
        if np.sum(np.abs(norms - radius) <= 1e-12 * radius) == 1 and norms.max() <= radius * (1 + 1e-12):
            texts.append(f"R = {radius:g} is the largest |x| of these examples: was it chosen on them?")
    return tuple(texts)
