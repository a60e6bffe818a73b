"""Rules from recipes: a form for what differs from one programme to the next, and the checked draft it makes."""
