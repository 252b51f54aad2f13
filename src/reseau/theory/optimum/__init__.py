"""The global optimum of a one-hidden-layer network, with a certified gap."""
