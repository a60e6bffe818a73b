"""What may count for a person: history, statements as evidence, selectors, the index of matches. Pure."""
