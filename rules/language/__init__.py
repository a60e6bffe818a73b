"""The rule language: documents as frozen values, YAML to tree to values and back. Knows no store."""
