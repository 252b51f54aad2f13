"""Write the exported page of each page of the course into docs/pages: small trained networks that compute by themselves.

    python docs/course_pages.py
"""

from pathlib import Path

import reseau as rs
from reseau.explorer.datasets import DATASETS, generate
from reseau.explorer.standalone_page import page_of
from reseau.explorer.problem import Problem, Shape, build

PAGES = Path(__file__).resolve().parent / "pages"

# name of the page: data set, rows, noise, hidden layers, activation, penalty, steps
NETWORKS = {
    "1-graph": ("kink", 40, 0.05, (2,), "relu", None, 2000),
    "2-sgd": ("rings", 120, 0.02, (8,), "tanh", None, 2000),
    "3-backprop": ("quadrants", 120, 0.0, (3,), "relu", None, 3000),
    "4-relu": ("sine", 128, 0.2, (16,), "relu", None, 6000),
    "5-homogeneity": ("triangle", 128, 0.1, (8,), "relu", None, 4000),
    "6-regularization": ("sine", 128, 0.2, (32,), "relu", rs.penalties.L2(0.003), 6000),
    "7-generalization": ("clouds", 160, 0.12, (8,), "relu", None, 1500),
    "8-approximation": ("saddle", 200, 0.0, (24,), "relu", None, 6000),
}


def main() -> None:
    """Train each network, and write its page."""
    PAGES.mkdir(exist_ok=True)
    for name, (data, rows, noise, hidden, activation, penalty, steps) in NETWORKS.items():
        problem: Problem = build(generate(data, rows, noise, 0), Shape(hidden, (), activation), 0, DATASETS[data].title)
        result = rs.fit(
            rs.Objective(problem.network, problem.loss, penalty),
            (problem.inputs[0][problem.train], problem.targets[problem.train]),
            optimizer=rs.optimizers.Adam(0.01),
            batches=rs.batches.Shuffled(16),
            steps=steps,
            progress=False,
        )
        (PAGES / f"{name}.html").write_text(page_of(problem, result.params), encoding="utf-8")
        print(f"pages/{name}.html")


if __name__ == "__main__":
    main()
