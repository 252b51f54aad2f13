"""The default for tables and images: features, networks, settings by size, members averaged in one network."""

from reseau.tabular.search import Trial, Tuned, tune
from reseau.tabular.table_fit import TableFit, fit_table
from reseau.tabular.table_settings import TableSettings, settings_for

__all__ = ["TableFit", "TableSettings", "Trial", "Tuned", "fit_table", "settings_for", "tune"]
