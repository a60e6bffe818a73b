"""Marked statements and due people -> decisions -> facts, events, standings; leases and marks."""
