"""The public registry: certified people who agreed, and partners; pages without script, JSON feeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Response, render_template, request
from werkzeug.exceptions import NotFound

from lrs.access.guard import PUBLIC, Blueprint
from lrs.credentials.public.branding import brands_of, get_brand, get_logo
from lrs.credentials.public.pages import OPEN, html
from lrs.credentials.public.registry_listing import (
    Held,
    ListedPartner,
    ListedPerson,
    Search,
    all_partners,
    choices,
    find_partners,
    find_people,
    programmes,
    title_of,
)
from lrs.foundation.context import Services, current_services
from lrs.words.reader import keep_asked
from rules.catalogue.store import cache_of
from rules.language.model import Skill

blp = Blueprint("registry", __name__)
PAGE = 48
LIMIT = 300  # characters of a search
FIELDS = ("q", "role", "product", "region", "tier", "skill")


@blp.get("/", scope=PUBLIC)
def front() -> Response:
    """Show the way to what there is: the registry, the console, the API."""
    body = render_template("house/front.html", issuer=current_services().settings.issuer_name)
    response = Response(body, content_type="text/html; charset=utf-8")
    response.headers["Vary"] = "Accept-Language, Cookie"
    return keep_asked(response)


@blp.get("/registry", scope=PUBLIC)
def people() -> Response:
    """List the certified people who agreed to be listed."""
    return listing("people")


@blp.get("/registry/partners", scope=PUBLIC)
def partners() -> Response:
    """List the partners by tier."""
    return listing("partners")


def listing(what: str) -> Response:
    """Answer one page of people or partners."""
    services, search, number = current_services(), read_search(), page_number()
    rows: Sequence[Any] = (
        find_people(services, search) if what == "people" else find_partners(services, search)
    )
    shown = rows[(number - 1) * PAGE : number * PAGE]
    brands = brands_of(services.db, [one.id for one in shown]) if what == "partners" else {}
    body = render_template(
        f"registry/{what}.html", what=what, rows=shown, total=len(rows), search=search, brands=brands,
        choices=choices(services), programmes=programme_titles(services), link=page_link, page=number,
        issuer=services.settings.issuer_name, pages=max(1, -(-len(rows) // PAGE)),
    )  # fmt: skip
    return html(body)


@blp.get("/registry/partners/<org>", scope=PUBLIC)
def partner(org: str) -> Response:
    """Show one partner in its own colours."""
    services = current_services()
    found = next((one for one in all_partners(services) if one.id == org), None)
    if found is None:
        raise NotFound("no such partner")
    here_people = [one for one in find_people(services, Search()) if one.partner == found.name]
    body = render_template(
        "registry/partner.html", partner=found, brand=get_brand(services.db, org), people=here_people,
        programmes=programme_titles(services), issuer=services.settings.issuer_name,
    )  # fmt: skip
    return html(body)


def programme_titles(services: Services) -> dict[str, str]:
    """Return what each partner programme is called: a tier is always one of a programme."""
    return {one.id: title_of(one) for one in programmes(cache_of(services.db).get())}


@blp.get("/registry/partners/<org>/logo.png", scope=PUBLIC)
def logo(org: str) -> Response:
    """Answer a partner's logo."""
    headers = OPEN | {"Cache-Control": "public, max-age=3600"}
    return Response(get_logo(current_services().db, org), content_type="image/png", headers=headers)


@blp.get("/registry/partners/<org>/brand.css", scope=PUBLIC)
def brand_css(org: str) -> Response:
    """Answer a partner's colours as a style sheet: pages allow no style of their own."""
    brand = get_brand(current_services().db, org)
    colours = f".brand{{background:{brand.colour};color:{brand.ink}}}" if brand else ".brand{padding:0}"
    headers = OPEN | {"Cache-Control": "public, max-age=300"}
    return Response(colours, content_type="text/css", headers=headers)


@blp.get("/registry.json", scope=PUBLIC)
def people_feed() -> Response:
    """Answer the listed people as JSON."""
    return feed([show_person(one) for one in find_people(current_services(), read_search())])


@blp.get("/registry/partners.json", scope=PUBLIC)
def partners_feed() -> Response:
    """Answer the partners as JSON, for a partner locator on another site."""
    return feed([show_partner(one) for one in find_partners(current_services(), read_search())])


def feed(rows: Sequence[dict[str, Any]]) -> Response:
    """Answer one page of a JSON feed with the address of the next."""
    number = page_number()
    shown = rows[(number - 1) * PAGE : number * PAGE]
    base = current_services().settings.public_url
    next_link = f"{base}{page_link(number + 1)}" if number * PAGE < len(rows) else None
    body = {"at": current_services().now().isoformat(), "total": len(rows), "items": shown, "next": next_link}
    headers = OPEN | {"Cache-Control": "public, max-age=60"}
    return Response(json.dumps(body, ensure_ascii=False), content_type="application/json", headers=headers)


def show_person(person: ListedPerson) -> dict[str, Any]:
    """Return a listed person as JSON."""
    return {
        "name": person.name,
        "partner": person.partner,
        "region": person.region,
        "certifications": [show_held(one) for one in person.held],
    }


def show_held(held: Held) -> dict[str, Any]:
    """Return a held certification as JSON."""
    base = current_services().settings.public_url
    return {
        "id": held.certification,
        "title": held.title,
        "role": held.role,
        "product": held.product,
        "skills": [show_skill(one) for one in held.skills],
        "expires": held.expires.isoformat() if held.expires else None,
        "credential": f"{base}/credentials/{held.award}",
    }


def show_skill(skill: Skill) -> dict[str, Any]:
    """Return a skill as JSON."""
    return {"name": skill.name, "url": skill.url}


def show_partner(found: ListedPartner) -> dict[str, Any]:
    """Return a partner as JSON."""
    base = current_services().settings.public_url
    return {
        "id": found.id,
        "name": found.name,
        "region": found.region,
        "tiers": dict(found.tiers),
        "certified_people": found.certified,
        "certifications": [{"title": title, "people": count} for title, count in found.counts],
        "roles": sorted(found.roles),
        "products": sorted(found.products),
        "skills": [show_skill(one) for one in sorted(found.skills, key=lambda one: (one.name, one.url))],
        "website": found.website,
        "page": f"{base}/registry/partners/{found.id}",
    }


def read_search() -> Search:
    """Read the search from the query string; what is too long is cut."""
    given = {name: request.args.get(name, "")[:LIMIT] for name in FIELDS}
    return Search(**given)


def page_number() -> int:
    """Read the number of the page, from 1."""
    text = request.args.get("page", "1")
    return max(1, min(int(text), 100_000)) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def page_link(number: int) -> str:
    """Return the present address with another page number."""
    kept = {name: value for name, value in request.args.items() if name != "page" and value}
    return f"{request.path}?{urlencode(kept | {'page': str(number)})}"
