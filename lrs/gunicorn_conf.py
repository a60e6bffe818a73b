"""Settings of gunicorn: `gunicorn -c python:lrs.gunicorn_conf wsgi:app`."""

from __future__ import annotations

import os

workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 8
preload_app = False  # each worker makes its own MongoClient: PyMongo is not fork-safe
keepalive = 75
timeout = 60
graceful_timeout = 20
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 -- heartbeat files, no disk
