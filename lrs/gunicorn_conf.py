"""Settings of gunicorn: `gunicorn -c python:lrs.gunicorn_conf wsgi:app`."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import logging.config
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from gunicorn import glogging

from lrs.lingering import own_processor
from lrs.logs import configuration
from lrs.settings import Settings

M_ARENA_MAX = -8  # <malloc.h>

settings = Settings.from_env(os.environ)
memory = Path("/dev/shm")  # noqa: S108 -- a file system in memory; names below it are unguessable
in_memory = str(memory) if os.access(memory, os.W_OK) else None

bind = [f"{settings.host}:{settings.port}"]
workers = settings.web_workers
worker_class = "lrs.lingering.LingeringWorker"
threads = settings.web_threads
preload_app = False  # each worker makes its own MongoClient: PyMongo is not fork-safe
keepalive = 75
timeout = 60
graceful_timeout = 20
worker_tmp_dir = in_memory  # heartbeat files must not wait for a disk
control_socket_disable = True  # supervision is by signals; nothing is left in a home folder

# glibc keeps freed memory in up to eight arenas for each core: with sixteen threads a fifth more memory, and
# slow growth for long. Two are enough where one thread computes at a time.
with contextlib.suppress(OSError, AttributeError):  # another C library
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)

# Counters of all workers meet in files of one folder, which the master makes and removes.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    folder = tempfile.mkdtemp(prefix="laurel-metrics-", dir=in_memory)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    master = os.getpid()
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == master else None)


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's loggers in our form; lines per request are ours (lrs.health), at level debug."""

    def setup(self, cfg: Any) -> None:
        """Replace gunicorn's handlers."""
        super().setup(cfg)
        logging.config.dictConfig(configuration(settings.log_level, settings.log_format))


logger_class = Logger


def pre_fork(server: Any, worker: Any) -> None:
    """Choose the processor of a new worker, where each is to have its own."""
    worker.processor = None
    if settings.web_affinity == "auto" and hasattr(os, "sched_getaffinity"):
        taken = [other.processor for other in server.WORKERS.values()]
        worker.processor = own_processor(os.sched_getaffinity(0), server.cfg.workers, taken)


def post_fork(_server: Any, worker: Any) -> None:
    """Keep the worker on its processor."""
    if worker.processor is not None:
        os.sched_setaffinity(0, {worker.processor})


def post_worker_init(_worker: Any) -> None:
    """Keep the collector of cycles away from what lives as long as the process, and from each batch.

    A batch of 250 statements makes some 10,000 objects, none in a cycle. With the usual thresholds a quarter
    of the worker's time went into looking at them, and at the whole application, again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that ended."""
    from prometheus_client import multiprocess  # noqa: PLC0415 -- it chooses its storage when it is imported

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # untyped there
