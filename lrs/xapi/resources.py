"""The xAPI resources: one blueprint each, all below /xapi."""

from __future__ import annotations

from flask import Blueprint

from lrs.xapi.about import blueprint as about
from lrs.xapi.connection import blueprint as connection
from lrs.xapi.documents import blueprint as documents
from lrs.xapi.statements import blueprint as statements

BLUEPRINTS: list[Blueprint] = [statements, documents, about, connection]
