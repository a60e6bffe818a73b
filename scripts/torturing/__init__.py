"""The parts of scripts/torture.py: hosts that can be broken, what runs on them, histories."""
