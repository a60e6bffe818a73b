"""Sign in to Laurel by providers of others, in Chromium, and print the table of docs/sign-in.md.

usage: run.py FOLDER [NAME ...]: FOLDER holds what `scripts/providers` unpacked.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import canaille
import lemonldap
import pysaml2
import simplesamlphp
from host import Host
from laurel import Laurel, Person

PROVIDERS: dict[str, Any] = {
    "canaille": canaille.Provider, "lemonldap": lemonldap.OverOpenId, "lemonldap-saml": lemonldap.OverSaml,
    "pysaml2": pysaml2.Provider, "simplesamlphp": simplesamlphp.Provider,
}  # fmt: skip

BROKEN = {"lemonldap-saml"}  # by name alone: it does not take our request after its own login form


def tried(host: Host, laurel: Laurel, name: str, make: Any) -> str:
    """Sign three people in by a provider, and say what came of it."""
    provider = make(host, laurel)
    provider.start()
    laurel.provide(name, **provider.entered())
    seen = []
    for who, wanted in (("ada", "partner_admin"), ("bo", "learner")):
        arrived(laurel, provider, name, who)
        user = laurel.user(f"{who}@{name}.example")
        assert user.get("role") == wanted, (who, user)
        seen.append(f"{who}: {wanted}, {user['name']}")
    arrived(laurel, provider, name, "ada")  # again: the account that is there
    text = refused(laurel, provider, name, "eve")
    assert not laurel.user("eve@elsewhere.example"), "an address of another domain made an account"
    seen.append(f"eve: {text}")
    return f"| {provider.name} {provider.version} | {'; '.join(seen)} |"


def arrived(laurel: Laurel, provider: Any, name: str, who: str) -> None:
    """Log somebody in; raises AssertionError where they do not arrive."""
    person = Person()
    try:
        person.begin(laurel, f"{who}@{name}.example")
        provider.log_in(person, who)
        ours = f"location.href.startsWith('{laurel.url}')"
        assert person.there(ours), f"still at {person.where()}: {person.text()[:800]}"
        assert "/login-done" in person.where(), f"{person.where()}: {person.text()[:800]}"
    finally:
        person.close()


def refused(laurel: Laurel, provider: Any, name: str, who: str) -> str:
    """Let somebody of another domain log in there; return what Laurel says."""
    person = Person()
    try:
        person.begin(laurel, f"ada@{name}.example")
        provider.log_in(person, who)
        assert person.there(f"location.href.startsWith('{laurel.url}')"), person.text()[:800]
        alert = person.page.run("document.querySelector('[role=alert]')?.innerText || ''")
        assert alert, f"{person.where()}: {person.text()[:800]}"
        return str(alert)
    finally:
        person.close()


def main(folder: Path, names: list[str]) -> int:
    """Try the providers; return 1 where one does not work."""
    place = Path(tempfile.mkdtemp(prefix="laurel-", dir=folder))
    (place / "data").mkdir()
    host, laurel, worst = Host(folder), Laurel(place), 0
    try:
        for name in names or sorted(PROVIDERS.keys() - BROKEN):
            try:
                print(tried(host, laurel, name, PROVIDERS[name]), flush=True)
            except Exception:  # noqa: BLE001 -- the others are tried all the same
                worst = 1
                print(f"| {name} | {traceback.format_exc()} |", flush=True)
    finally:
        host.end()
        os.killpg(laurel.serve.process.pid, signal.SIGTERM)
        laurel.serve.process.wait(60)
        shutil.rmtree(place)
    return worst


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
