"""What credentials take: signed and stored as tokens after a publication, and their embedded proofs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from typing import Any

from run import Figures, Run

from lrs.credentials.issuer import issuer_of
from rules.credentials.document import Achievement, AwardPeriod, EvidenceNote
from rules.credentials.issuing import issue_first
from rules.credentials.proving.canonical import canonical
from rules.credentials.proving.proofs import with_proof, without_claims
from rules.credentials.proving.signing import read_compact

BATCH = 100  # as the worker takes them
BAR_MS, BAR_RATIO = 1.5, 1.5
PLAIN = 50  # how many are canonicalised the plain way, to compare


def measure_credentials(run: Run) -> Figures:
    """Issue first credentials as after a publication, then make the embedded proof of each.

    Milliseconds of one; those of proofs are processor time, which others that use the machine change less.
    """
    db = run.place.database("credentials")
    settings = dataclasses.replace(run.place.settings("credentials"), key_passphrase="of the bench")
    issuer, now = issuer_of(settings, db), dt.datetime.now(dt.UTC)
    periods = [period(number, now) for number in range(run.people)]
    issue_first(issuer, periods[:1], now)
    began, cpu = time.perf_counter(), time.process_time()
    records = [
        record
        for at in range(1, len(periods), BATCH)
        for record in issue_first(issuer, periods[at : at + BATCH], now)
    ]
    built, built_cpu = time.perf_counter() - began, time.process_time() - cpu
    claims = [without_claims(read_compact(record.jwt).claims) for record in records]
    kid = issuer.signer.current("proof")
    method = issuer.issuer.method(kid)
    with_proof(claims[0], issuer.signer, kid, method, now)  # the shape is read once
    began, cpu = time.perf_counter(), time.process_time()
    for one in claims:
        with_proof(one, issuer.signer, kid, method, now)
    proofs, proofs_cpu = time.perf_counter() - began, time.process_time() - cpu
    cpu = time.process_time()
    for one in claims[:PLAIN]:
        canonical(one)
    plain = (time.process_time() - cpu) / len(claims[:PLAIN])
    count = len(records)
    found = {
        "credentials": count,
        "build_ms": 1000 * built / count,
        "build_cpu_ms": 1000 * built_cpu / count,
        "proof_ms": 1000 * proofs_cpu / count,
        "plain_canonical_ms": 1000 * plain,
        "both_over_build": (built + proofs) / built,
    }
    run.say(f"  credentials {found['build_ms']:.2f} ms each, their proofs {found['proof_ms']:.2f} ms each")
    return found


def period(number: int, now: dt.datetime) -> AwardPeriod:
    """Return a period of one of many awards, as a publication makes them."""
    at = now - dt.timedelta(days=1, seconds=number)
    return AwardPeriod(
        award=f"01JZ3T8Q4M5N6P7R8S{number:08d}",
        person=f"p_{number:08d}",
        period=1,
        achievement=Achievement(
            "sales-pro", "3", "Sales Professional", "Sells the platform.", "- Sales exam"
        ),
        awarded_at=at,
        valid_from=at,
        ends_at=at + dt.timedelta(days=365),
        evidence=(EvidenceNote("exam", "Sales exam", "91 % on 20 May 2026"),),
        result=("91 %",),
        emails=(f"p{number}@x.example",),
    )


def table_lines(found: dict[str, Any]) -> list[str]:
    """Return the lines of the table."""
    proof, both = found["proof_ms"], found["both_over_build"]
    met = "met" if proof < BAR_MS else "MISSED"
    both_met = "met" if both <= BAR_RATIO else "MISSED"
    return [
        f"{'credential signed and stored, ms':44}{found['build_ms']:14.2f}",
        f"{'its embedded proof, ms of a processor':44}{proof:14.2f}{'':22}{BAR_MS:.2f} {met}",
        f"{'canonicalisation alone the plain way, ms':44}{found['plain_canonical_ms']:14.2f}",
        f"{'both proofs over the token alone':44}{both:14.2f}{'':22}{BAR_RATIO:.2f} {both_met}",
    ]
