"""Judge hosted assertions (stdin: the line of site.py) with validators of Open Badges 2.0 of others"""

from __future__ import annotations

import collections
import collections.abc
import io
import json
import logging
import sys

import requests

for name in ("Callable", "Hashable", "Iterable", "Mapping", "MutableMapping", "MutableSequence", "MutableSet",
             "Sequence", "Set"):  # fmt: skip
    setattr(collections, name, getattr(collections.abc, name))  # openbadges 1.1.2 was made for Python 3.9
logging.disable(logging.CRITICAL)

from openbadges.verifier.openbadges_context import OPENBADGES_CONTEXT_V2_DICT  # noqa: E402
from openbadges.verifier.verifier import verify  # noqa: E402
from openbadgeslib.ob2 import OB2Verifier  # noqa: E402

SITE = json.loads(sys.stdin.readline())
V2, HOST = "https://w3id.org/openbadges/v2", "https://lrs.example"
EMAIL = "ana@example.com"
GOOD, REVOKED = SITE["good"]["assertion"], SITE["revoked"]["assertion"]
COPIES = {
    "good": GOOD,
    "changed": GOOD | {"expires": "2999-01-01T00:00:00Z"},
    "revoked": REVOKED,
    "foreign": GOOD | {"id": "https://foreign.example/a"},
}
send = requests.sessions.Session.send


def answer(request, status, content):
    made = requests.Response()
    made.status_code, made.raw, made.request, made.url = status, io.BytesIO(content), request, request.url
    made.headers["Content-Type"] = "application/ld+json"
    return made


def to_site(self, request, **options):
    if request.url == V2:
        return answer(request, 200, json.dumps(OPENBADGES_CONTEXT_V2_DICT).encode())
    if request.url == COPIES["foreign"]["id"]:
        return answer(request, 200, json.dumps(COPIES["foreign"]).encode())
    if not request.url.startswith(HOST):
        return answer(request, 404, b"{}")
    request.url = request.url.replace(HOST, SITE["at"])
    return send(self, request, **options)


requests.sessions.Session.send = to_site


def by_openbadges(copy):
    report = verify(json.dumps(copy), recipient_profile={"email": EMAIL}, use_cache=False)["report"]
    if not report["valid"]:
        raise ValueError(next((str(one.get("result")) for one in report["messages"]), "not valid"))
    shown = verify(copy["id"], use_cache=False)["graph"]
    if not any(one.get("expires") == copy["expires"] for one in shown):
        raise ValueError("shows what the page says, not the copy")


def by_openbadgeslib(copy):
    def download(url):
        found = requests.get(url, timeout=10)
        found.raise_for_status()
        return found.content

    OB2Verifier(download=download).verify_hosted(copy, expected_recipient=EMAIL)


def judge(check, copy):
    try:
        check(copy)
    except Exception as error:  # noqa: BLE001 -- whatever a library raises is a refusal
        return f"{type(error).__name__}: {error}"[:120]
    return True


VERIFIERS = {
    "openbadges 1.1.2 (validator of 1EdTech)": by_openbadges,
    "openbadgeslib 4.6.3 (ob2)": by_openbadgeslib,
}
found = {
    name: {"Open Badges 2.0": {which: judge(check, copy) for which, copy in COPIES.items()}}
    for name, check in VERIFIERS.items()
}
json.dump(found, sys.stdout, indent=1)
