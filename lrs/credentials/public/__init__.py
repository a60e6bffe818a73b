"""What anybody sees of credentials: their pages, the registry, and hosted forms."""
