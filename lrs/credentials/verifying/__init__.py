"""Whether a copy of a credential is genuine and valid now: one report of named checks."""
