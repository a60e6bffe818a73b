"""Questions of the query language, answered by DuckDB from the lake's files."""
