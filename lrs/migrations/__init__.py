"""Which version wrote the database, and the small steps that bring stored data up to date."""
