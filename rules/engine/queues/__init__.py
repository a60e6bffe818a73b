"""What waits to be decided, and who holds it: marks, people, organizations, events."""
