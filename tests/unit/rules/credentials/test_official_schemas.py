"""1EdTech's JSON Schemas of Open Badges 3.0 and CLR 2.0 accept what is signed.

Their licence keeps them out of here: LAUREL_1EDTECH_SCHEMAS names a folder of copies, else this is skipped.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import jsonschema
import pytest
from factories_credentials import ISSUER, SIGNER, credential_of, make_assessment, make_period

from rules.credentials.endorsement import build_endorsement
from rules.credentials.learner_record import build_record
from rules.credentials.proving.proofs import with_proof, without_claims
from rules.credentials.proving.status_list import build_entry

FOLDER = os.environ.get("LAUREL_1EDTECH_SCHEMAS")
NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
NAME = "urn:uuid:0b6a1f5e-3c1d-4b9a-8a55-6d4a0b7d1c11"
STATUS = build_entry(f"{ISSUER.base}/status/1", 9)

pytestmark = pytest.mark.skipif(not FOLDER, reason="LAUREL_1EDTECH_SCHEMAS names no folder of copies")


def official(name):
    text = (Path(FOLDER) / f"{name}_schema.json").read_text()
    return jsonschema.Draft201909Validator(json.loads(text))


def proved(claims):
    return with_proof(without_claims(claims), SIGNER, "k3", ISSUER.method("k3"), NOW)


CREDENTIALS = {
    "plain": credential_of(make_period()),
    "without an end": credential_of(make_period(ends_at=None)),
    "signed off": credential_of(make_period(assessments=(make_assessment(),))),
    "signed off without a verdict": credential_of(
        make_period(assessments=(make_assessment(passed=None, files=()),))
    ),
}


@pytest.mark.parametrize("claims", CREDENTIALS.values(), ids=CREDENTIALS)
@pytest.mark.parametrize("form", [without_claims, proved])
@pytest.mark.parametrize("name", ["ob_v3p0_achievementcredential", "clr_v2p0_achievementcredential"])
def test_credentials_are_achievement_credentials(name, form, claims):
    document, schema = form(claims), official(name)
    schema.validate(document)
    assert not schema.is_valid(document | {"credentialStatus": [document["credentialStatus"]]})
    assert not schema.is_valid(document | {"credentialSubject": {}})


@pytest.mark.parametrize("name", ["ob_v3p0_endorsementcredential", "clr_v2p0_endorsementcredential"])
def test_endorsements_are_endorsement_credentials(name):
    said = build_endorsement(
        NAME, ISSUER, endorsed=CREDENTIALS["plain"]["id"], title="Sales", comment="Knows it.", now=NOW
    )
    schema = official(name)
    schema.validate(proved(said))
    assert not schema.is_valid(proved(said) | {"credentialSubject": {}})


def test_a_learner_record_is_a_clr_credential():
    held = [proved(claims) for claims in CREDENTIALS.values()]
    record, schema = (
        build_record(held, ISSUER, name=NAME, now=NOW, status=STATUS),
        official("clr_v2p0_clrcredential"),
    )
    schema.validate(proved(record))
    assert not schema.is_valid(proved(record) | {"credentialSubject": {}})
