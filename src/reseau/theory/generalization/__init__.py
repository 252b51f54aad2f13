"""Bounds on the risk: Rademacher complexity, certificates, the hold-out bound."""
