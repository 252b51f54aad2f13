"""Theorems as functions of the network that was trained; float64 NumPy, bounds rounded outward.

What reads or writes graphs loads the engine, and is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reseau.theory.compression.bound import compression_bound
from reseau.theory.generalization.certificate import Certificate
from reseau.theory.generalization.certify import certify, certify_errors, commitment
from reseau.theory.generalization.certify_network import certify_network
from reseau.theory.generalization.certify_settings import ANY_UNIT, CertificateSettings
from reseau.theory.generalization.complexity_chain import Chain, complexity_chain
from reseau.theory.generalization.holdout import binomial_interval, binomial_upper, hoeffding_upper
from reseau.theory.generalization.rademacher import Estimate, rademacher
from reseau.theory.infinite.mean_field import MeanField, MeanFieldFigure, mean_field, mean_field_figure
from reseau.theory.optimum.exact_objective import objective
from reseau.theory.optimum.frank_wolfe import Solution, fewer_neurons, frank_wolfe, frank_wolfe_penalized
from reseau.theory.optimum.global_optimum import Gap, Optimum, global_optimum, optimality_gap
from reseau.theory.optimum.width_figure import WidthFigure, width_figure
from reseau.theory.sampling import schemes
from reseau.theory.sampling.audit import Audit, Decomposition, audit, check_decomposition
from reseau.theory.sequential.anytime import sequential_mean_upper, sequential_upper
from reseau.theory.sequential.monitor import Monitor
from reseau.theory.shallow.canonical import CanonicalForm, Comparison, canonical, same_function
from reseau.theory.shallow.homogeneity import balance, merge, normalize, path_norm, prune, rescale, weight_decay
from reseau.theory.shallow.projections import (
    project_ellipsoid,
    project_l1,
    project_neurons,
    prox_coupled,
    prox_l1,
    retract,
)
from reseau.theory.shallow.random_features import (
    FeatureFigure,
    KernelRidge,
    arc_cosine,
    kernel_ridge,
    random_feature_figure,
    random_neurons,
    random_ridge,
)
from reseau.theory.shallow.shallow_network import ShallowNetwork
from reseau.theory.shallow.strongest import Maximum, strongest_neuron
from reseau.theory.stochastic.inverse_kl import inverse_kl, pac_bayes_bound
from reseau.theory.univariate.approximation import Approximation, approximate, compress
from reseau.theory.univariate.deep import deep_to_pwl, tent_layers
from reseau.theory.univariate.expression import Expression, parse
from reseau.theory.univariate.fewest_pieces import min_pieces
from reseau.theory.univariate.pieces import PWL, interpolate
from reseau.theory.univariate.rates import (
    convex_rate,
    curvature_rate,
    expected_pieces,
    lipschitz_rate,
    optimal_knots,
    variation_rate,
)
from reseau.theory.univariate.realization import LineNetwork, minimum_width, network_to_pwl, pwl_to_network, realize
from reseau.theory.univariate.variation import variation_norm

if TYPE_CHECKING:
    from reseau.theory.compression.pick_to_learn import Picked, pick_to_learn
    from reseau.theory.infinite.tangent_kernel import tangent_kernel
    from reseau.theory.shallow.balance_network import Balanced, balance_network, path_norm_of
    from reseau.theory.stochastic.pac_bayes import PacBayes, pac_bayes
    from reseau.theory.stochastic.stochastic_network import StochasticNetwork

__all__ = [
    "ANY_UNIT",
    "PWL",
    "Approximation",
    "Audit",
    "Balanced",
    "CanonicalForm",
    "Certificate",
    "CertificateSettings",
    "Chain",
    "Comparison",
    "Decomposition",
    "Estimate",
    "Expression",
    "FeatureFigure",
    "Gap",
    "KernelRidge",
    "LineNetwork",
    "Maximum",
    "MeanField",
    "MeanFieldFigure",
    "Monitor",
    "Optimum",
    "PacBayes",
    "Picked",
    "ShallowNetwork",
    "Solution",
    "StochasticNetwork",
    "WidthFigure",
    "approximate",
    "arc_cosine",
    "audit",
    "balance",
    "balance_network",
    "binomial_interval",
    "binomial_upper",
    "canonical",
    "certify",
    "certify_errors",
    "certify_network",
    "check_decomposition",
    "commitment",
    "complexity_chain",
    "compress",
    "compression_bound",
    "convex_rate",
    "curvature_rate",
    "deep_to_pwl",
    "expected_pieces",
    "fewer_neurons",
    "frank_wolfe",
    "frank_wolfe_penalized",
    "global_optimum",
    "hoeffding_upper",
    "interpolate",
    "inverse_kl",
    "kernel_ridge",
    "lipschitz_rate",
    "mean_field",
    "mean_field_figure",
    "merge",
    "min_pieces",
    "minimum_width",
    "network_to_pwl",
    "normalize",
    "objective",
    "optimal_knots",
    "optimality_gap",
    "pac_bayes",
    "pac_bayes_bound",
    "parse",
    "path_norm",
    "path_norm_of",
    "pick_to_learn",
    "project_ellipsoid",
    "project_l1",
    "project_neurons",
    "prox_coupled",
    "prox_l1",
    "prune",
    "pwl_to_network",
    "rademacher",
    "random_feature_figure",
    "random_neurons",
    "random_ridge",
    "realize",
    "rescale",
    "retract",
    "same_function",
    "schemes",
    "sequential_mean_upper",
    "sequential_upper",
    "strongest_neuron",
    "tangent_kernel",
    "tent_layers",
    "variation_norm",
    "variation_rate",
    "weight_decay",
    "width_figure",
]

_ON_DEMAND = {
    **dict.fromkeys(("Balanced", "balance_network", "path_norm_of"), "reseau.theory.shallow.balance_network"),
    **dict.fromkeys(("Picked", "pick_to_learn"), "reseau.theory.compression.pick_to_learn"),
    **dict.fromkeys(("PacBayes", "pac_bayes"), "reseau.theory.stochastic.pac_bayes"),
    "StochasticNetwork": "reseau.theory.stochastic.stochastic_network",
    "tangent_kernel": "reseau.theory.infinite.tangent_kernel",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module 'reseau.theory' has no attribute {name!r}")
    return getattr(import_module(_ON_DEMAND[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
