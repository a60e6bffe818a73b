"""Words for people: what requirements ask and what was seen, how numbers, lists and days are written."""
