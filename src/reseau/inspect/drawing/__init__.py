"""The drawing of a graph: layout of its nodes, and the picture as SVG or PNG."""
