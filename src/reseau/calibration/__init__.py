"""Intervals and sets that hold with a stated probability: scores, the quantile of them, and outputs of a network."""
