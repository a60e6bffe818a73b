"""pysaml2's provider as a process of its own, with xmlsec1 of Debian."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from host import Host, Process
from laurel import Laurel, Person


class Provider:
    """A provider made of pysaml2, by its own defaults."""

    name = "pysaml2"

    def __init__(self, host: Host, laurel: Laurel) -> None:
        self.host, self.folder, self.port = host, host.new("pysaml2"), host.port()
        host.certificate(self.folder / "idp")
        (self.folder / "sp.xml").write_text(host.service_provider(laurel)["sp"])
        asked = "import importlib.metadata as m; print(m.version('pysaml2'))"
        found = subprocess.run(
            [str(host.venv / "bin/python"), "-c", asked], capture_output=True, text=True, check=True
        )
        self.version = found.stdout.strip()

    def start(self) -> Process:
        """Serve it."""
        place = Path(__file__).with_name("pysaml2_idp.py")
        command = [
            str(self.host.venv / "bin/python"), str(place), str(self.folder), str(self.port),
            str(self.host.root / "usr/bin/xmlsec1"),
        ]  # fmt: skip
        ready = f"http://127.0.0.1:{self.port}/metadata"
        return self.host.run(command, self.folder, ready=ready, PYTHONPATH="", PYTHONWARNINGS="ignore")

    def entered(self) -> dict[str, Any]:
        """Return what is entered at Laurel."""
        return {
            "kind": "saml", "name": self.name, "metadata_url": f"http://127.0.0.1:{self.port}/metadata",
            "claim": "urn:oid:1.3.6.1.4.1.5923.1.1.1.7",  # eduPersonEntitlement
        }  # fmt: skip

    def log_in(self, person: Person, who: str) -> None:
        """Log in at its page."""
        person.fill("form", login=who, password="secret")
