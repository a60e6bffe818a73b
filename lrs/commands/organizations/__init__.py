"""Commands about who there is: organizations, people, users, clients, deals."""
