"""A network that is seen, driven and understood: `Explorer`, and what carries it to a browser or a notebook."""
