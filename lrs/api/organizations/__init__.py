"""Routes about who there is and what they may do: organizations, people, users, clients, the audit of it."""
