"""The parts of scripts/torture.py: hosts whose links and disks can be broken, what runs on them, the histories."""
