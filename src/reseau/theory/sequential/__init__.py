"""Statements about an error rate that hold at all times at once, however long one looks."""
