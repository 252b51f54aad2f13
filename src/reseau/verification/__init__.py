"""What a network can output on a box of inputs: a property decided with a proof or with a witness.

Everything but `graph_chain` and `verify` is NumPy, so that the command starts without JAX.
"""
