"""Judge copies (stdin, as copies.py prints them) with others' verifiers in Python, as verifiers.mjs does"""

from __future__ import annotations

import json
import sys

import joserfc.jwt
import jwt
from joserfc.jwk import KeySet
from jwcrypto.jwk import JWK
from openbadgeslib.ob3 import OB3Verifier
from openbadgeslib.ob3.ldp import OB3LdpVerifier
from openvc.did.did_web import DidWebResolver
from openvc.resolvers import default_status_list_resolver, default_status_list_token_resolver
from openvc.verify import verify_credential
from sd_jwt.verifier import SDJWTVerifier

GIVEN = json.loads(sys.stdin.read())
ISSUER, LIST = GIVEN["issuer"], GIVEN["list"]


class Web:
    """What the issuer serves: a token for the list, or JSON."""

    def __init__(self, files, form):
        self.files, self.form = files, form

    def text(self, url, *_):
        return self.files[f"{LIST} {self.form}" if url == LIST else url]

    def data(self, url, *_):
        return self.text(url).encode()

    def json(self, url, *_):
        return json.loads(self.text(url))


def by_pyjwt(copy, files):
    keys = jwt.PyJWKSet.from_json(files[f"https://{ISSUER.removeprefix('did:web:')}/.well-known/jwks.json"])
    client = jwt.PyJWKClient("https://lrs.example")
    client.get_jwk_set = lambda *_: keys
    jwt.decode(copy, client.get_signing_key_from_jwt(copy), ["RS256", "ES256"], issuer=ISSUER)


def by_joserfc(copy, files):
    keys = KeySet.import_key_set(
        json.loads(files[f"https://{ISSUER.removeprefix('did:web:')}/.well-known/jwks.json"])
    )
    joserfc.jwt.decode(copy, keys, algorithms=["RS256", "ES256"])


def by_sd_jwt(copy, files):
    if "~" not in copy:
        raise ValueError("not valid JSON, but of the other kind")
    base = f"https://{ISSUER.removeprefix('did:web:')}"
    listed = json.loads(files[json.loads(files[f"{base}/.well-known/jwt-vc-issuer"])["jwks_uri"]])["keys"]

    def key_of(_, header):
        return JWK(**next(one for one in listed if one["kid"] == header["kid"]))

    SDJWTVerifier(copy, key_of)


def by_openbadgeslib(copy, files):
    web = Web(files, "token")
    verifier = OB3LdpVerifier if copy.startswith("{") else OB3Verifier
    found = verifier.for_issuer_did(ISSUER, download=web.data)
    found.verify(copy, check_status=True, download=web.data)


def by_openvc(copy, files):
    web = Web(files, "json" if copy.startswith("{") else "token")
    resolver = DidWebResolver(web.json)
    lists = default_status_list_resolver(fetch=web.data, resolver=resolver)
    tokens = default_status_list_token_resolver(
        fetch=web.text, resolver=resolver, jwt_vc_issuer_fetch=web.json
    )
    contexts = {url: json.loads(text) for url, text in files.items() if "@context" in text[:40]}
    credential = json.loads(copy) if copy.startswith("{") else copy
    verify_credential(
        credential, resolver=resolver, resolve_status_list=lists, resolve_status_list_token=tokens,
        jwt_vc_issuer_fetch=web.json, extra_contexts=contexts,
    )  # fmt: skip


VERIFIERS = {
    "PyJWT 2.15.1 (PyJWKClient; no status)": by_pyjwt,
    "joserfc 1.8.0 (no status)": by_joserfc,
    "sd-jwt 0.10.4 (no status)": by_sd_jwt,
    "openbadgeslib 4.6.3": by_openbadgeslib,
    "openvc-core 1.37.0": by_openvc,
}


def judge(verify, copy, files):
    try:
        verify(copy, files)
    except Exception as error:  # noqa: BLE001 -- whatever a library raises is a refusal
        return f"{type(error).__name__}: {error}"[:120]
    return True


def main():
    found = {}
    for name, verify in VERIFIERS.items():
        found[name] = {
            one["form"]: {
                "good": judge(verify, one["good"], GIVEN["files"]),
                "changed": judge(verify, one["changed"], GIVEN["files"]),
                "revoked": judge(verify, one["good"], GIVEN["revoked"]),
                "foreign": judge(verify, one["foreign"], GIVEN["files"]),
            }
            for one in GIVEN["copies"]
        }
    json.dump(found, sys.stdout, indent=1)


main()
