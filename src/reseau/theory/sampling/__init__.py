"""Sampling schemes of batches, and an audit of their gradients."""
