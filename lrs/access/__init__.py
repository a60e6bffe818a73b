"""Who is asking and what they may do: clients, users, sessions, tokens, organizations."""
