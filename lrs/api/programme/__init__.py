"""Routes about the programme: rules and plans, assignments, awards, credentials, gates, and events."""
