"""Metadata of SAML 2.0: what we tell providers of us, and what is read of theirs (saml-metadata-2.0-os)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from lrs.foundation.errors import InvalidField
from lrs.foundation.fetching import Fetcher
from lrs.foundation.settings import Settings
from lrs.sign_in.xml import METADATA, PROTOCOL, SIGNATURE, UnfitXml, find_all, only, parse, text_of

REDIRECT: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
MAIL: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
FEWEST_BITS: Final = 2048
LARGEST: Final = 512 * 1024  # bytes of metadata
BROKEN: Final = (  # what the library says of certificates that are none
    binascii.Error, ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Described:
    """What a provider's metadata says: who it is, where logins go, by which certificates it signs."""

    entity_id: str
    sso_url: str
    certificates: tuple[str, ...]


def entity_id(settings: Settings) -> str:
    """Return the name under which every provider knows us; its metadata lies there."""
    return f"{settings.public_url}/login/saml/metadata"


def place(settings: Settings) -> str:
    """Return the address that takes answers (assertion consumer service)."""
    return f"{settings.public_url}/login/saml/acs"


def ours(settings: Settings, certificate: str) -> bytes:
    """Return our metadata: requests are signed by the certificate, assertions have to be signed."""
    root = etree.Element(f"{{{METADATA}}}EntityDescriptor", nsmap={"md": METADATA, "ds": SIGNATURE})
    root.set("entityID", entity_id(settings))
    about = _below(
        root, METADATA, "SPSSODescriptor", AuthnRequestsSigned="true", WantAssertionsSigned="true",
        protocolSupportEnumeration=PROTOCOL,
    )  # fmt: skip
    info = _below(_below(about, METADATA, "KeyDescriptor", use="signing"), SIGNATURE, "KeyInfo")
    body = "".join(certificate.split("-----")[2].split())
    _below(_below(info, SIGNATURE, "X509Data"), SIGNATURE, "X509Certificate").text = body
    _below(about, METADATA, "NameIDFormat").text = MAIL
    _below(
        about, METADATA, "AssertionConsumerService", Binding=POST, Location=place(settings), index="0",
        isDefault="true",
    )  # fmt: skip
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return written


def _below(parent: Any, namespace: str, name: str, **attributes: str) -> Any:
    return etree.SubElement(parent, f"{{{namespace}}}{name}", attributes)


def told(settings: Settings, text: bytes, url: str | None) -> Described | None:
    """Return what pasted metadata says, else that at an address; raises InvalidField, FetchRefused."""
    if not text and url:
        fetcher = Fetcher(settings.allow_private_addresses, LARGEST)
        text = fetcher.get(url, "application/samlmetadata+xml").body
    return read(text) if text else None


def read(text: bytes) -> Described:
    """Return what a provider's metadata says; raises InvalidField with the reason.

    Its own signature is not looked at: who pastes it, or names its https address, vouches for it.
    """
    try:
        return _described(parse(text))
    except UnfitXml as error:
        raise InvalidField("metadata", f"is not what was expected: {error}") from error


def _described(root: Any) -> Described:
    """Return what is in metadata; raises UnfitXml for what is missing."""
    entity = root if root.tag == f"{{{METADATA}}}EntityDescriptor" else only(root, ".//md:EntityDescriptor")
    about = only(entity, "./md:IDPSSODescriptor")
    services = find_all(about, "./md:SingleSignOnService")
    places = [one.get("Location", "") for one in services if one.get("Binding") == REDIRECT]
    if not places:
        raise UnfitXml("it names no address for logins by HTTP-Redirect")
    keys = [one for one in find_all(about, "./md:KeyDescriptor") if one.get("use", "signing") == "signing"]
    found = [each for one in keys for each in find_all(one, ".//ds:X509Certificate")]
    certificates = tuple(dict.fromkeys(_certificate(text_of(one)) for one in found))
    if not certificates:
        raise UnfitXml("it has no certificate for signatures")
    return Described(entity.get("entityID", ""), places[0], certificates)


def _certificate(body: str) -> str:
    """Return a certificate in PEM; raises UnfitXml for one that cannot be used."""
    try:
        found = x509.load_der_x509_certificate(base64.b64decode("".join(body.split()), validate=True))
        key = found.public_key()
        pem = found.public_bytes(Encoding.PEM).decode()
        about_certificate(pem)  # all that its page shows can be read
    except BROKEN as error:
        raise UnfitXml("it has a certificate that cannot be read") from error
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise UnfitXml("it has a certificate with a key that is neither RSA nor of an elliptic curve")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < FEWEST_BITS:
        raise UnfitXml(f"it has a key of fewer than {FEWEST_BITS} bits")
    return pem


def about_certificate(certificate: str) -> dict[str, Any]:
    """Return what a person wants to know of a certificate: whose, until when."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    return {"subject": found.subject.rfc4514_string(), "until": found.not_valid_after_utc}
