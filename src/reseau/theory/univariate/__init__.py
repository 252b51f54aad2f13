"""One input: continuous piecewise-linear functions, their networks, and approximation with the fewest pieces."""
