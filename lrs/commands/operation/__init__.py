"""Commands of who runs Laurel: serve, worker, backup, restore, migrate, doctor."""
