"""Estimators with scikit-learn's contract, made of networks. No other package imports scikit-learn."""

from reseau.estimators.classifier import NetworkClassifier
from reseau.estimators.many import Sweep, fit_many
from reseau.estimators.regressor import NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor", "Sweep", "fit_many"]
