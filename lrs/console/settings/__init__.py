"""Settings that are data: looks and keys, words of notices, policies."""
