"""The public page of one version of a certification: what a holder of it has proven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template

from lrs.credentials.drawing.badge_art import Badge, draw_badge
from lrs.credentials.public.view import criteria_lines, document_of, spoken_level
from lrs.foundation.context import Services
from rules.credentials.proving.signing import read_compact
from rules.credentials.store import to_record


def achievement_page(services: Services, found: Mapping[str, Any]) -> str:
    """Return the page from any credential of that version, without anything of a person."""
    record = to_record(found)
    claims = read_compact(record.jwt).claims
    achievement = claims["credentialSubject"]["achievement"]
    document = document_of(services, record)
    badge = Badge(claims["name"], claims["issuer"]["name"], record.certification, spoken_level(document))
    return render_template(
        "credentials/achievement.html",
        achievement=achievement,
        issuer=claims["issuer"],
        criteria=criteria_lines(achievement["criteria"].get("narrative", "")),
        document=document,
        art=draw_badge(badge),
    )
