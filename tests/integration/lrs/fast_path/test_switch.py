"""`LRS_FAST_PATH` chooses between the fast path and plain Flask with gthread; both answer the same."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from typing import Any

import pytest
from conftest import basic
from factories import make_statement
from flask import Flask
from places import ROOT

from lrs.app import create_app
from lrs.fast_path.application import Application
from lrs.foundation.settings import Settings


@pytest.mark.parametrize(("fast", "kind"), [(True, Application), (False, Flask)])
def test_the_application_is_the_chosen_one_and_answers_alike(
    fast: bool, kind: type[Flask], settings: Settings, db: Any
) -> None:
    app = create_app(dataclasses.replace(settings, fast_path=fast, max_body_mb=1), db)
    assert type(app) is kind
    client = app.test_client()
    stored = client.post("/xapi/statements", json=make_statement(), headers=basic())
    assert (stored.status_code, stored.headers["Content-Type"]) == (200, "application/json")
    (name,) = stored.json
    path = f"/xapi/statements?statementId={name}"
    read, looked = client.get(path, headers=basic()), client.head(path, headers=basic())
    assert read.json["id"] == name
    assert read.headers["Content-Length"] == looked.headers["Content-Length"] == str(len(read.data))
    assert looked.data == b""
    assert client.post("/xapi/statements", data=b"x" * (1 << 20 | 1), headers=basic()).status_code == 413


@pytest.mark.parametrize(
    ("chosen", "worker", "hooks"),
    [
        ("on", "lrs.fast_path.keep_alive_worker.KeepAliveWorker", True),
        ("off", "lrs.running.plain_worker.PlainWorker", False),
    ],
)
def test_gunicorn_runs_the_chosen_worker(chosen: str, worker: str, hooks: bool) -> None:
    code = (
        "from lrs.running import gunicorn_settings as chosen;"
        "print(chosen.worker_class, all(hasattr(chosen, name) for name in"
        " ('pre_fork', 'post_fork', 'post_worker_init')))"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LRS_")}
    said = subprocess.run(
        [sys.executable, "-c", code], env={**environ, "LRS_FAST_PATH": chosen}, cwd=ROOT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.split() == [worker, str(hooks)]
