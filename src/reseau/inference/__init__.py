"""Inference with fixed parameters: the graph made shorter, its programs, and the predictor that runs them."""
