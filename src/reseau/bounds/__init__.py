"""Bounds of every node of a graph over a box of inputs, one rule for each operation."""
