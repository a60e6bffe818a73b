"""What a SAML 2.0 provider answers: believed only as far as its signature reaches, and for one request only.

The steps of `read` are those of the profile (saml-profiles-2.0-os 4.1.4.2 and 4.1.4.3): the signature first,
then everything else from the very bytes that were signed.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from lxml.etree import LxmlError
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from lrs.sign_in.xml import ASSERTION, PROTOCOL, SIGNATURE, UnfitXml, find_all, only, parse, text_of

SKEW: Final = dt.timedelta(seconds=60)  # between the provider's clock and ours
LONGEST_ANSWER: Final = 700_000  # characters in base64
SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
METHODS: Final = frozenset(
    {
        SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512,
        SignatureMethod.ECDSA_SHA256, SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512,
    }
)  # fmt: skip
DIGESTS: Final = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
ALGORITHMS: Final = (f"{{{SIGNATURE}}}SignatureMethod", f"{{{SIGNATURE}}}DigestMethod")
OF_ANSWER: Final = "./"
OF_ASSERTION: Final = f"./{{{ASSERTION}}}Assertion/"
MOST_VALUES: Final = 1000


class UnfitAnswer(ValueError):
    """An answer that is not believed, with the reason."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer has to be for: this provider, this request, this place."""

    entity_id: str  # the provider's
    certificates: Sequence[str]  # its, in PEM
    audience: str  # we
    place: str  # where answers are taken
    request: str


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer that is believed says."""

    assertion: str  # its id
    good_until: dt.datetime  # after which it is refused anyway
    name_id: str
    name_format: str
    attributes: dict[str, list[str]]


def read(answer: str, expected: Expected, now: dt.datetime) -> Told:
    """Return what an answer says; raises UnfitAnswer. That it comes once is for the caller to see to."""
    try:
        root = parse(_decoded(answer))
        _check_shape(root)
        _check_response(root, expected)
        assertion = _signed(root, expected.certificates)
        if text_of(only(assertion, "./saml:Issuer")) != expected.entity_id:
            raise UnfitAnswer("it is of another provider")
        good_until = min(_confirmed(assertion, expected, now), _conditions(assertion, expected, now))
        _check_session(assertion, now)
        name = only(assertion, "./saml:Subject/saml:NameID")
        return Told(
            assertion.attrib["ID"], good_until, text_of(name), name.get("Format", ""), _attributes(assertion)
        )
    except UnfitXml as error:
        raise UnfitAnswer(str(error)) from error


def _decoded(answer: str) -> bytes:
    if len(answer) > LONGEST_ANSWER:
        raise UnfitAnswer("it is too long")
    try:
        return base64.b64decode("".join(answer.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnfitAnswer("it is not base64") from error


def _check_shape(root: Any) -> None:
    """Refuse shapes in which what is signed and what is read could be two things (signature wrapping)."""
    if root.tag != f"{{{PROTOCOL}}}Response":
        raise UnfitAnswer("it is no SAML response")
    if find_all(root, ".//saml:EncryptedAssertion"):
        raise UnfitAnswer("it is encrypted; switch encryption off at the provider, TLS hides it already")
    assertions = find_all(root, ".//saml:Assertion")
    if len(assertions) != 1 or assertions[0].getparent() is not root:
        raise UnfitAnswer("it has not one assertion at its place")
    ids = [
        value
        for node in root.iter()
        for name, value in node.attrib.items()
        if name.lower() in {"id", "assertionid"}
    ]
    if len(ids) != len(set(ids)) or not assertions[0].get("ID"):
        raise UnfitAnswer("it has an id twice, or none")
    places = {root, assertions[0]}
    signatures = list(root.iter(f"{{{SIGNATURE}}}Signature"))
    parents = [one.getparent() for one in signatures]
    if not signatures:
        raise UnfitAnswer("it is not signed")
    if any(one not in places for one in parents) or len(parents) != len(set(parents)):
        raise UnfitAnswer("it has a signature where none belongs")


def _check_response(root: Any, expected: Expected) -> None:
    status = only(root, "./samlp:Status/samlp:StatusCode")
    if status.get("Value") != SUCCESS:
        raise UnfitAnswer("the provider refused the login")
    if root.get("Version") != "2.0":
        raise UnfitAnswer("it is not of SAML 2.0")
    if root.get("Destination") != expected.place:
        raise UnfitAnswer("it is for another place")
    if root.get("InResponseTo") != expected.request:
        raise UnfitAnswer("it answers another request, or none")
    issuers = find_all(root, "./saml:Issuer")
    if issuers and text_of(only(root, "./saml:Issuer")) != expected.entity_id:
        raise UnfitAnswer("it is of another provider")


def _signed(root: Any, certificates: Sequence[str]) -> Any:
    """Return the assertion as it was signed, alone or with the response; every signature has to hold."""
    found = None
    for place, path in ((OF_ANSWER, "./ds:Signature"), (OF_ASSERTION, "./saml:Assertion/ds:Signature")):
        if find_all(root, path):
            signed = _verified(root, certificates, place)
            is_whole = signed.tag == f"{{{PROTOCOL}}}Response"
            if is_whole != (place == OF_ANSWER):
                raise UnfitAnswer("its signature is for something else")
            found = only(signed, "./saml:Assertion") if is_whole else signed
            if found.tag != f"{{{ASSERTION}}}Assertion":
                raise UnfitAnswer("its signature is for something else")
    if found is None:
        raise UnfitAnswer("it is not signed")
    return found


def _verified(root: Any, certificates: Sequence[str], place: str) -> Any:
    """Return what a signature by one of the certificates signs, parsed anew from the signed bytes."""
    config = SignatureConfiguration(
        location=place, expect_references=1, signature_methods=METHODS, digest_algorithms=DIGESTS
    )
    for certificate in certificates:
        try:
            result = XMLVerifier().verify(
                root, x509_cert=certificate, id_attribute="ID", expect_config=config
            )
        except (SignXMLException, LxmlError, ValueError, TypeError, KeyError):
            continue
        return parse(result.signed_data)  # type: ignore[union-attr]  # one reference: one result
    told = [one.get("Algorithm", "") for one in root.iter(*ALGORITHMS)]
    if any(one.endswith("sha1") for one in told):
        raise UnfitAnswer("its signature is by SHA-1; let the provider sign by SHA-256")
    raise UnfitAnswer("its signature is not the provider's")


def _confirmed(assertion: Any, expected: Expected, now: dt.datetime) -> dt.datetime:
    """Return until when the bearer of an assertion is its subject here; one confirmation has to fit."""
    reasons = ["it confirms nobody"]
    for one in find_all(assertion, "./saml:Subject/saml:SubjectConfirmation"):
        if one.get("Method") != BEARER:
            continue
        data = only(one, "./saml:SubjectConfirmationData")
        until = _instant(data.get("NotOnOrAfter"))
        if data.get("Recipient") != expected.place:
            reasons.append("it is for another recipient")
        elif data.get("InResponseTo") != expected.request:
            reasons.append("it answers another request, or none")
        elif until is None or until <= now - SKEW:
            reasons.append("it has expired; look at the clocks")
        elif data.get("NotBefore") is not None:
            reasons.append("it confirms nobody yet")
        else:
            return until
    raise UnfitAnswer(reasons[-1])


def _conditions(assertion: Any, expected: Expected, now: dt.datetime) -> dt.datetime:
    """Return until when an assertion holds, which has to be for us and for now."""
    conditions = only(assertion, "./saml:Conditions")
    begins, ends = _instant(conditions.get("NotBefore")), _instant(conditions.get("NotOnOrAfter"))
    if begins is not None and begins > now + SKEW:
        raise UnfitAnswer("it is not valid yet; look at the clocks")
    if ends is not None and ends <= now - SKEW:
        raise UnfitAnswer("it has expired; look at the clocks")
    restrictions = find_all(conditions, "./saml:AudienceRestriction")
    for one in restrictions:
        if expected.audience not in {text_of(each) for each in find_all(one, "./saml:Audience")}:
            raise UnfitAnswer("it is for another audience")
    if not restrictions:
        raise UnfitAnswer("it names no audience")
    return ends or now + dt.timedelta(days=1)


def _check_session(assertion: Any, now: dt.datetime) -> None:
    statements = find_all(assertion, "./saml:AuthnStatement")
    if not statements:
        raise UnfitAnswer("it does not say that somebody logged in")
    for one in statements:
        ends = _instant(one.get("SessionNotOnOrAfter"))
        if ends is not None and ends <= now - SKEW:
            raise UnfitAnswer("the login at the provider is over")


def _attributes(assertion: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in find_all(assertion, "./saml:AttributeStatement/saml:Attribute"):
        values = [text_of(value) for value in find_all(one, "./saml:AttributeValue") if not len(value)]
        found.setdefault(one.get("Name", ""), []).extend(values)
    if sum(len(values) for values in found.values()) > MOST_VALUES:
        raise UnfitAnswer(f"it has more than {MOST_VALUES} values")
    return found


def _instant(text: str | None) -> dt.datetime | None:
    """Return an instant of SAML, which is in UTC; raises UnfitAnswer for what is none."""
    if text is None:
        return None
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise UnfitAnswer("it has a time that is none") from error
    if found.utcoffset() is None:
        raise UnfitAnswer("it has a time without a zone")
    return found.astimezone(dt.UTC)
