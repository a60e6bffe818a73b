"""Login by SAML 2.0: right answers log in, hostile ones are refused plainly and change nothing."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from factories_access import editor, log_in, make_org, make_user
from factories_saml import NS, WRAPPED, SamlProvider, encoded, forged, parts
from factories_sign_in import led
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree
from pymongo.database import Database

from lrs.foundation.errors import InvalidField, Unauthenticated
from lrs.people import invitations
from lrs.sign_in import providers, saml, saml_metadata
from lrs.sign_in.providers import Wish

Db = Database[dict[str, Any]]


@pytest.fixture
def idp() -> SamlProvider:
    return SamlProvider()


@pytest.fixture
def provider(app: Flask, db: Db, idp: SamlProvider) -> str:
    make_org(db, "north")
    who = editor(db)
    who.change(lambda session: invitations.set_domain(who, "north", "north.example", session))
    return add(app, db, idp)


def add(app: Flask, db: Db, idp: SamlProvider, **more: Any) -> str:
    told = saml_metadata.read(idp.metadata().encode())
    wish = Wish(
        "saml", "North's", ("north.example",), entity_id=told.entity_id, sso_url=told.sso_url,
        certificates=told.certificates, **more,
    )  # fmt: skip
    made = providers.add(editor(db), app.extensions["laurel"].settings, "north", wish)
    providers.enable(editor(db), made["_id"], enabled=True)
    return str(made["_id"])


def go(browser: FlaskClient, idp: SamlProvider) -> Any:
    """Give the address, and let the provider read the request."""
    sent = browser.post("/login/next", data={"email": "ana@north.example", "onward": "/me"})
    away = browser.get(led(sent))
    assert away.location.startswith("https://idp.example/sso?"), away.text
    idp.take(away.location)
    return away.location


def come_back(browser: FlaskClient, idp: SamlProvider, root: Any, state: str | None = None) -> Any:
    form = {"SAMLResponse": encoded(root), "RelayState": idp.state if state is None else state}
    return browser.post("/login/saml/acs", data=form)


def refused(db: Db, answer: Any, reason: str) -> None:
    assert answer.status_code == 401
    assert reason in answer.text, answer.text
    assert [db[name].count_documents({}) for name in ("users", "people", "affiliations", "sessions")] == [
        0
    ] * 4


@pytest.mark.parametrize("signed", ["assertion", "response", "both"])
def test_a_signed_answer_to_our_request_logs_in(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient, signed: str
) -> None:
    go(client, idp)
    answer = come_back(client, idp, idp.response(signed))
    assert (answer.status_code, answer.location) == (303, "/me"), answer.text
    user = db.users.find_one({"email": "ana@north.example"}) or {}
    assert (user["role"], user["subject"]) == ("learner", f"{provider} ana@north.example")
    assert (db.affiliations.find_one() or {})["org"] == "north"
    assert client.get("/me").status_code == 200


def test_a_provider_may_sign_by_an_elliptic_curve(
    app: Flask, db: Db, provider: str, client: FlaskClient
) -> None:
    providers.remove(editor(db), provider)
    idp = SamlProvider(elliptic=True)
    add(app, db, idp)
    go(client, idp)
    assert come_back(client, idp, idp.response("both")).status_code == 303


def test_our_request_is_signed_by_the_key_of_our_metadata(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient
) -> None:
    location = go(client, idp)
    ours = etree.fromstring(client.get("/login/saml/metadata").data)
    body = ours.findtext(".//{http://www.w3.org/2000/09/xmldsig#}X509Certificate")
    key: Any = x509.load_der_x509_certificate(base64.b64decode(body)).public_key()
    query = urlsplit(location).query
    signed, _, signature = query.partition("&Signature=")
    key.verify(base64.b64decode(unquote(signature)), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    root = idp.take(location)
    assert root.get("AssertionConsumerServiceURL") == "http://lrs.example/login/saml/acs"
    assert root.findtext("saml:Issuer", namespaces=NS) == ours.get("entityID")
    assert parse_qs(query)["RelayState"][0] not in str(list(db.logins.find())), "only its hash is kept"
    sealed = (db.saml_keys.find_one() or {})["sealed"]
    assert b"PRIVATE" not in sealed


def without(path: str) -> Any:
    def change(root: Any) -> Any:
        one = root.find(path, NS)
        one.getparent().remove(one)
        return root

    return change


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "unsigned": ({"signed": "none"}, "it is not signed"),
    "other audience": ({"audience": "https://other.example"}, "for another audience"),
    "expired": ({"ends": -120}, "has expired"),
    "not yet": ({"begins": 120}, "not valid yet"),
    "other place": ({"place": "https://evil.example/acs"}, "for another place"),
    "other request": ({"request": "_other"}, "answers another request"),
    "no request": ({"request": ""}, "answers another request"),
    "other provider": ({"entity": "https://evil.example"}, "of another provider"),
    "refused there": ({"status": "Requester"}, "the provider refused the login"),
    "comment in the name": ({"name": "ana@north.example<!-- -->.evil.example"}, "has a comment"),
    "instruction in the name": ({"name": "ana<?x?>@north.example"}, "an instruction"),
    "element in the name": ({"name": "<b>ana@north.example</b>"}, "elements where a text"),
    "other domain": ({"name": "eve@evil.example", "attributes": ""}, "may not speak for this mail address"),
    "vendor": ({"name": "ada@vendor.example", "attributes": ""}, "may not speak for this mail address"),
    "no address": ({"name": "ana", "attributes": ""}, "told no mail address"),
    "two assertions": (
        {"extra": "<saml:Advice><saml:Assertion ID='_a2'/></saml:Advice>"},
        "not one assertion",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("signed", ["assertion", "response"])
def test_an_answer_that_is_not_for_us_now_is_refused(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient, name: str, signed: str
) -> None:
    changes, reason = HOSTILE[name]
    go(client, idp)
    refused(db, come_back(client, idp, idp.response(**{"signed": signed, **changes})), reason)


@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrapped_signature_is_refused(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient, name: str
) -> None:
    signed, wrap = WRAPPED[name]
    go(client, idp)
    answer = come_back(client, idp, wrap(idp.response(signed)))
    assert "eve@north.example" not in answer.text
    refused(db, answer, "is not accepted")


@pytest.mark.parametrize("signed", ["assertion", "response", "both"])
def test_a_changed_answer_is_refused(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient, signed: str
) -> None:
    go(client, idp)
    root = idp.response(signed)
    for value in root.findall(".//saml:AttributeValue", NS):
        value.text = "eve@north.example"
    refused(db, come_back(client, idp, root), "its signature is not the provider")


@pytest.mark.parametrize(
    ("element", "text"), [("SignatureValue", "§§"), ("DigestValue", "%"), ("X509Certificate", "x")]
)
def test_a_signature_that_is_no_signature_at_all_is_refused(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient, element: str, text: str
) -> None:
    """Found by fuzzing: the schema of signatures refuses it by an error of its own kind."""
    go(client, idp)
    root = idp.response()
    root.find(f".//ds:{element}", NS).text = text
    refused(db, come_back(client, idp, root), "is not accepted")


def test_a_response_whose_own_signature_is_broken_is_refused_although_the_assertion_s_holds(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient
) -> None:
    go(client, idp)
    root = idp.response("both")
    root.set("IssueInstant", "2020-01-01T00:00:00Z")
    refused(db, come_back(client, idp, root), "its signature is not the provider")


def test_a_signature_by_another_key_is_refused_also_where_it_brings_its_certificate(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient
) -> None:
    go(client, idp)
    thief = SamlProvider()
    thief.request = idp.request
    refused(db, come_back(client, idp, thief.response()), "its signature is not the provider")


def test_weak_algorithms_are_refused(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient
) -> None:
    go(client, idp)
    root = idp.response()
    method = root.find(".//ds:SignatureMethod", NS)
    method.set("Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")
    refused(db, come_back(client, idp, root), "its signature is by SHA-1")


BROKEN = {
    "document type": b'<!DOCTYPE r [<!ENTITY x "y">]>',
    "a bomb": b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    "a file": b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_in_any_encoding(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient, name: str, encoding: str
) -> None:
    go(client, idp)
    text = (BROKEN[name] + etree.tostring(idp.response())).decode().encode(encoding)
    refused(db, come_back(client, idp, text), "document type")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no well-formed XML"),
        (b"<", "no well-formed XML"),
        (b"<samlp:Response/>", "no well-formed XML"),
        (b"<a/>", "no SAML response"),
        (b"\xff\xfe\x00", "no well-formed XML"),
        (b"<a>" + b"<b/>" * 6000 + b"</a>", "more than 5000 elements"),
        (b"<a>" * 3000 + b"</a>" * 3000, "no well-formed XML"),
        (b"<a>" + b"x" * 600_000 + b"</a>", "too long"),
    ],
)
def test_what_is_no_answer_at_all_is_refused(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient, text: bytes, reason: str
) -> None:
    go(client, idp)
    refused(db, come_back(client, idp, text), reason)


def test_what_is_not_base64_is_refused(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient
) -> None:
    go(client, idp)
    form = {"SAMLResponse": "%%%", "RelayState": idp.state}
    refused(db, client.post("/login/saml/acs", data=form), "not base64")


def test_an_encrypted_answer_is_refused_with_what_to_do(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient
) -> None:
    go(client, idp)
    root = idp.response()
    assertion, _ = parts(root)
    holder = etree.Element(f"{{{NS['saml']}}}EncryptedAssertion")
    root.replace(assertion, holder)
    refused(db, come_back(client, idp, root), "switch encryption off")


def test_an_answer_is_good_once_and_only_in_the_browser_that_asked(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient
) -> None:
    go(client, idp)
    root, state = idp.response(), idp.state
    stranger = app.test_client()
    refused(db, come_back(stranger, idp, root), "not begun in this browser")
    refused(db, come_back(client, idp, root, "guess"), "not begun in this browser")
    assert come_back(client, idp, root).status_code == 303
    again = come_back(client, idp, root)
    assert again.status_code == 401
    # the same assertion, put under a request of now: the store of those that were used knows it
    services = app.extensions["laurel"]
    kept = providers.get(db, provider)
    login = {"request": idp.request}
    with pytest.raises(Unauthenticated, match="used before"):
        saml.arrival(services.db, services.settings, kept, login, answer=encoded(root), now=services.now())
    assert state


def test_a_login_takes_as_long_as_its_request_lasts(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient
) -> None:
    go(client, idp)
    db.logins.update_many({}, {"$set": {"expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}})
    refused(db, come_back(client, idp, idp.response()), "too long ago")


def test_clocks_may_differ_by_a_minute(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient
) -> None:
    go(client, idp)
    assert come_back(client, idp, idp.response(begins=30)).status_code == 303
    go(client, idp)
    assert come_back(client, idp, idp.response(ends=-30, assertion="_a2")).status_code == 303


def test_attributes_give_roles_and_a_transient_name_is_not_what_lasts(
    app: Flask, db: Db, idp: SamlProvider, provider: str, client: FlaskClient
) -> None:
    providers.remove(editor(db), provider)
    provider = add(app, db, idp, claim="memberOf", roles=(("managers", "partner_admin"),))
    values = "".join(f"<saml:AttributeValue>{one}</saml:AttributeValue>" for one in ("all", "managers"))
    told = (
        '<saml:Attribute Name="urn:oid:0.9.2342.19200300.100.1.3"><saml:AttributeValue>Ana@North.example'
        f'</saml:AttributeValue></saml:Attribute><saml:Attribute Name="memberOf">{values}</saml:Attribute>'
    )
    go(client, idp)
    form = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    answer = come_back(client, idp, idp.response(name="_x1", format=form, attributes=told))
    assert answer.status_code == 303
    user = db.users.find_one() or {}
    assert (user["email"], user["org"], user["role"]) == ("ana@north.example", "north", "partner_admin")
    assert user["subject"] == f"{provider} ana@north.example"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"binding": "HTTP-POST"}, "no address for logins"),
        ({"certificate": "AAAA"}, "cannot be read"),
        ({"certificate": "%"}, "cannot be read"),
        ({"before": "<!DOCTYPE x>"}, "document type"),
        ({"before": "<x/>"}, "no well-formed XML"),
    ],
)
def test_metadata_that_is_not_a_provider_s_is_refused(
    idp: SamlProvider, more: dict[str, str], reason: str
) -> None:
    with pytest.raises(InvalidField, match=reason):
        saml_metadata.read(idp.metadata(**more).encode())


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"idp.example", b"idp.e\x94ample"),
        (bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3e430107")),  # a curve that nobody knows
    ],
)
def test_metadata_with_a_certificate_that_is_broken_inside_is_refused(right: bytes, wrong: bytes) -> None:
    """Found by fuzzing: by such a name, the page of the provider could not be shown any more."""
    idp = SamlProvider(elliptic=True)
    text = base64.b64decode("".join(idp.certificate.split("-----")[2].split()))
    broken = base64.b64encode(text.replace(right, wrong)).decode()
    with pytest.raises(InvalidField, match="cannot be read"):
        saml_metadata.read(idp.metadata(certificate=broken).encode())


def test_a_provider_is_added_by_its_pasted_metadata(
    app: Flask, db: Db, idp: SamlProvider, provider: str
) -> None:
    providers.remove(editor(db), provider)
    admin = log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))
    form = {"kind": "saml", "org": "north", "name": "ADFS", "metadata": idp.metadata()}
    made = admin.open("/console/sign-in", "POST", data=form)
    assert made.status_code == 303, made.text
    page = admin.client.get(made.location).text
    assert "https://idp.example/saml" in page
    assert "CN=idp.example" in page
    one = db.identity_providers.find_one() or {}
    assert one["certificates"] == [idp.certificate]
    admin.open(made.location, "POST", data={"action": "edit", "name": "ADFS 2", "version": one["version"]})
    assert (db.identity_providers.find_one() or {})["certificates"] == [idp.certificate], (
        "kept without new metadata"
    )
    idp.take(led(admin.open(made.location, "POST", data={"action": "try"})))
    back = come_back(admin.client, idp, idp.response())
    assert back.location.startswith(made.location)
    assert "would log in as: learner" in admin.client.get(made.location).text


def test_the_forgeries_of_these_tests_would_mislead_a_careless_reader(idp: SamlProvider) -> None:
    idp.request = "_q"
    for signed, wrap in WRAPPED.values():
        text = etree.tostring(wrap(idp.response(signed)))
        assert b"eve@north.example" in text
        assert b"ana@north.example" in text
    assert forged(idp.response()).get("ID") == "_evil"
