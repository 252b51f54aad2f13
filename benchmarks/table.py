"""The README's table of ratios, between two marks, from results.json."""

from pathlib import Path
from typing import Any

__all__ = ["between", "write_table"]

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
ON_GPU = "<!-- benchmarks on a GPU, {}: {} -->"
PEERS = ("NumPy", "PyTorch eager", "PyTorch compiled", "JAX by hand", "Flax + optax", "scikit-learn")


def write_table(found: dict[str, Any], readme: Path) -> None:
    """Put the table in place of what stands between the marks."""
    begin, end = BEGIN, END
    if "gpu" in found["machine"]:
        what = "TF32" if found["machine"]["tf32"] else "float32"
        begin, end = (ON_GPU.format(what, side) for side in ("begin", "end"))
    between(readme, begin, end, table(found))


def between(readme: Path, begin: str, end: str, lines: str) -> None:
    """Put these lines in place of what stands between two marks, where the page has them."""
    text = readme.read_text()
    if begin in text:
        head, rest = text.split(begin)
        readme.write_text(head + begin + "\n" + lines + end + rest.split(end)[1])


def table(found: dict[str, Any]) -> str:
    """A row a case: how many times longer a step takes elsewhere."""
    lines = ["| a training step | reseau | " + " | ".join(PEERS) + " |", "|---|" + "---:|" * (len(PEERS) + 1)]
    for key, row in sorted(found["cases"].items()):
        peers = row["contenders"]
        by_hand = [peers[p] for p in peers if p.startswith("JAX by hand")]
        if by_hand:  # the better of the two ways to write it
            peers = peers | {"JAX by hand": min(by_hand, key=lambda p: p["ratio"])}
        cells = [f"{peers[p]['ratio']:.2f}×" if p in peers else "–" for p in PEERS]
        lines.append(f"| ({key}) {row['title']} | {shown(peers['reseau'])} | " + " | ".join(cells) + " |")
    machine = found["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    lines += [
        "",
        f"Medians of {found['rounds']} rounds. {machine['cores']} cores ({machine['processor']}), "
        f"sgemm {machine['sgemm_gflops']:.0f} GFLOP/s; {versions}.",
    ]
    if "gpu" in machine:
        products = "TF32" if machine["tf32"] else "float32"
        lines[-1] = f"{machine['gpu']}, products in {products}, XLA_FLAGS={machine['XLA_FLAGS']!r}; {lines[-1]}"
    elif "e" in found["cases"]:
        lines[-1] += f" Case (e) runs at {100 * found['cases']['e']['share_of_sgemm']:.0f} % of the sgemm rate."
    return "\n".join(lines) + "\n"


def shown(ours: dict[str, Any]) -> str:
    if "seconds" in ours:
        return f"{ours['seconds']:.2f} s"
    us = ours["microseconds"]
    return f"{us:.2f} µs" if us < 1000 else f"{us / 1000:.1f} ms"
