"""Settings of gunicorn: `gunicorn -c python:lrs.running.gunicorn_settings wsgi:app`."""

from __future__ import annotations

import atexit
import importlib
import logging.config
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from gunicorn import glogging

from lrs.fast_path import processes
from lrs.fast_path.keep_alive_worker import KeepAliveWorker
from lrs.foundation.settings import Settings
from lrs.foundation.watching.logs import configuration
from lrs.http.refused_requests import AnswersErrors
from lrs.running.gate import wait_at_gate
from lrs.running.mongod import end_with_parent

settings = Settings.from_env(os.environ)
memory = Path("/dev/shm")  # noqa: S108 -- a file system in memory; names below it are unguessable
in_memory = str(memory) if os.access(memory, os.W_OK) else None

bind = [f"{settings.host}:{settings.port}"]
workers = settings.web_workers
worker_class = "lrs.running.plain_worker.PlainWorker"
threads = settings.web_threads
preload_app = False  # each worker makes its own MongoClient: PyMongo is not fork-safe
keepalive = 75
timeout = 60
graceful_timeout = 20
worker_tmp_dir = in_memory  # heartbeat files must not wait for a disk
sendfile = False
# an agent with an account and several parameters needs more than the usual 4 KB of a request line
limit_request_line = 8190
limit_request_field_size = 32 * 1024
# No header changes the scheme or the address, whoever sends it: LRS_PUBLIC_URL and LRS_TRUSTED_PROXIES tell.
# So it is not asked of each request whether its sender might.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
forwarded_allow_ips = "*"
control_socket_disable = True  # supervision is by signals; nothing is left in a home folder
AnswersErrors.version = settings.xapi_default_version

if settings.fast_path:
    worker_class = "lrs.fast_path.keep_alive_worker.KeepAliveWorker"
    KeepAliveWorker.longest_body = max(settings.max_body_mb, settings.content_max_mb) * 1024 * 1024
    KeepAliveWorker.most_of_address = 0 if settings.trusted_proxies else settings.web_connections_per_address
    processes.use_few_arenas()
    post_worker_init = processes.collect_rarely_in_web_worker
    if settings.web_affinity == "auto":
        pre_fork = processes.choose_processor

# Counters of all workers meet in files of one folder, which the master makes and removes.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    folder = tempfile.mkdtemp(prefix="laurel-metrics-", dir=in_memory)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    master = os.getpid()
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == master else None)


def on_starting(server: Any) -> None:
    """Load the application's modules, which the workers then share, and wait until MongoDB is ready."""
    module = server.app.app_uri.partition(":")[0]
    importlib.import_module("lrs.app" if module == "wsgi" else module)
    processes.keep_what_is_loaded()
    wait_at_gate()


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's loggers in our form; lines per request are those of `watching.metrics`, at level debug."""

    def setup(self, cfg: Any) -> None:
        """Replace gunicorn's handlers."""
        super().setup(cfg)
        form = configuration(settings.log_level, settings.log_format, access=settings.access_log)
        logging.config.dictConfig(form)


logger_class = Logger


def post_fork(server: Any, worker: Any) -> None:
    """Let a worker die with its parent, whose port it would hold, and keep it on its processor."""
    end_with_parent(signal.SIGKILL)
    if os.getppid() != server.pid:  # the parent was gone before the kernel was asked
        os._exit(1)
    if getattr(worker, "processor", None) is not None:
        processes.keep_to_processor(server, worker)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that ended."""
    from prometheus_client import multiprocess  # noqa: PLC0415 -- it chooses its storage when it is imported

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # untyped there
