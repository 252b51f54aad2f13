"""A table as typed columns: what is learned of them, and how rows become numbers."""
