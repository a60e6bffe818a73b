"""Plain values of the credential tests: an issuer, a signer, a period."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from rules.credential_document import Achievement, AwardPeriod, EvidenceNote, Issuer
from rules.signing import MemorySigner, make_private_key

ISSUER = Issuer(did="did:web:lrs.example", name="Northwind Academy", base="https://lrs.example")
RSA_KEY = make_private_key("RS256")
EC_KEY = make_private_key("ES256")
SIGNER = MemorySigner({"k1": RSA_KEY, "k2": EC_KEY})
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
