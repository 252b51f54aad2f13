"""Neural networks you can see into, train fast and prove something about.

`import reseau as rs` is instant: each name below is imported when it is first used.
"""

import builtins
from importlib import import_module
from typing import Any

_LAYERS = (
    "abs affine apply attention average_pool batch_norm clip concatenate conv conv_transpose dropout elu embedding "
    "exp flatten gelu global_average_pool group_norm gru hard_swish layer_norm leaky_relu log log_softmax log_sum_exp "
    "lstm max max_pool maximum mean members members_affine minimum mish ntk_affine parametric_activation "
    "periodic_embedding piecewise_linear_encoding proxy relu reshape rms_norm round scale selu separate_affine "
    "sigmoid sign silu slice smooth_clip softmax softplus sqrt square step sum tanh transpose"
).split()

HOME = {
    **dict.fromkeys(("apply_op", "constant", "input", "parameter", "state"), "reseau.graph"),
    **dict.fromkeys(_LAYERS, "reseau.layers"),
    **dict.fromkeys(("Network", "load"), "reseau.network"),
    "load_recipe": "reseau.modelfiles.formats",
    "Objective": "reseau.objective",
    **dict.fromkeys(("NetworkClassifier", "NetworkRegressor", "fit_many"), "reseau.estimators"),
    "tune": "reseau.tabular",
    "show_versions": "reseau.versions",
    "use_compile_cache": "reseau.compile_cache",
    "conformal": "reseau.calibration.conformal",
    "explore": "reseau.explorer.notebook",
    "certified_radius": "reseau.verification.radius",
    "verify": "reseau.verification.verify",
    **dict.fromkeys(("Compute", "FitResult", "Record", "fit", "train"), "reseau.training"),
}
MODULES = (
    "batches",
    "constraints",
    "data",
    "distributed",
    "errors",
    "estimators",
    "initializers",
    "layers",
    "logs",
    "losses",
    "onnx",
    "ops",
    "optimizers",
    "penalties",
    "tabular",
    "theory",
)

_PUBLIC = [*sorted(HOME), *MODULES]

# `from reseau import *` leaves Python's own `abs`, `input`, `max`, ... in place
__all__ = [name for name in _PUBLIC if not hasattr(builtins, name)]


def __getattr__(name: str) -> Any:
    if name in HOME:
        value = getattr(import_module(HOME[name]), name)
    elif name in MODULES:
        value = import_module(f"reseau.{name}")
    elif name == "__version__":
        from importlib.metadata import version  # not at the top: Ctrl-C is the command's own only after this file

        value = version("reseau")
    else:
        from difflib import get_close_matches

        close = get_close_matches(name, _PUBLIC, 1)
        raise AttributeError(
            f"module 'reseau' has no attribute {name!r}" + (f"; did you mean {close[0]!r}?" if close else "")
        )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_PUBLIC)
