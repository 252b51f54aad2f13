"""Bounds on the risk of networks whose weights are drawn at random."""
