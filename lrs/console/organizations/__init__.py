"""Pages on people, partners, clients, users."""
