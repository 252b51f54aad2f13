"""Estimators with scikit-learn's contract, made of networks. No other package imports scikit-learn."""

from reseau.estimators.classifier import NetworkClassifier
from reseau.estimators.regressor import NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor"]
