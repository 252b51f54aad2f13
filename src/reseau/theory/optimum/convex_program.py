"""Convex programs of a mean loss of linear scores, solved with their multipliers by an interior point."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from reseau.extras import import_extra
from reseau.theory.shallow.shallow_network import FloatArray

__all__ = ["Matrix", "Program"]

Matrix = Any  # scipy.sparse has no type hints


@dataclass
class Program:
    """Minimize `(1/n) Σ_i l(y_i, (features c)_i) + cost · c` with `c` in cones.

    Args:
        features: Scores are `features @ c`, shape (n, k).
        cost: Linear cost of the coefficients, shape (k,).
        loss: `"squared"`, `"absolute"`, `"hinge"` or `"logistic"`, as in `LOSSES`.
        targets: `y`, shape (n,).
    """

    features: Matrix
    cost: FloatArray
    loss: str
    targets: FloatArray
    rows: list[tuple[Matrix, FloatArray, str, int]] = field(default_factory=list)

    def require(self, rows: Matrix, limit: FloatArray, cone: str, size: int) -> None:
        """Add `limit - rows @ c` in cones of `size` rows each.

        A cone is `"zero"`, `"nonnegative"`, or `"norm"`: the first row at least the norm of the others.
        """
        self.rows.append((sparse.csc_matrix(rows), limit, cone, size))

    def solve(self, *, accurate: bool = True) -> tuple[FloatArray, FloatArray]:
        """The coefficients, and the derivative of the mean loss in each score at the optimum.

        Both are the solver's and carry its rounding: bounds are to be computed again from them.

        Args:
            accurate: To the last digits that the solver has; else to about eight, several times faster.

        Raises:
            MissingExtraError: If clarabel is not installed.

        Source: P. Goulart and Y. Chen, *Clarabel: an interior-point solver for conic programs with
            quadratic objectives*, 2024.
        """
        clarabel = _clarabel()
        n, k = self.features.shape
        extra, quadratic, cost, rows = _loss_rows(self.loss, self.targets, clarabel)
        # Variables: coefficients, scores, and what the loss adds.
        blocks = [(sparse.hstack([self.features, -sparse.eye(n), sparse.csc_matrix((n, extra))]), np.zeros(n))]
        cones = [clarabel.ZeroConeT(n)]
        kinds = {
            "zero": clarabel.ZeroConeT,
            "nonnegative": clarabel.NonnegativeConeT,
            "norm": clarabel.SecondOrderConeT,
        }
        for matrix, limit, cone, size in self.rows:
            blocks.append((sparse.hstack([matrix, sparse.csc_matrix((matrix.shape[0], n + extra))]), limit))
            cones += [kinds[cone](size) for _ in range(matrix.shape[0] // size)]
        for matrix, limit, kind in rows:
            blocks.append((sparse.hstack([sparse.csc_matrix((matrix.shape[0], k)), matrix]), limit))
            cones += kind
        objective = sparse.block_diag([sparse.csc_matrix((k, k)), quadratic], format="csc")
        # The sum of the losses and not their mean: small weights cost the solver digits.
        solution = (_most_accurate if accurate else _quick)(
            clarabel,
            sparse.triu(n * objective, format="csc"),
            n * np.concatenate([self.cost, cost]),
            sparse.vstack([matrix for matrix, _ in blocks], format="csc"),
            np.concatenate([limit for _, limit in blocks]),
            cones,
        )
        return np.array(solution.x[:k]), np.array(solution.z[:n]) / n


def _quick(clarabel: Any, *program: Any) -> Any:
    return clarabel.DefaultSolver(*program, _settings(clarabel, 1e-8)).solve()


def _settings(clarabel: Any, tolerance: float) -> Any:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.max_iter = 100
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    return settings


def _most_accurate(clarabel: Any, *program: Any) -> Any:
    """Solve with each setting of the linear algebra until one converges; else keep the least residual."""
    best, least = None, np.inf
    for refinements, regularization in ((50, 1e-8), (10, 1e-8), (50, 1e-10)):
        settings = _settings(clarabel, 1e-12)
        settings.static_regularization_constant = regularization
        settings.iterative_refinement_max_iter = refinements
        if refinements > 10:
            settings.iterative_refinement_reltol = settings.iterative_refinement_abstol = 1e-16
        solution = clarabel.DefaultSolver(*program, settings).solve()
        residual = solution.r_prim + solution.r_dual + abs(solution.obj_val - solution.obj_val_dual)
        if best is None or residual < least:
            best, least = solution, residual
        if str(solution.status) == "Solved":
            break
    return best


def _clarabel() -> Any:
    return import_extra("clarabel", "global_optimum")


def _loss_rows(
    loss: str, y: FloatArray, clarabel: Any
) -> tuple[int, Matrix, FloatArray, list[tuple[Matrix, FloatArray, list[Any]]]]:
    """Extra variables, quadratic part, cost and rows of the mean loss, in the variables (scores, extra)."""
    n = len(y)
    eye, zero = sparse.eye(n, format="csc"), np.zeros(n)
    if loss == "squared":
        return 0, eye / n, -y / n, []
    if loss == "logistic":
        return _logistic_rows(y, clarabel)
    share = np.concatenate([zero, np.full(n, 1 / n)])
    nothing = sparse.csc_matrix((2 * n, 2 * n))
    orthant = [clarabel.NonnegativeConeT(2 * n)]
    if loss == "absolute":  # t >= u - y and t >= y - u
        matrix = sparse.bmat([[eye, -eye], [-eye, -eye]])
        return n, nothing, share, [(matrix, np.concatenate([y, -y]), orthant)]
    matrix = sparse.bmat([[sparse.diags(-y), -eye], [sparse.csc_matrix((n, n)), -eye]])  # t >= 1 - y u, t >= 0
    return n, nothing, share, [(matrix, np.concatenate([-np.ones(n), zero]), orthant)]


def _logistic_rows(
    y: FloatArray, clarabel: Any
) -> tuple[int, Matrix, FloatArray, list[tuple[Matrix, FloatArray, list[Any]]]]:
    """`t >= log(1 + exp(-y u))` is `p + q <= 1`, `exp(-t) <= p`, `exp(-y u - t) <= q`."""
    n = len(y)
    matrix, limit = sparse.lil_matrix((6 * n, 4 * n)), np.zeros(6 * n)
    i = np.arange(n)
    u, t, p, q = i, n + i, 2 * n + i, 3 * n + i
    matrix[6 * i, t] = 1.0  # each cone holds (a, b, c) with b exp(a / b) <= c
    limit[6 * i + 1] = 1.0
    matrix[6 * i + 2, p] = -1.0
    matrix[6 * i + 3, u] = y
    matrix[6 * i + 3, t] = 1.0
    limit[6 * i + 4] = 1.0
    matrix[6 * i + 5, q] = -1.0
    eye, empty = sparse.eye(n), sparse.csc_matrix((n, n))
    budget = sparse.hstack([empty, empty, eye, eye])
    cost = np.concatenate([np.zeros(n), np.full(n, 1 / n), np.zeros(2 * n)])
    return 3 * n, sparse.csc_matrix((4 * n, 4 * n)), cost, [
        (matrix.tocsc(), limit, [clarabel.ExponentialConeT() for _ in range(2 * n)]),
        (budget, np.ones(n), [clarabel.NonnegativeConeT(n)]),
    ]  # fmt: skip
