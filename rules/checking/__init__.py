"""Everything that can be wrong with a rule file, with place, reason and suggestion. Pure."""
