"""Columns beside MongoDB: Delta tables of what statements say, kept by the worker, asked with DuckDB."""
