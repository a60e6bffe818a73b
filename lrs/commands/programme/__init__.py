"""Commands about the programme: rules, assignments, awards, credentials, gates, notices, webhooks."""
