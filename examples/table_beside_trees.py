"""Two real tables that come with scikit-learn: the default for tables beside boosted trees, on rows held out.

python examples/table_beside_trees.py
"""

import argparse

from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

import reseau as rs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=2, help="splits of each table (default: 2)")
    splits = parser.parse_args().splits
    print(f"{'':15} {'held out':>8} {'':8} {'reseau':>8} {'boosted trees':>14}")
    for name, load, of_classes in (("diabetes", load_diabetes, False), ("breast cancer", load_breast_cancer, True)):
        X, y = load(return_X_y=True)
        ours = (
            rs.NetworkClassifier("auto", random_state=0) if of_classes else rs.NetworkRegressor("auto", random_state=0)
        )
        trees = (HistGradientBoostingClassifier if of_classes else HistGradientBoostingRegressor)(random_state=0)
        for seed in range(splits):
            stay, held, of_stay, of_held = train_test_split(
                X, y, test_size=0.2, random_state=seed, stratify=y if of_classes else None
            )
            scores = [model.fit(stay, of_stay).score(held, of_held) for model in (ours, trees)]
            measure = "accuracy" if of_classes else "R²"
            print(f"{name:15} {len(held):8} {measure:8} {scores[0]:8.3f} {scores[1]:14.3f}", flush=True)
    print("(few splits of two tables prove little: docs/tabular.md has more of both)")


if __name__ == "__main__":
    main()
