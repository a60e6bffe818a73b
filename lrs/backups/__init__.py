"""Backups: one consistent moment of the whole database, what changed since, and the way back."""
