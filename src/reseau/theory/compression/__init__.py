"""Bounds on a predictor that was made of few of its rows."""
