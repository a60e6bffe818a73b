"""Predictions of who gets where by a day: to be looked at, never an input of a decision; off at first."""
