"""Pages on one partner: tier, gates, people, what is due."""
