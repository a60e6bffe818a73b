"""The parts of scripts/fuzz.py: what is fuzzed."""
