"""The xAPI resources: one blueprint each, all below /xapi."""

from __future__ import annotations

from flask import Blueprint

from lrs.resources.about import blueprint as about
from lrs.resources.documents import blueprint as documents
from lrs.resources.statements import blueprint as statements

BLUEPRINTS: list[Blueprint] = [statements, documents, about]
