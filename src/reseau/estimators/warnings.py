"""What a fit warns of at its end, in the classes of scikit-learn."""

from sklearn.exceptions import ConvergenceWarning

__all__ = ["WARNINGS"]

WARNINGS: dict[str, tuple[str, type[Warning]]] = {
    "exhausted": (
        "training stopped after max_iter={} epochs, before it converged\n  fix: more max_iter",
        ConvergenceWarning,
    ),
    "interrupted": ("the fit was interrupted; what was learned is kept", UserWarning),
    "diverged": (
        "training left the finite numbers; the parameters of the best validation score are kept\n"
        "  fix: a smaller learning_rate_init, or scaled features",
        ConvergenceWarning,
    ),
}
