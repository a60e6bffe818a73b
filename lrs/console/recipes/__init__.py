"""Rules from recipes: a form for what differs between programmes, and the checked draft it makes."""
