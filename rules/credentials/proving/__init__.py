"""How a credential is proven: canonical forms, keys, proofs, tokens and status lists."""
