"""Signed-in pages for people who administer."""
