"""Serve one credential on 127.0.0.1 until standard input ends; the first line printed says where what lies"""

from __future__ import annotations

import datetime as dt
import html
import json
import re
import sys
import tempfile
import threading
from pathlib import Path

from factories_credentials import make_period
from werkzeug.serving import make_server

from lrs.app import create_app
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.issuer import issuer_of, links_of
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings
from lrs.running.mongod import find_mongod, start_mongod
from rules.credentials.issuing import issue, refresh_status

BASE = "https://lrs.example"  # what clients map to the address that is printed
NOW = dt.datetime.now(dt.UTC)


def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = start_mongod(find_mongod().program, Path(folder) / "mongo", cache_gb=0.25)
        try:
            serve(server.uri, Path(folder))
        finally:
            server.stop()


def serve(uri, folder):
    settings = Settings(
        mongodb_uri=uri, database="interop", public_url=BASE, data_folder=folder, key_passphrase="interop"
    )
    db = connect(settings)
    app = create_app(settings, db)
    issuer, client = issuer_of(settings, db), app.test_client()
    names = ("good", "revoked", "first", "second", "third")
    awards = {name: f"01JZ3T8Q4M5N6P7R8S9TAVBWC{letter}" for name, letter in zip(names, "ABCDE", strict=True)}
    told = {}
    for name, award in awards.items():
        period = make_period(
            award=award, valid_from=NOW - dt.timedelta(days=2), ends_at=NOW + dt.timedelta(days=300)
        )
        issue(issuer, period, NOW)
        DisplayStore(db).choose(award, period.person, Display(shown=True), NOW)
        holder = links_of(settings).make(award, "holder", NOW)
        place = f"/credentials/{award}/wallet?token={holder}"
        page = client.post(place).text
        link = html.unescape(re.search(r'href="(openid-credential-offer:[^"]*)"', page)[1])
        told[name] = {
            "page": place,
            "offer": link,
            "assertion": client.get(f"/credentials/{award}/assertion").json,
        }
    refresh_status(issuer, awards["revoked"], "revoked", NOW)
    web = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    print(json.dumps(told | {"at": f"http://127.0.0.1:{web.server_port}"}), flush=True)
    sys.stdin.read()
    web.shutdown()


main()
