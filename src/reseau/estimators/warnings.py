"""What a fit warns of at its end, in the classes of scikit-learn."""

from sklearn.exceptions import ConvergenceWarning

__all__ = ["OVERFLOW", "WARNINGS"]

OVERFLOW = (
    "what the solver keeps of the gradients, such as their squares, is beyond the largest number of {}, and steps that "
    "are divided by it are 0\n"
    "  fix: scale features and targets (sklearn.preprocessing.StandardScaler), or dtype='float64'"
)

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
