"""Plain values of the credential tests: an issuer, a signer, a period."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from rules.credentials.assessments import Assessment, EvidenceFile
from rules.credentials.document import (
    Achievement,
    AwardPeriod,
    EvidenceNote,
    Issuer,
    build_credential,
    whole_second,
)
from rules.credentials.proving.proofs import without_claims
from rules.credentials.proving.signing import (
    ALGORITHMS,
    Algorithm,
    PrivateKey,
    UnknownKey,
    Use,
    algorithm_of,
    make_private_key,
    sign_with,
)
from rules.credentials.proving.status_list import build_entry


@dataclasses.dataclass(frozen=True, slots=True)
class MemorySigner:
    """Private keys held in this process, the first one of each use current."""

    keys: Mapping[str, PrivateKey]

    def current(self, use: Use = "token") -> str:
        """Return the name of the first key of that use."""
        for kid, key in self.keys.items():
            if algorithm_of(key) in ALGORITHMS[use]:
                return kid
        raise UnknownKey("current")

    def algorithm(self, kid: str) -> Algorithm:
        """Return RS256 for an RSA key, ES256 for P-256, EdDSA for Ed25519."""
        return algorithm_of(self._key(kid))

    def sign(self, kid: str, message: bytes) -> bytes:
        """Sign `message` with that key."""
        return sign_with(self._key(kid), message)

    def _key(self, kid: str) -> PrivateKey:
        try:
            return self.keys[kid]
        except KeyError as error:
            raise UnknownKey(kid) from error


ISSUER = Issuer(did="did:web:lrs.example", name="Northwind Academy", base="https://lrs.example")
RSA_KEY = make_private_key("RS256")
EC_KEY = make_private_key("ES256")
ED_KEY = make_private_key("EdDSA")
SIGNER = MemorySigner({"k1": RSA_KEY, "k2": EC_KEY, "k3": ED_KEY})
EC_SIGNER = MemorySigner({"k2": EC_KEY})
NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
AWARDED = dt.datetime(2026, 5, 20, 9, 30, 15, 250000, tzinfo=dt.UTC)


def make_period(**overrides: Any) -> AwardPeriod:
    """Return a period of sales-pro with one address, an exam and an expiry in Berlin's zone."""
    period = AwardPeriod(
        award="01JZ3T8Q4M5N6P7R8S9TAVBWCX",
        person="p_01JZ3T0000000000000000ANA0",
        period=1,
        achievement=Achievement(
            certification="sales-pro",
            version="3",
            title="Sales Professional",
            description="Sells the platform: overview, competitive position, a demo and the exam.",
            criteria="Overview; Competitive; Demo; Sales exam, 80 % or better",
        ),
        awarded_at=AWARDED,
        valid_from=AWARDED,
        ends_at=dt.datetime(2027, 5, 20, 22, 0, tzinfo=dt.UTC),
        timezone="Europe/Berlin",
        evidence=(EvidenceNote("exam", "Sales exam, 80 % or better", "Best 91 % of 3 attempts, 2026-05-20"),),
        result=("91 %",),
        emails=("Ana@Example.com ",),
    )
    return dataclasses.replace(period, **overrides)


def make_assessment(**overrides: Any) -> Assessment:
    """Return a demo that was signed off by a rubric of two criteria, with one evidence file."""
    levels = [{"id": "weak", "name": "Weak", "points": 1}, {"id": "strong", "name": "Strong", "points": 3}]
    criteria = [
        {"id": "opening", "name": "Opens by the customer's need", "levels": levels},
        {"id": "closing", "name": "Agrees on the next step", "levels": levels},
    ]
    assessment = Assessment(
        statement="4f9c0f0e-7a5b-4c1d-9f7e-2a3b4c5d6e7f",
        rubric={"_id": "demo-2", "title": "Live demo", "pass_mark": 4, "criteria": criteria},
        levels={"opening": "strong", "closing": "weak"},
        points=4,
        most=6,
        passed=True,
        files=(EvidenceFile("demo.mp4", "video/mp4", "9f" * 32),),
    )
    return dataclasses.replace(assessment, **overrides)


def credential_of(period: AwardPeriod, *, refreshable: bool = True) -> dict[str, Any]:
    """Return the credential of a period without the claims of its token."""
    claims = build_credential(
        period,
        ISSUER,
        valid_from=whole_second(period.valid_from),
        status=build_entry(f"{ISSUER.base}/status/1", 7),
        subject="urn:uuid:7e3b1c9a-5d0f-4f8e-9a54-0e6c2b1d7f30",
        salts=["Kosher"] * len(period.emails),
        refreshable=refreshable,
    )
    return without_claims(claims)
