"""Where somebody comes in: signing in, the first page, search, what a browser prefers."""
