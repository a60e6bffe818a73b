"""Public pages: every form by negotiation, what holders allow, keys, status lists, and bad input."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json

import jwt
import pytest
from factories_credentials import make_period
from PIL import Image

from lrs.app import create_app
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.issuer import issuer_of, links_of
from lrs.credentials.keys import key_store
from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import JWT_TYPES, Inquiry
from lrs.foundation.context import Services
from lrs.foundation.fetching import Fetched
from rules.credentials.baking import unbake
from rules.credentials.issuing import issue, refresh_status
from rules.credentials.proving.signing import read_compact

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
AWARD = "01JZ3T8Q4M5N6P7R8S9TAVBWCX"
PERSON = make_period().person
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
ALL = Display(shown=True, name="full", evidence=True, registry=True)


class Pages:
    """One application with one credential, and a clock that a test sets."""

    def __init__(self, settings, db):
        self.settings = dataclasses.replace(
            settings, public_url="https://lrs.example", key_passphrase="test", signing_algorithm="ES256"
        )
        self.db = db
        self.at = NOW
        app = create_app(self.settings, db)
        app.extensions["laurel"] = Services(self.settings, db, lambda: self.at)
        self.client = app.test_client()
        self.credential_issuer = issuer_of(self.settings, db)
        db.people.insert_one({"_id": PERSON, "org": "vendor", "name": "Ana <Ferreira>", "ifis": []})

    def issue(self, **overrides):
        return issue(self.credential_issuer, make_period(award=AWARD, **overrides), self.at)

    def show(self, choice=ALL):
        DisplayStore(self.db).choose(AWARD, PERSON, choice, self.at)

    def token(self, right="holder"):
        return links_of(self.settings).make(AWARD, right, self.at)

    def get(self, path="", accept=None, **query):
        headers = {} if accept is None else {"Accept": accept}
        return self.client.get(f"/credentials/{AWARD}{path}", headers=headers, query_string=query)


@pytest.fixture
def pages(settings, db):
    pages = Pages(settings, db)
    pages.record = pages.issue()
    return pages


@pytest.fixture
def shown(pages):
    pages.show()
    return pages


ACCEPTED = {
    None: "text/plain", "*/*": "text/plain", "text/plain": "text/plain",
    "application/vc+jwt": "application/vc+jwt", HTML["Accept"]: "text/html", "text/html": "text/html",
    "image/png": "image/png", "image/svg+xml": "image/svg+xml", "application/pdf": "application/pdf",
    "application/vc+jwt;q=0.5, text/html;q=0.9": "text/html",
    "application/vc": "application/vc", "application/ld+json, application/json": "application/ld+json",
    "application/json": "application/json", "application/json, text/plain, */*": "text/plain",
}  # fmt: skip


def test_each_form_is_negotiated_and_varies_by_accept(shown):
    for accept, kind in ACCEPTED.items():
        answer = shown.get(accept=accept)
        assert (accept, answer.status_code, answer.mimetype) == (accept, 200, kind)
        spoken = kind in {"text/html", "application/pdf"}
        assert answer.headers["Vary"] == ("Accept, Accept-Language, Cookie" if spoken else "Accept")


def test_link_previews_get_the_page_although_they_take_anything(shown):
    agent = {"User-Agent": "LinkedInBot/1.0 (compatible; Mozilla/5.0)", "Accept": "*/*"}
    answer = shown.client.get(f"/credentials/{AWARD}", headers=agent)
    assert 'property="og:image"' in answer.text
    curl = {"User-Agent": "curl/8.5.0", "Accept": "*/*"}
    assert shown.client.get(f"/credentials/{AWARD}", headers=curl).mimetype == "text/plain"


def test_what_nobody_serves_is_not_acceptable(shown):
    assert shown.get(accept="application/zip").status_code == 406


def test_programs_get_the_compact_jws(shown):
    for accept in ("text/plain", "application/vc+jwt"):
        assert shown.get(accept=accept).text == shown.record.jwt


def test_each_form_can_be_downloaded_by_name(shown):
    for suffix in ("png", "svg", "jwt", "pdf", "json", "json.png", "json.svg"):
        answer = shown.get(f".{suffix}")
        assert f'filename="sales-pro-{AWARD}.{suffix}"' in answer.headers["Content-Disposition"]
        if suffix in {"png", "svg"}:
            assert unbake(answer.data) == shown.record.jwt
        elif suffix.startswith("json."):
            assert unbake(answer.data) == shown.get(".json").text


def test_the_embedded_proof_is_one_of_what_the_token_says_and_the_same_until_the_key_changes(shown):
    document = json.loads(shown.get(accept="application/vc").text)
    proof = document.pop("proof")
    claims = read_compact(shown.record.jwt).claims
    assert document == {name: value for name, value in claims.items() if name in document}
    assert set(claims) - set(document) == {"iss", "jti", "sub", "nbf", "exp"}
    assert proof["verificationMethod"].startswith("did:web:lrs.example#")
    shown.at += dt.timedelta(days=1)
    assert json.loads(shown.get(".json").text)["proof"] == proof
    store = key_store(shown.settings, shown.db)
    key = store.add("EdDSA", shown.at)
    store.retire(proof["verificationMethod"].partition("#")[2], shown.at)
    renewed = json.loads(shown.get(".json").text)["proof"]
    assert renewed["verificationMethod"] == f"did:web:lrs.example#{key.kid}"
    assert renewed["created"] == "2026-06-02T12:00:00Z"


def test_copies_with_either_proof_verify_after_their_keys_were_retired(shown):
    copies = [
        shown.get(suffix).data
        for suffix in (".jwt", ".json", ".json.png", ".png", ".svg", ".json.svg", ".pdf")
    ]
    page = shown.client.get(f"/credentials/{AWARD}", headers={"Accept": JWT_TYPES})
    copies.append(page.data)  # what `lrs credentials verify` gets where the address of the page is given

    def get(url, accept):
        answer = shown.client.get(url.removeprefix("https://lrs.example"), headers={"Accept": accept})
        return Fetched(url, "", answer.data)

    store = key_store(shown.settings, shown.db)
    for one in store.all():
        store.add(one.alg, shown.at)
        store.retire(one.kid, shown.at)
    for data in copies:
        assert verify_credential(data, Inquiry(get, shown.at)).is_valid
    refresh_status(shown.credential_issuer, AWARD, "revoked", shown.at)
    for data in copies:
        failed = [
            one.name for one in verify_credential(data, Inquiry(get, shown.at)).checks if one.outcome != "ok"
        ]
        assert failed == ["status"]


def test_a_status_list_comes_as_token_or_as_json_with_an_embedded_proof(shown):
    def ask(**headers):
        return shown.client.get(f"/status/{shown.record.list}", headers=headers)

    for accept in (
        "*/*",
        "application/vc+jwt",
        "text/plain",
        "application/json, text/plain, */*",
        "image/png",
    ):
        assert ask(Accept=accept).mimetype == "application/vc+jwt"
    listed = ask(Accept="application/ld+json, application/json")
    assert (listed.mimetype, listed.headers["Vary"]) == ("application/ld+json", "Accept")
    assert listed.json["proof"]["cryptosuite"] == "eddsa-rdfc-2022"
    token = read_compact(ask().text).claims
    assert listed.json["credentialSubject"] == token["credentialSubject"]
    assert listed.headers["ETag"] != ask().headers["ETag"]
    tagged = {"Accept": "application/vc", "If-None-Match": listed.headers["ETag"]}
    assert ask(**tagged).status_code == 304


def test_the_page_says_what_who_when_and_carries_preview_tags(shown):
    text = shown.get(accept="text/html").text
    for part in (
        "Sales Professional", "Ana &lt;Ferreira&gt;", "20 May 2026", "20 May 2027", "Best 91 % of 3 attempts",
        '<meta property="og:image" content="https://lrs.example/credentials/' + AWARD + '/card.png">',
        f'href="/credentials/{AWARD}/verify"', 'lang="en"', '<meta name="viewport"',
    ):  # fmt: skip
        assert part in text, part
    assert "<script" not in text
    assert "Ana <Ferreira>" not in text


def test_the_preview_card_is_1200_by_630(shown):
    with Image.open(io.BytesIO(shown.get("/card.png").data)) as picture:
        assert picture.size == (1200, 630)


def test_pages_allow_no_script_and_no_frame(shown):
    policy = shown.get(accept="text/html").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy


FORMS = [
    "",
    ".png",
    ".svg",
    ".pdf",
    ".jwt",
    "/card.png",
    "/badge.png",
    "/refresh",
    "/verify",
    "/evidence/exam",
]


def test_what_is_not_displayed_reads_like_what_is_not_there(pages):
    for path in [*FORMS, "/display"]:
        hidden = pages.get(path)
        absent = pages.client.get(f"/credentials/01JZ0000000000000000000000{path}")
        assert (path, hidden.status_code, absent.status_code) == (path, 404, 404)
        assert hidden.data == absent.data
        assert without_id(hidden) == without_id(absent)


def without_id(answer):
    return {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}


@pytest.mark.parametrize("right", ["holder", "view"])
def test_a_signed_link_opens_what_is_not_displayed(pages, right):
    for path in FORMS:
        answer = pages.get(path, token=pages.token(right))
        expected = 404 if path == "/refresh" else 200
        assert (path, answer.status_code) == (path, expected)
        if expected == 200:
            assert answer.headers["Cache-Control"] == "private, no-store"


def test_a_wrong_token_opens_nothing(pages):
    for token in ("x", "", "é", "x" * 5000, "WyJhIl0.x", "a.b.c"):
        assert pages.get(token=token).status_code == 404


def test_a_token_opens_one_credential_only_until_its_end(pages):
    other = links_of(pages.settings).make("01JZ0000000000000000000001", "holder", NOW)
    assert pages.get(token=other).status_code == 404
    view = pages.token("view")
    pages.at = NOW + dt.timedelta(days=31)
    assert pages.get(token=view).status_code == 404


def test_a_viewers_link_does_not_let_them_choose(pages):
    assert pages.get("/display", token=pages.token("view")).status_code == 404
    assert pages.get("/display", token=pages.token("holder")).status_code == 200


def test_the_holder_chooses_and_it_holds_at_once(pages):
    url = f"/credentials/{AWARD}/display?token={pages.token()}"
    answer = pages.client.post(url, data={"shown": "yes", "name": "initials"})
    assert answer.status_code == 303
    text = pages.get(accept="text/html").text
    assert "A. &lt;." in text
    assert "Ana" not in text
    assert "Best 91 %" not in text
    assert pages.get("/evidence/exam").status_code == 404
    pages.client.post(url, data={})
    assert pages.get().status_code == 404
    kept = [row["after"]["shown"] for row in pages.db.audit.find({"action": "credential.display"})]
    assert sorted(kept) == [False, True]


def test_a_choice_for_all_replaces_single_ones(pages):
    pages.show(Display(shown=False))
    url = f"/credentials/{AWARD}/display?token={pages.token()}"
    pages.client.post(url, data={"shown": "yes", "name": "full", "all": "yes"})
    assert DisplayStore(pages.db).get("another", PERSON).shown
    assert pages.get().status_code == 200


def test_only_a_plain_yes_shows_anything(pages):
    for form in ({"shown": "no"}, {"shown": "1"}, {"name": "x"}, {"registry": "yes"}):
        pages.client.post(f"/credentials/{AWARD}/display?token={pages.token()}", data=form)
        choice = DisplayStore(pages.db).get(AWARD, PERSON)
        assert not choice.shown
        assert not choice.registry


def test_evidence_is_a_page_with_consent_and_never_a_statement(shown):
    answer = shown.get("/evidence/exam", accept="text/html")
    assert "Best 91 % of 3 attempts" in answer.text
    assert shown.get("/evidence/nothing").status_code == 404


def test_the_verify_page_checks_live(shown):
    text = shown.get("/verify").text
    assert "genuine and in force" in text
    assert text.index("neither revoked nor suspended it") < text.index("<details>") < text.index("Structure")
    refresh_status(shown.credential_issuer, AWARD, "suspended", NOW)
    text = shown.get("/verify").text
    assert "This credential: suspended" in text
    assert "The issuer no longer stands by it." in text
    assert "is set" in text


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        ("suspended", "Suspended"),
        ("revoked", "Revoked"),
        ("withdrawn", "Withdrawn"),
        ("annulled", "Annulled"),
    ],
)
def test_the_page_names_the_state_and_never_calls_a_suspended_one_revoked(shown, standing, words):
    refresh_status(shown.credential_issuer, AWARD, standing, NOW)
    text = shown.get(accept="text/html").text
    assert f">{words}<" in text
    assert standing == "revoked" or "revoked" not in text.lower()


def test_the_state_follows_the_clock_without_any_job(shown):
    assert ">Valid<" in shown.get(accept="text/html").text
    shown.at = dt.datetime(2027, 5, 20, 22, 0, tzinfo=dt.UTC)
    assert ">Expired<" in shown.get(accept="text/html").text


def test_refresh_answers_the_newest_jwt(shown):
    shown.at = NOW + dt.timedelta(days=5)
    renewed = shown.issue(period=2, valid_from=shown.at)
    assert shown.get("/refresh").text == renewed.jwt
    claims = read_compact(renewed.jwt).claims
    assert claims["refreshService"]["id"] == f"https://lrs.example/credentials/{AWARD}/refresh"


def test_an_undisplayed_credential_has_no_refresh_service(pages):
    assert "refreshService" not in read_compact(pages.record.jwt).claims


def test_status_list_is_cached_for_its_ttl_and_anyone_may_read_it(pages):
    answer = pages.client.get(f"/status/{pages.record.list}")
    assert answer.mimetype == "application/vc+jwt"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    again = pages.client.get(
        f"/status/{pages.record.list}", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304


def test_keys_are_served_in_the_did_document_as_set_and_one_bare_jwk_each(pages):
    store = key_store(pages.settings, pages.db)
    store.add("ES256", NOW)
    store.retire("k1", NOW)
    document = pages.client.get("/.well-known/did.json").json
    assert document["id"] == "did:web:lrs.example"
    names = [f"did:web:lrs.example#{name}" for name in ("k2", "k3", "k3-jwk", "k1")]
    assert document["assertionMethod"] == [one["id"] for one in document["verificationMethod"]] == names
    assert [one["type"] for one in document["verificationMethod"]] == [
        "JsonWebKey",
        "Multikey",
        *["JsonWebKey"] * 2,
    ]
    one = pages.client.get("/keys/k1")
    assert one.mimetype == "application/jwk+json"
    assert one.json["kty"] == "EC"
    assert "d" not in one.json


@pytest.mark.parametrize("form", ["did", "url"])
def test_the_key_of_a_token_is_found_in_the_set_by_the_name_in_its_header(settings, db, form):
    pages = Pages(dataclasses.replace(settings, kid_form=form), db)
    token = pages.issue().jwt
    key_store(pages.settings, db).add("ES256", NOW)
    other = dataclasses.replace(pages.settings, kid_form="url" if form == "did" else "did")
    for site in (pages.client, create_app(other, db).test_client()):  # also after the setting was changed
        keys = jwt.PyJWKSet.from_dict(site.get("/.well-known/jwks.json").json)
        client = jwt.PyJWKClient("https://lrs.example/.well-known/jwks.json")
        client.get_jwk_set = lambda refresh=False, keys=keys: keys
        jwt.decode(token, client.get_signing_key_from_jwt(token), ["ES256"], options={"verify_exp": False})


def test_a_tenants_did_document_lies_under_its_path(settings, db):
    settings = dataclasses.replace(
        settings,
        public_url="https://lrs.example",
        issuer_tenant="acme",
        key_passphrase="t",
        signing_algorithm="ES256",
    )
    client = create_app(settings, db).test_client()
    assert client.get("/acme/did.json").json["id"] == "did:web:lrs.example:acme"
    assert client.get("/.well-known/did.json").status_code == 404


UNKNOWN = [
    "/status/x", "/status/0", "/status/99999999999999999999", "/keys/k9", "/keys/%00", "/other/did.json",
    "/credentials/%E2%82%AC", "/credentials/" + "a" * 500, f"/credentials/{AWARD}.exe",
    f"/credentials/{AWARD}.", "/credentials/..%2f..%2fetc", "/achievements/none/1", "/static/fonts/evil.woff",
]  # fmt: skip


def test_unknown_addresses_are_404_not_500(shown):
    for path in UNKNOWN:
        assert (path, shown.client.get(path).status_code) == (path, 404)


def test_the_achievement_page_tells_nothing_of_a_person(pages):
    text = pages.client.get("/achievements/sales-pro/3").text
    assert "Sales Professional" in text
    assert "Ana" not in text


def test_web_fonts_are_served(pages):
    answer = pages.client.get("/static/fonts/serif-semibold.woff")
    assert answer.data[:4] == b"wOFF"
