"""Inline tests of rule files: a fake clock, rows to histories, differing answers out."""
