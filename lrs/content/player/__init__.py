"""Running content for a learner: launches, the player's page and what it asks for."""
