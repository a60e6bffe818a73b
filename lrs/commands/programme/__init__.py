"""Commands about the programme: rules, awards, credentials, gates, notices, webhooks."""
