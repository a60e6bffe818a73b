"""Print copies of a credential, each form good, changed and by a foreign key, and what its issuer serves"""

from __future__ import annotations

import base64
import datetime as dt
import json
import sys

from factories_credentials import ISSUER, SIGNER, MemorySigner, make_assessment, make_period

from lrs.credentials.keys import PublicKey, did_document
from rules.credentials.document import build_credential, whole_second
from rules.credentials.endorsement import build_endorsement
from rules.credentials.learner_record import build_record
from rules.credentials.proving import contexts, sd_jwt
from rules.credentials.proving.proofs import with_proof, without_claims
from rules.credentials.proving.signing import compact, encode_json, make_private_key, public_jwk
from rules.credentials.proving.status_list import build_entry, build_list, empty, set_bits

NOW = dt.datetime.now(dt.UTC)
LIST = f"{ISSUER.base}/status/1"
FOREIGN = MemorySigner(
    {"k1": make_private_key("RS256"), "k2": make_private_key("ES256"), "k3": make_private_key("EdDSA")}
)


def credential():
    period = make_period(ends_at=NOW + dt.timedelta(days=300), assessments=(make_assessment(),))
    subject = "urn:uuid:7e3b1c9a-5d0f-4f8e-9a54-0e6c2b1d7f30"
    return build_credential(
        period, ISSUER, valid_from=whole_second(period.valid_from), status=build_entry(LIST, 7),
        subject=subject, salts=["Kosher"], refreshable=True,
    )  # fmt: skip


def token(signer, key, claims):
    return compact(signer, key, claims, kid=ISSUER.kid(key))


def document(signer, claims):
    return encode_json(with_proof(without_claims(claims), signer, "k3", ISSUER.method("k3"), NOW)).decode()


def changed_token(text):
    head, body, signature = text.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = (
        base64.urlsafe_b64encode(encode_json(claims | {"name": "Sales Professionals"})).rstrip(b"=").decode()
    )
    return f"{head}.{other}.{signature}"


def forms():
    claims = credential()
    for name, key in (("JWT, RS256", "k1"), ("JWT, ES256", "k2")):
        good = token(SIGNER, key, claims)
        yield name, good, changed_token(good), token(FOREIGN, key, claims)
    good = document(SIGNER, claims)
    yield (
        "JSON",
        good,
        good.replace("Sales Professional", "Sales Professionals", 1),
        document(FOREIGN, claims),
    )
    record = build_record(
        [json.loads(good)], ISSUER, name="urn:uuid:0b6a1f5e-3c1d-4b9a-8a55-6d4a0b7d1c11",
        now=whole_second(NOW), status=build_entry(LIST, 9),
    )  # fmt: skip
    good = document(SIGNER, record)
    changed = good.replace("Learner record", "Learner records", 1)
    yield "learner record, JSON", good, changed, document(FOREIGN, record)
    said = build_endorsement(
        "urn:uuid:5a3c1f6e-2b4d-4c9a-8a55-6d4a0b7d1c22", ISSUER, endorsed=claims["id"], title=claims["name"],
        comment="Worked with us for a year.", now=whole_second(NOW),
    )  # fmt: skip
    good = document(SIGNER, said)
    yield "endorsement, JSON", good, good.replace("a year", "ten years", 1), document(FOREIGN, said)
    good, foreign = selective(SIGNER, claims), selective(FOREIGN, claims)
    issued, rest = good.split("~", 1)
    yield "SD-JWT VC", good, f"{changed_token(issued)}~{rest}", foreign


def selective(signer, claims):
    holder = public_jwk(make_private_key("ES256"))
    return sd_jwt.build_sd_jwt(
        claims, signer, "k2", issuer=ISSUER.base, kid=ISSUER.kid("k2"), holder=holder,
        vct=f"{ISSUER.base}/vct/certification", status=f"{LIST}/token",
    )  # fmt: skip


def files(bits):
    listed = build_list(LIST, ISSUER.did, bits, NOW)
    keys = [
        PublicKey(name, SIGNER.algorithm(name), public_jwk(key), NOW, None)
        for name, key in SIGNER.keys.items()
    ]
    tokens = [one.jwk | {"kid": kid} for one in keys if one.alg != "EdDSA" for kid in ISSUER.kids(one.kid)]
    day = dt.timedelta(days=1)
    of_tokens = sd_jwt.build_token_list(f"{LIST}/token", bits, NOW, day, day) | {"iss": ISSUER.base}
    metadata = {"issuer": ISSUER.base, "jwks_uri": f"{ISSUER.base}/.well-known/jwks.json"}
    served = {
        f"{LIST}/token": compact(SIGNER, "k2", of_tokens, kid=ISSUER.kid("k2"), typ=sd_jwt.LIST_TYPE),
        f"{ISSUER.base}/.well-known/jwt-vc-issuer": json.dumps(metadata),
        f"{ISSUER.base}/.well-known/did.json": json.dumps(did_document(ISSUER, keys)),
        f"{ISSUER.base}/.well-known/jwks.json": json.dumps({"keys": tokens}),
        f"{LIST} token": token(SIGNER, "k1", listed),
        f"{LIST} json": document(SIGNER, listed),
    }
    return served | {url: json.dumps(contexts.context(url)) for url in contexts.PINNED}


def main() -> None:
    copies = [
        {"form": name, "good": good, "changed": changed, "foreign": foreign}
        for name, good, changed, foreign in forms()
    ]
    json.dump(
        {"copies": copies, "list": LIST, "issuer": ISSUER.did, "files": files(empty()),
         "revoked": files(set_bits(empty(), [7, 9]))}, sys.stdout
    )  # fmt: skip


main()
