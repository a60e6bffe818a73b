"""Partner tiers and gates: pure answers, and their record."""
