"""A SAML 2.0 provider of ours: its metadata, and answers signed as asked for, right ones and hostile ones."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
    XMLSigner,
)

NS = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
MAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PARTS = {
    "id": "_r1", "assertion": "_a1", "entity": "https://idp.example/saml", "status": "Success",
    "audience": "http://lrs.example/login/saml/metadata", "place": "http://lrs.example/login/saml/acs",
    "name": "ana@north.example", "format": MAIL, "begins": -60, "ends": 300, "extra": "",
    "attributes": '<saml:Attribute Name="email"><saml:AttributeValue>ana@north.example</saml:AttributeValue></saml:Attribute>',
}  # fmt: skip


def certificate(key: Any) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365)).sign(key, hashes.SHA256())
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM).decode()


class SamlProvider:
    """A provider with a key; `request` is the id of the latest request that came to it."""

    def __init__(self, *, elliptic: bool = False) -> None:
        self.key: Any = (
            ec.generate_private_key(ec.SECP256R1()) if elliptic else rsa.generate_private_key(65537, 2048)
        )
        self.certificate = certificate(self.key)
        self.method = SignatureMethod.ECDSA_SHA256 if elliptic else SignatureMethod.RSA_SHA256
        self.request, self.state = "", ""

    def metadata(self, **more: str) -> str:
        body = "".join(self.certificate.split("-----")[2].split())
        told = {
            "entity": PARTS["entity"],
            "binding": "HTTP-Redirect",
            "certificate": body,
            "before": "",
            **more,
        }
        return (
            '{before}<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}">'
            '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
            '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
            "<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:{binding}" '
            'Location="https://idp.example/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>'
        ).format(**told)

    def take(self, location: str) -> Any:
        """Read the request that a browser was sent with; return its root."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        root = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"]), -15))
        self.request, self.state = root.get("ID"), query["RelayState"]
        return root

    def response(self, signed: str = "assertion", **changes: Any) -> Any:
        """Return a response, signed at the assertion, the response, both or not at all."""
        said = {**PARTS, "request": self.request, **changes}
        now = dt.datetime.now(dt.UTC)
        at = {name: (now + dt.timedelta(seconds=said[name])).isoformat(timespec="milliseconds").replace("+00:00", "Z")
              for name in ("begins", "ends")}  # fmt: skip
        said |= at | {"now": now.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        assertion = etree.fromstring(
            (
                '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{assertion}" Version="2.0" '
                'IssueInstant="{now}"><saml:Issuer>{entity}</saml:Issuer>'
                '<saml:Subject><saml:NameID Format="{format}">{name}</saml:NameID>'
                '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
                '<saml:SubjectConfirmationData InResponseTo="{request}" Recipient="{place}" NotOnOrAfter="{ends}"/>'
                "</saml:SubjectConfirmation></saml:Subject>"
                '<saml:Conditions NotBefore="{begins}" NotOnOrAfter="{ends}"><saml:AudienceRestriction>'
                "<saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
                '<saml:AuthnStatement AuthnInstant="{now}"><saml:AuthnContext/></saml:AuthnStatement>'
                "<saml:AttributeStatement>{attributes}</saml:AttributeStatement>{extra}</saml:Assertion>"
            ).format(**said)
        )
        if signed in {"assertion", "both"}:
            assertion = self.sign(assertion)
        root = etree.fromstring(
            (
                '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
                'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0" IssueInstant="{now}" '
                'Destination="{place}" InResponseTo="{request}"><saml:Issuer>{entity}</saml:Issuer><samlp:Status>'
                '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status></samlp:Response>'
            ).format(**said)
        )
        root.append(assertion)
        return self.sign(root) if signed in {"response", "both"} else root

    def sign(self, element: Any) -> Any:
        """Return an element with a signature of its own after the issuer."""
        place = etree.Element(f"{{{NS['ds']}}}Signature", Id="placeholder", nsmap={"ds": NS["ds"]})
        element.insert(1, place)
        signer = XMLSigner(
            SignatureConstructionMethod.enveloped, self.method, DigestAlgorithm.SHA256,
            CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )  # fmt: skip
        return signer.sign(
            element, key=self.key, cert=self.certificate, reference_uri=element.get("ID"), id_attribute="ID"
        )


def encoded(root: Any) -> str:
    text = root if isinstance(root, bytes) else etree.tostring(root)
    return base64.b64encode(text).decode()


# Signature wrapping, after Somorovsky et al., "On Breaking SAML" (USENIX Security 2012): the signature holds for
# what the provider said, and something else stands where a careless reader looks.


def parts(root: Any) -> tuple[Any, Any]:
    """Return assertion and signature of a response."""
    return root.find("saml:Assertion", NS), root.find(".//ds:Signature", NS)


def forged(element: Any, name: str = "eve@north.example") -> Any:
    """Return a copy that says what a thief wants, unsigned, under another id."""
    evil = copy.deepcopy(element)
    for one in evil.findall(".//ds:Signature", NS):
        one.getparent().remove(one)
    evil.find(".//saml:NameID", NS).text = name
    for value in evil.findall(".//saml:AttributeValue", NS):
        value.text = name
    evil.set("ID", "_evil")
    return evil


def xsw1(root: Any) -> Any:
    evil, (_, signature) = forged(root), parts(root)
    signature.getparent().remove(signature)
    moved = copy.deepcopy(signature)
    moved.append(root)
    evil.insert(1, moved)
    return evil


def xsw2(root: Any) -> Any:
    evil, (_, signature) = forged(root), parts(root)
    signature.getparent().remove(signature)
    evil.insert(1, root)
    evil.insert(2, signature)
    return evil


def xsw3(root: Any) -> Any:
    assertion, _ = parts(root)
    root.insert(root.index(assertion), forged(assertion))
    return root


def xsw4(root: Any) -> Any:
    assertion, _ = parts(root)
    evil = forged(assertion)
    root.remove(assertion)
    evil.append(assertion)
    root.append(evil)
    return root


def xsw5(root: Any) -> Any:
    assertion, signature = parts(root)
    evil = forged(assertion)
    root.remove(assertion)
    signature.getparent().remove(signature)
    evil.insert(1, signature)
    root.append(evil)
    root.append(assertion)
    return root


def xsw6(root: Any) -> Any:
    assertion, signature = parts(root)
    evil = forged(assertion)
    root.remove(assertion)
    signature.getparent().remove(signature)
    signature.append(assertion)
    evil.insert(1, signature)
    root.append(evil)
    return root


def xsw7(root: Any) -> Any:
    assertion, _ = parts(root)
    extensions = etree.Element(f"{{{NS['samlp']}}}Extensions")
    extensions.append(forged(assertion))
    root.insert(1, extensions)
    return root


def xsw8(root: Any) -> Any:
    assertion, signature = parts(root)
    evil = forged(assertion)
    root.remove(assertion)
    signature.getparent().remove(signature)
    holder = etree.SubElement(signature, f"{{{NS['ds']}}}Object")
    holder.append(assertion)
    evil.insert(1, signature)
    root.append(evil)
    return root


def same_id(root: Any) -> Any:
    """Let the forged assertion bear the signed one's id, in the signed one's place."""
    assertion, signature = parts(root)
    evil = forged(assertion)
    evil.set("ID", assertion.get("ID"))
    root.replace(assertion, evil)
    signature.getparent().remove(signature)
    etree.SubElement(signature, f"{{{NS['ds']}}}Object").append(assertion)
    evil.insert(1, signature)
    return root


WRAPPED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "xsw1": ("response", xsw1), "xsw2": ("response", xsw2), "xsw3": ("assertion", xsw3),
    "xsw4": ("assertion", xsw4), "xsw5": ("assertion", xsw5), "xsw6": ("assertion", xsw6),
    "xsw7": ("assertion", xsw7), "xsw8": ("assertion", xsw8), "same id": ("assertion", same_id),
}  # fmt: skip
