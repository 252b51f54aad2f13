"""The same numbers in the forms that people have them in."""

import numpy as np
import pandas as pd


def layouts(X):
    """Arrays of other layouts and types, and containers, that hold the numbers of X exactly."""
    read_only = X.copy()
    read_only.flags.writeable = False
    return {
        "Fortran order": np.asfortranarray(X),
        "negative strides": X[::-1].copy()[::-1],
        "not contiguous": np.repeat(X, 2, axis=1)[:, ::2],
        "big-endian": X.astype(">f8"),
        "longdouble": X.astype(np.longdouble),
        "list": X.tolist(),
        "data frame": pd.DataFrame(X),
        "masked, nothing hidden": np.ma.array(X),
        "read only": read_only,
    }
