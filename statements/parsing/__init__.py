"""Texts without loss: JSON, timestamps, durations, identifiers of agents, search keys. Pure."""
