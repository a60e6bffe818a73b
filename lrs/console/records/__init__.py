"""Pages on statements: what came in, what was refused, what is asked of them."""
