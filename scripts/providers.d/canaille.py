"""Canaille as an OpenID provider: PyPI's package in a virtual environment, people in SQLite."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from host import Host, Process
from laurel import Laurel, Person

CONFIG = """
SECRET_KEY = "a secret of one machine"
SERVER_NAME = "127.0.0.1:%(port)s"
PREFERRED_URL_SCHEME = "http"
[CANAILLE]
DATABASE = "sql"
JAVASCRIPT = true
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///%(folder)s/people.sqlite"
[CANAILLE_OIDC]
ACTIVE_JWKS = [%(key)s]
[CANAILLE_HYPERCORN]
BIND = ["127.0.0.1:%(port)s"]
"""
PEOPLE = (("ada", "canaille.example"), ("bo", "canaille.example"), ("eve", "elsewhere.example"))


class Provider:
    """Canaille as it comes: groups by the scope of that name, consent asked once."""

    name = "Canaille"

    def __init__(self, host: Host, laurel: Laurel) -> None:
        self.host, self.folder, self.port = host, host.new("canaille"), host.port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = self.folder / "canaille.toml"
        self.config.write_text("")
        self.version = self.do("--version").split("version ")[-1].split()[0]
        key = json.loads(self.do("jwk", "create", "rsa"))
        written = "{" + ", ".join(f'{name} = "{value}"' for name, value in key.items()) + "}"
        about = {"port": self.port, "folder": self.folder, "key": written}
        self.config.write_text(CONFIG % about)
        self.do("install")
        for who, domain in PEOPLE:
            self.do(
                "create", "user", "--user-name", who, "--password", "secret-of-one",
                "--emails", f"{who}@{domain}", "--given-name", who.title(), "--family-name", "North",
                "--formatted-name", f"{who.title()} North",
            )  # fmt: skip
        self.do(
            "create", "group", "--display-name", "partner-managers", "--members", "ada", "--members", "eve"
        )
        self.do(
            "create", "client", "--client-id", "laurel", "--client-secret", "secret-of-laurel",
            "--client-name", "Laurel", "--redirect-uris", f"{laurel.url}/login/callback",
            "--grant-types", "authorization_code", "--response-types", "code",
            "--scope", "openid", "--scope", "email", "--scope", "profile", "--scope", "groups",
            "--token-endpoint-auth-method", "client_secret_basic", "--client-uri", laurel.url,
        )  # fmt: skip
        name = json.loads(self.do("get", "client"))[0]["id"]
        self.do("set", "client", name, "--audience", name)  # its own form does so; without, `aud` is empty

    def do(self, *arguments: str) -> str:
        """Run its command; return what it prints."""
        found = subprocess.run(
            [str(self.host.venv / "bin/canaille"), *arguments], cwd=self.folder, capture_output=True,
            text=True, env=os.environ | self.variables(), check=False,
        )  # fmt: skip
        assert found.returncode == 0, found.stderr[-1500:]
        return found.stdout

    def variables(self) -> dict[str, str]:
        """Return where its configuration lies."""
        return {"CANAILLE_CONFIG": str(self.config), "PYTHONWARNINGS": "ignore", "PYTHONPATH": ""}

    def start(self) -> Process:
        """Serve it."""
        command = [str(self.host.venv / "bin/canaille"), "run"]
        place = f"{self.url}/.well-known/openid-configuration"
        return self.host.run(command, self.folder, ready=place, **self.variables())

    def entered(self) -> dict[str, Any]:
        """Return what is entered at Laurel."""
        return {
            "kind": "oidc", "name": self.name, "issuer": self.url, "client_id": "laurel",
            "secret": "secret-of-laurel", "claim": "groups",
        }  # fmt: skip

    def log_in(self, person: Person, who: str) -> None:
        """Log in at its page, and consent."""
        person.fill("form", login=who)
        assert person.there("document.querySelector('form [name=password]')"), person.text()
        person.fill("form", password="secret-of-one")
        if person.there("document.querySelector('[name=answer]') || location.pathname.startsWith('/login')"):
            person.page.run("document.querySelector('[name=answer][value=accept]')?.click()")
