"""Signed statements: the signature is checked as a safeguard against mistakes.

Data 2.6, IEEE 9274.1.1 4.2.6.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.x509 import load_der_x509_certificate

from statements.errors import InvalidStatement
from statements.intake.attachments import Part, attachments_of
from statements.intake.compare import first_difference
from statements.parsing.parse import Parsed, json_path, parse_json
from statements.parsing.times import Version

SIGNATURE = "http://adlnet.gov/expapi/attachments/signature"
_COMPACT = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_HASHES: dict[str, type[HashAlgorithm]] = {"RS256": SHA256, "RS384": SHA384, "RS512": SHA512}


class _Unsigned(Exception):
    """Why the signature is refused."""


def check_signatures(
    batch: Sequence[Parsed], parts: Mapping[str, Part], version: Version, paths: Sequence[str]
) -> None:
    """Check every signature attachment of the batch; InvalidStatement names the attachment."""
    for parsed, path in zip(batch, paths, strict=True):
        if "attachments" not in parsed.value:
            continue
        for steps, attachment in attachments_of(parsed.value):
            if attachment["usageType"] == SIGNATURE and steps[0] == "attachments":
                try:
                    _check(parsed.value, attachment, parts, version)
                except _Unsigned as error:
                    raise InvalidStatement(json_path(*steps, root=path), str(error)) from None


def _check(
    statement: Mapping[str, Any], attachment: Mapping[str, Any], parts: Mapping[str, Part], version: Version
) -> None:
    if attachment["contentType"].split(";")[0].strip().lower() != "application/octet-stream":
        raise _Unsigned("a signature must have the contentType application/octet-stream")
    part = parts.get(attachment["sha2"].lower())
    if part is None:
        raise _Unsigned("the signature itself must be sent as a part, a fileUrl is not enough")
    match = _COMPACT.fullmatch(part.content.strip())
    if match is None:
        raise _Unsigned("the signature must be a JWS in compact serialization")
    header = _json(match[1], "header")
    digest = _HASHES.get(str(header.get("alg")))
    if digest is None:
        raise _Unsigned("the signature must use RS256, RS384 or RS512")
    payload = _json(match[2], "payload")
    _compare(payload, statement, version)
    if "x5c" in header:
        _verify(header["x5c"], digest, part.content.strip(), match)


def _json(segment: bytes, what: str) -> dict[str, Any]:
    try:
        value = parse_json(base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4)))
    except (InvalidStatement, binascii.Error, ValueError):
        raise _Unsigned(f"the {what} of the signature is not JSON") from None
    if not isinstance(value, dict):
        raise _Unsigned(f"the {what} of the signature is not a JSON object")
    return value


def _compare(payload: Mapping[str, Any], statement: Mapping[str, Any], version: Version) -> None:
    """The payload is the statement before the signature was added (xapi#2.13)."""
    try:
        if "id" in payload and "id" in statement and str(payload["id"]).lower() != statement["id"].lower():
            place: str | None = "$.id"
        else:
            place = first_difference(payload, statement, version)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise _Unsigned("the payload of the signature is not a statement") from None
    if place is not None:
        raise _Unsigned(f"the signed statement differs from the received one at {place}")


def _verify(chain: Any, digest: type[HashAlgorithm], jws: bytes, match: re.Match[bytes]) -> None:
    """Verify with the first certificate of the chain (RFC 7515 4.1.6)."""
    try:
        certificate = load_der_x509_certificate(base64.b64decode(chain[0], validate=True))
        public_key = certificate.public_key()
    except (TypeError, ValueError, IndexError, KeyError):
        raise _Unsigned("x5c must begin with a certificate in base64 DER") from None
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise _Unsigned("the certificate of the signature must hold an RSA key")
    signature = base64.urlsafe_b64decode(match[3] + b"=" * (-len(match[3]) % 4))
    try:
        public_key.verify(signature, jws[: match.end(2)], padding.PKCS1v15(), digest())
    except InvalidSignature:
        raise _Unsigned("the signature does not verify with its certificate") from None
