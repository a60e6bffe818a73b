"""JSON Schema documents and their loader."""
