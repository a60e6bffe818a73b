"""The duties of a launching system of cmi5: sessions in their order, moveOn, satisfied, abandoned, waived."""
