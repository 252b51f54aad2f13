"""Data larger than memory, read in blocks and shuffled in windows."""
