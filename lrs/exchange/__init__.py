"""Statements in and out: export, import, Parquet, the live tail."""
