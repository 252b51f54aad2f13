"""A real table (diabetes, which comes with scikit-learn): the default for tables beside boosted trees, one split.

python examples/table_beside_trees.py
"""

import argparse

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor

import reseau as rs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="nominal time to train (default: 5)")
    seconds = parser.parse_args().seconds
    X, y = load_diabetes(return_X_y=True)
    stay, held = rs.data.split(len(X), 0.2, seed=0)
    found = rs.tabular.fit_table(rs.data.from_arrays(X[stay], y[stay]), seconds=seconds)
    predicted = found.network.in_blocks(found.params, X[held])[:, 0]
    ours = 1 - np.mean((predicted - y[held]) ** 2) / np.var(y[held])
    trees = HistGradientBoostingRegressor(random_state=0).fit(X[stay], y[stay]).score(X[held], y[held])
    print(f"diabetes, R² on {len(held)} rows held out: reseau {ours:.3f}, boosted trees {trees:.3f}")
    print(f"({found.settings.members} members, {found.seconds:.0f} s; one split is no proof: docs/tabular.md)")


if __name__ == "__main__":
    main()
