"""Processes: serve, worker, embedded MongoDB, gunicorn settings, doctor."""
