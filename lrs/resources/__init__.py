"""The xAPI resources: one blueprint each, all below /xapi."""

from __future__ import annotations

from flask import Blueprint

from lrs.resources import about, documents, statements

BLUEPRINTS: list[Blueprint] = [statements.blueprint, documents.blueprint, about.blueprint]
