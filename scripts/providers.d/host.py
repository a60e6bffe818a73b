"""Where providers run: Debian's packages unpacked in a folder, a virtual environment, processes, keys."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from laurel import Laurel

from lrs.running.mongod import free_port

Process = subprocess.Popen[bytes]
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib")


class Host:
    """A folder with `root` (what the packages hold), `venv`, `debs`, and one folder of each provider."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.venv = folder, folder / "root", folder / "venv"
        self.processes: list[Process] = []

    def new(self, name: str) -> Path:
        """Return an empty folder for one run of a provider."""
        found = self.folder / "runs" / name
        shutil.rmtree(found, ignore_errors=True)
        found.mkdir(parents=True)
        return found

    def port(self) -> int:
        """Return a free port."""
        return free_port()

    def version_of(self, package: str) -> str:
        """Return the version of a Debian package that was unpacked."""
        [found] = sorted((self.folder / "debs").glob(f"{package}_*.deb"))[-1:]
        return found.name.split("_")[1].replace("%3a", ":")

    def certificate(self, place: Path) -> str:
        """Write a key and a certificate beside each other (.pem, .crt); return the certificate."""
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.north.example")])
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30)).sign(key, hashes.SHA256())
        )  # fmt: skip
        plain = serialization.NoEncryption()
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        place.with_suffix(".pem").write_bytes(key.private_bytes(pem, pkcs8, plain))
        place.with_suffix(".crt").write_bytes(made.public_bytes(pem))
        return made.public_bytes(pem).decode()

    def service_provider(self, laurel: Laurel) -> dict[str, Any]:
        """Return what Laurel's own metadata says: entity, acs, certificate, and the whole text."""
        with urllib.request.urlopen(f"{laurel.url}/login/saml/metadata", timeout=10) as answer:
            text = answer.read().decode()
        found = {
            "entity": re.search(r'entityID="([^"]+)"', text),
            "acs": re.search(r'AssertionConsumerService[^>]*Location="([^"]+)"', text),
            "certificate": re.search(r"X509Certificate>([^<]+)<", text),
        }
        return {"sp": text, **{name: one[1] for name, one in found.items() if one}}

    def run(
        self, command: list[str], folder: Path, *, ready: str, cwd: Path | None = None, **env: str
    ) -> Process:
        """Start a provider and wait until an address of it answers."""
        libraries = ":".join(str(self.root / one) for one in LIBRARIES)
        with (folder / "output").open("wb") as output:
            started = subprocess.Popen(
                command, cwd=cwd or folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "LD_LIBRARY_PATH": libraries, **env},
            )  # fmt: skip
        self.processes.append(started)
        until = time.monotonic() + 40
        while time.monotonic() < until and started.poll() is None:
            try:
                urllib.request.urlopen(ready, timeout=5).close()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.3)
            else:
                return started
        raise AssertionError(f"{command[0]} does not answer: {(folder / 'output').read_text()[-2000:]}")

    def end(self) -> None:
        """End all that was started."""
        for one in self.processes:
            if one.poll() is None:
                os.killpg(one.pid, signal.SIGTERM)
                one.wait(20)
