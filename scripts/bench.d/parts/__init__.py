"""What can be measured, one part of a run in each file; main.py lists them."""
