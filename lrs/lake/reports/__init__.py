"""Ready reports that read the lake's tables: rows out of DuckDB, of what the asker may see."""
