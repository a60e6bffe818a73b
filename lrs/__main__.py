"""`python -m lrs`: the same as the `lrs` command, for processes that start others by their interpreter."""

from lrs.cli import main

main()
