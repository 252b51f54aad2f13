"""Readers of tables and images: CSV, Parquet, Arrow, arrays, IDX."""
