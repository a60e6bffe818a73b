"""xAPI client libraries that other people wrote, each through all it can do, against a running server.

The JavaScript sides are tests/clients/*.js; `scripts/test` installs tests/package.json where npm is at hand.
"""

import base64
import os
import shutil
import subprocess
from typing import Any

import pytest
from places import CLIENTS

MODULES = CLIENTS.parent / "node_modules"


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("tincanjs.js", ""),
        ("adl-xapiwrapper.js", ""),
        ("xapi-js.js", "1.0.0"),
        ("xapi-js.js", "2.0.0"),
        ("cmi5.js", ""),
    ],
)
def test_a_javascript_library_works_unchanged(server: Any, script: str, version: str) -> None:
    if shutil.which("node") is None or not MODULES.is_dir():
        pytest.skip("node or tests/node_modules is missing; scripts/test installs them where npm is at hand")
    key, secret = base64.b64decode(server.auth()["Authorization"].split()[1]).decode().split(":")
    done = subprocess.run(
        ["node", "--no-deprecation", script],
        cwd=CLIENTS,
        env={
            **os.environ,
            "XAPI_ENDPOINT": f"{server.xapi}/",
            "XAPI_KEY": key,
            "XAPI_SECRET": secret,
            "XAPI_VERSION": version,
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok " in done.stdout
