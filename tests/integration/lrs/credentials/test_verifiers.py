"""Independent verifiers accept what we serve and refuse what was tampered with (cert#7-8).

openbadgeslib, and jose with Digital Bazaar's status list library on node, see only what our pages answer.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
import subprocess

import pytest
from factories_credentials import MemorySigner, make_period
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3.verifier import OB3Verifier
from places import CLIENTS

import schemas
from lrs.app import create_app
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.issuer import issuer_of
from lrs.credentials.keys import key_store
from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.baking import unbake
from rules.credentials.issuing import issue, refresh_status
from rules.credentials.proving.signing import compact, make_private_key, read_compact

HAS_NODE = shutil.which("node") is not None and (CLIENTS.parent / "node_modules" / "jose").is_dir()
NOW = dt.datetime.now(dt.UTC)
AWARD = "01JZ3T8Q4M5N6P7R8S9TAVBWCX"


BOTH = pytest.mark.parametrize("algorithm", ["RS256", "ES256"])


@pytest.fixture
def algorithm():
    """ES256 where the algorithm makes no difference: its keys are made at once."""
    return "ES256"


@pytest.fixture
def site(algorithm, settings, db):
    """An application at https://lrs.example with one displayed credential."""
    settings = dataclasses.replace(
        settings, public_url="https://lrs.example", key_passphrase="test", signing_algorithm=algorithm
    )
    app = create_app(settings, db)
    site = Site(app.test_client(), issuer_of(settings, db), settings, db)
    DisplayStore(db).choose(AWARD, site.period().person, Display(shown=True), NOW)
    site.record = issue(site.credential_issuer, site.period(), NOW)
    return site


@dataclasses.dataclass
class Site:
    client: object
    credential_issuer: object
    settings: object
    db: object
    record: object = None

    def period(self, **overrides):
        usual = {"valid_from": NOW - dt.timedelta(days=2), "ends_at": NOW + dt.timedelta(days=300)}
        return make_period(award=AWARD, **usual | overrides)

    def get(self, url):
        """Fetch from the site as a verifier would; every other host is unknown."""
        assert url.startswith("https://lrs.example/"), url
        answer = self.client.get(url.removeprefix("https://lrs.example"))
        assert answer.status_code == 200, (url, answer.status_code)
        return answer.data

    @property
    def token(self):
        return self.client.get(f"/credentials/{AWARD}").text

    def forge(self, key=None, kid=None, **changes):
        """Sign changed claims, with the site's own key unless another is given."""
        claims = read_compact(self.token).claims | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        signer = MemorySigner({"x": key}) if key else self.credential_issuer.signer
        name = "x" if key else self.credential_issuer.signer.current()
        return compact(
            signer,
            name,
            claims,
            kid=kid or self.credential_issuer.issuer.kid(self.credential_issuer.signer.current()),
        )


def by_ours(site, token):
    def get(url, accept):
        try:
            return Fetched(url, "", site.get(url))
        except AssertionError as error:
            raise FetchRefused(url, str(error)) from error

    return verify_credential(token.encode(), Inquiry(get, dt.datetime.now(dt.UTC))).is_valid


def by_openbadgeslib(site, token):
    try:
        issuer = read_compact(token).claims["issuer"]["id"]
        verifier = OB3Verifier.for_issuer_did(issuer, download=site.get)
        verifier.verify(token, check_status=True, download=site.get)
    except (LibOpenBadgesException, AssertionError):
        return False
    return True


def by_jose(site, token):
    if not HAS_NODE:
        pytest.skip("node or tests/node_modules is missing; scripts/test installs them where npm is at hand")
    names = (".well-known/did.json", ".well-known/jwks.json", f"status/{site.record.list}")
    urls = [f"https://lrs.example/{name}" for name in names]
    files = {url: site.get(url).decode() for url in urls}
    done = subprocess.run(
        ["node", "--no-deprecation", "verify_credential.mjs"], cwd=CLIENTS, text=True, timeout=60,
        capture_output=True, check=True, input=json.dumps({"token": token, "files": files}),
    )  # fmt: skip
    return json.loads(done.stdout)["valid"]


VERIFIERS = pytest.mark.parametrize(
    "verifier", [by_ours, by_openbadgeslib, by_jose], ids=["ours", "openbadgeslib", "jose"]
)


@BOTH
@VERIFIERS
def test_what_we_serve_is_accepted(site, verifier):
    assert verifier(site, site.token)


@VERIFIERS
def test_an_old_credential_is_accepted_after_its_key_was_retired(site, verifier):
    store, token = key_store(site.settings, site.db), site.token
    assert verifier(site, token)  # the list is published with the first key
    store.add("ES256", NOW)
    store.retire("k1", NOW)
    assert verifier(site, token)
    assert read_compact(site.get(f"https://lrs.example/status/{site.record.list}").decode()).header["kid"]
    renewed = issue(site.credential_issuer, site.period(period=2, valid_from=NOW - dt.timedelta(days=1)), NOW)
    assert read_compact(renewed.jwt).header["kid"].endswith("#k3")
    assert verifier(site, site.token)


@BOTH
@pytest.mark.parametrize("verifier", [by_ours, by_openbadgeslib], ids=["ours", "openbadgeslib"])
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_byte_is_refused(site, verifier, part):
    parts = site.token.split(".")
    place = len(parts[part]) // 2
    letter = "A" if parts[part][place] != "A" else "B"
    parts[part] = parts[part][:place] + letter + parts[part][place + 1 :]
    with_unreadable = ".".join(parts)
    try:
        read_compact(with_unreadable)
    except Exception:  # noqa: BLE001 -- not even readable is refused by everybody
        return
    assert not verifier(site, with_unreadable)


@VERIFIERS
def test_a_swapped_issuer_is_refused(site, verifier):
    other = {"id": "did:web:evil.example", "type": ["Profile"], "name": "Northwind Academy"}
    assert not verifier(site, site.forge(issuer=other, iss=other["id"]))


@VERIFIERS
def test_a_key_that_is_not_in_the_did_document_is_refused(site, verifier):
    own_key = site.credential_issuer.issuer.kid(site.credential_issuer.signer.current())
    assert not verifier(site, site.forge(key=make_private_key("ES256"), kid=own_key))
    assert not verifier(site, site.forge(key=make_private_key("ES256"), kid="did:web:lrs.example#k99"))


@VERIFIERS
@pytest.mark.parametrize("standing", ["revoked", "suspended"])
def test_a_revoked_or_suspended_credential_is_refused_and_a_reinstated_one_accepted(site, verifier, standing):
    token = site.token
    refresh_status(site.credential_issuer, AWARD, standing, NOW)
    assert not verifier(site, token)
    issue(site.credential_issuer, site.period(), dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5))
    assert not verifier(site, token)
    assert verifier(site, site.token)


@VERIFIERS
def test_a_credential_past_its_end_is_refused(site, verifier):
    ends = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=1)
    token = site.forge(validUntil=ends.isoformat(), exp=int(ends.timestamp()))
    assert not verifier(site, token)


@VERIFIERS
@pytest.mark.parametrize("claim", ["iss", "sub"])
def test_claims_that_differ_from_the_credential_are_refused(site, verifier, claim):
    assert not verifier(site, site.forge(**{claim: "https://lrs.example/credentials/another"}))


def test_each_entry_of_a_credential_status_is_looked_at(site):
    entry = read_compact(site.token).claims["credentialStatus"]
    assert by_ours(site, site.forge(credentialStatus=[entry]))
    assert not by_ours(site, site.forge(credentialStatus=[entry, entry | {"type": "Other"}]))


@VERIFIERS
def test_a_changed_claim_is_refused(site, verifier):
    head, body, signature = site.token.split(".")
    other = site.forge(name="Another certification").split(".")[1]
    assert not verifier(site, f"{head}.{other}.{signature}")
    assert body != other


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_unbaking_gives_the_same_jwt_with_ours_and_with_openbadgeslib(site, suffix):
    picture = site.get(f"https://lrs.example/credentials/{AWARD}.{suffix}")
    read = {"png": OB3Verifier.extract_token_from_png, "svg": OB3Verifier.extract_token_from_svg}[suffix]
    assert unbake(picture) == read(picture) == site.token


@pytest.mark.parametrize(
    "change",
    [
        {"credentialStatus": []}, {"@context": ["https://www.w3.org/ns/credentials/v2"]}, {"type": ["X"]},
        {"validFrom": "2026-01-01"}, {"validFrom": None}, {"issuer": {"name": "x"}},
        {"credentialSubject": {}},
    ],
)  # fmt: skip
def test_our_schema_refuses_what_is_no_open_badge(site, change):
    claims = read_compact(site.token).claims
    own = schemas.validator("credential-1")
    assert own.is_valid(claims)
    changed = {name: value for name, value in (claims | change).items() if value is not None}
    assert not own.is_valid(changed)
