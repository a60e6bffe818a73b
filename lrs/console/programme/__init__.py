"""Pages on certifications, their rules and plans, and who holds what."""
