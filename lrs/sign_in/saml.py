"""Login by a SAML 2.0 provider: a signed request by redirect, and the signed answer to it by POST, once.

saml_keys {_id, org (the vendor), sealed (private key), certificate, created_at}: what signs our requests
saml_seen {_id hash of provider and assertion, org, expires_at}: assertions that logged somebody in
"""

from __future__ import annotations

import base64
import datetime as dt
import logging
import secrets
import zlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.access.organizations import VENDOR
from lrs.access.sessions import LOGIN_LASTS, hash_token
from lrs.foundation.errors import Unauthenticated
from lrs.foundation.sealing import reseal, seal, unseal
from lrs.foundation.settings import Settings
from lrs.sign_in import saml_answers
from lrs.sign_in.arriving import Arrival
from lrs.sign_in.saml_answers import SKEW, Expected, Told, UnfitAnswer
from lrs.sign_in.saml_metadata import POST, entity_id, place
from lrs.sign_in.xml import ASSERTION, PROTOCOL

Document = dict[str, Any]
log = logging.getLogger(__name__)

PURPOSE: Final = "keys of SAML"
KEY: Final = "request-key"
YEARS: Final = 10  # of our certificate; its end means nothing to providers, which know it by its key
ALGORITHM: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
MAILS: Final = (
    "email", "mail", "Email", "emailAddress", f"{CLAIMS}emailaddress", "urn:oid:0.9.2342.19200300.100.1.3",
    "urn:oid:1.2.840.113549.1.9.1",
)  # fmt: skip
NAMES: Final = ("displayName", "name", "urn:oid:2.16.840.1.113730.3.1.241", f"{CLAIMS}name")
TRANSIENT: Final = ":transient"

INDEXES: dict[str, list[IndexModel]] = {
    "saml_keys": [],
    "saml_seen": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)],
}


def signing_key(db: Database[Document], settings: Settings, now: dt.datetime) -> tuple[str, str]:
    """Return the private key that signs our requests and its certificate, in PEM; made at first use."""
    found = db.saml_keys.find_one({"_id": KEY})
    if found is None:
        private, certificate = _new_key(settings, now)
        sealed = seal(settings, PURPOSE, private)
        made = {"_id": KEY, "org": VENDOR, "sealed": sealed, "certificate": certificate, "created_at": now}
        try:
            db.saml_keys.insert_one(made)
        except DuplicateKeyError:  # another process was first
            return signing_key(db, settings, now)
        return private, certificate
    return unseal(settings, PURPOSE, found["sealed"]), found["certificate"]


def _new_key(settings: Settings, now: dt.datetime) -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, (urlsplit(settings.public_url).hostname or "")[:64])]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=366 * YEARS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), made.public_bytes(serialization.Encoding.PEM).decode()


def reseal_all(settings: Settings, db: Database[Document], session: ClientSession) -> int:
    """Seal the key with the passphrase of now; return how many."""
    found = list(db.saml_keys.find({}, session=session))
    for one in found:
        fresh = reseal(settings, PURPOSE, one["sealed"])
        db.saml_keys.update_one({"_id": one["_id"]}, {"$set": {"sealed": fresh}}, session=session)
    return len(found)


def begin(
    db: Database[Document],
    settings: Settings,
    provider: Mapping[str, Any],
    onward: str,
    now: dt.datetime,
    *,
    trial: str | None = None,
) -> tuple[str, str]:
    """Return where to send the browser, and the state that cookie and answer must bring back.

    `trial` names the session of who only wants to see what comes back.
    """
    state, request = secrets.token_urlsafe(32), f"_{secrets.token_hex(20)}"
    db.logins.insert_one(
        {
            "_id": hash_token(state),
            "request": request,
            "onward": onward,
            "provider": provider["_id"],
            "trial": trial,
            "expires_at": now + LOGIN_LASTS,
        }
    )
    private, _ = signing_key(db, settings, now)
    query = signed_query(asked(settings, provider, request, now), state, private)
    sso: str = provider["sso_url"]
    return f"{sso}{'&' if '?' in sso else '?'}{query}", state


def asked(settings: Settings, provider: Mapping[str, Any], request: str, now: dt.datetime) -> bytes:
    """Return the request that somebody logs in (saml-core-2.0-os 3.4.1)."""
    root = etree.Element(f"{{{PROTOCOL}}}AuthnRequest", nsmap={"samlp": PROTOCOL, "saml": ASSERTION})
    told = {
        "ID": request,
        "Version": "2.0",
        "IssueInstant": now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Destination": provider["sso_url"],
        "ProtocolBinding": POST,
        "AssertionConsumerServiceURL": place(settings),
    }
    for name, value in told.items():
        root.set(name, value)
    etree.SubElement(root, f"{{{ASSERTION}}}Issuer").text = entity_id(settings)
    written: bytes = etree.tostring(root)
    return written


def signed_query(request: bytes, state: str, private: str) -> str:
    """Return the query of a request, signed over its very characters (saml-bindings-2.0-os 3.4.4.1)."""
    deflated = zlib.compress(request)[2:-4]
    parts = {"SAMLRequest": base64.b64encode(deflated).decode(), "RelayState": state, "SigAlg": ALGORITHM}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    key = serialization.load_pem_private_key(private.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 -- we made it
    signature = key.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{query}&Signature={quote(base64.b64encode(signature).decode(), safe='')}"


def take(db: Database[Document], state: str, now: dt.datetime) -> Document:
    """Return the login that a state names, which ends with it; raises Unauthenticated."""
    wanted = {"_id": hash_token(state), "expires_at": {"$gt": now}, "request": {"$exists": True}}
    login = db.logins.find_one_and_delete(wanted)
    if login is None:
        raise Unauthenticated("this login was not begun here, or too long ago; begin again")
    return login


def arrival(
    db: Database[Document],
    settings: Settings,
    provider: Mapping[str, Any],
    login: Mapping[str, Any],
    *,
    answer: str,
    now: dt.datetime,
) -> Arrival:
    """Return whom an answer means; raises Unauthenticated. An assertion is good once."""
    expected = Expected(
        provider["entity_id"],
        provider["certificates"],
        entity_id(settings),
        place(settings),
        login["request"],
    )
    try:
        told = saml_answers.read(answer, expected, now)
    except UnfitAnswer as error:
        log.info("an answer of %s is refused: %s", provider["_id"], error)
        raise Unauthenticated(f"the login provider's answer is not accepted: {error}") from error
    _note_seen(db, provider, told)
    return _meant(told)


def _note_seen(db: Database[Document], provider: Mapping[str, Any], told: Told) -> None:
    seen = {
        "_id": hash_token(f"{provider['_id']} {told.assertion}"),
        "org": provider["org"],
        "expires_at": told.good_until + 2 * SKEW,
    }
    try:
        db.saml_seen.insert_one(seen)
    except DuplicateKeyError as error:
        raise Unauthenticated("the login provider's answer was used before; begin again") from error


def _meant(told: Told) -> Arrival:
    """Return who an answer means: the address from the usual attributes, else the name itself."""
    email = next((told.attributes[name][0] for name in MAILS if told.attributes.get(name)), told.name_id)
    name = next((told.attributes[one][0] for one in NAMES if told.attributes.get(one)), None)
    subject = email.lower() if told.name_format.endswith(TRANSIENT) else told.name_id
    return Arrival(subject, email, name and name[:255], told.attributes)
