"""Routes about the programme: rules and plans, awards, credentials, gates, and the events of them."""
