"""Public pages: credentials in every form, status lists, keys and the did:web document (cert#7).

Nothing here needs an account. What a holder does not show answers 404, to everybody without a signed link.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from flask import Response, redirect, render_template, request
from werkzeug.exceptions import NotAcceptable, NotFound

from lrs.access.guard import PUBLIC, Blueprint
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.drawing.glyph_outlines import OURS, Face, has_letters, web_font
from lrs.credentials.embedded import embedded
from lrs.credentials.endorsements import endorsements_of
from lrs.credentials.formats import baked_png, baked_svg, card_png, picture_path, plain_png
from lrs.credentials.issuer import issuer_of, links_of
from lrs.credentials.keys import did_document, issuer, key_store
from lrs.credentials.public.achievement_page import achievement_page
from lrs.credentials.public.view import (
    CredentialView,
    MergedCredential,
    UnknownCredential,
    find_view,
    is_id,
    part_now,
)
from lrs.credentials.verifying.here import verify_here
from lrs.credentials.verifying.verify import Outcome, Verification
from lrs.foundation.audit import Editor
from lrs.foundation.context import Services, current_services
from lrs.words.catalogues import DEFAULT
from lrs.words.reader import keep_asked, language, mark, reading
from rules.credentials.proving.signing import ALGORITHMS, UnknownKey
from rules.credentials.proving.status_list import TTL
from rules.credentials.status_publishing import current_list
from rules.queries import explain

blp = Blueprint("credentials", __name__)
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'self'; font-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
OPEN = {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}
PREVIEWERS = re.compile(
    "LinkedInBot|facebookexternalhit|Twitterbot|Slackbot|WhatsApp|TelegramBot|Discordbot|SkypeUriPreview|Mastodon",
    re.IGNORECASE,
)
SPOKEN: Final = frozenset({"text/html; charset=utf-8", "application/pdf"})
"""Forms in the reader's language."""
Form = Callable[[CredentialView, Services], tuple[bytes | str, str]]


def as_token(view: CredentialView, _: Services) -> tuple[bytes | str, str]:
    """Answer the compact JWS as text."""
    return view.jwt, "text/plain; charset=utf-8"


def as_jwt(view: CredentialView, _: Services) -> tuple[bytes | str, str]:
    """Answer the compact JWS under its own type."""
    return view.jwt, "application/vc+jwt"


def as_page(view: CredentialView, services: Services) -> tuple[bytes | str, str]:
    """Answer the page for people."""
    body = render_template(
        "credentials/page.html",
        view=view,
        origin=services.settings.public_url,
        linkedin=linkedin,
        merged=merged_here(services, view, request.args.get("merged", "")),
        endorsements=endorsements_of(services.db, view.id),
    )
    return body, "text/html; charset=utf-8"


def merged_here(services: Services, view: CredentialView, award: str) -> str | None:
    """Return the credential that a reader came from, where it is in truth part of this one."""
    part = part_now(services, award) if is_id(award) else None
    return award if part is not None and part.award == view.id else None


def as_vc(view: CredentialView, services: Services) -> tuple[bytes | str, str]:
    """Answer JSON with an embedded proof under its own type."""
    return embedded(services, view), "application/vc"


def as_ld_json(view: CredentialView, services: Services) -> tuple[bytes | str, str]:
    """Answer the same as JSON-LD, for those who ask so."""
    return embedded(services, view), "application/ld+json"


def as_json(view: CredentialView, services: Services) -> tuple[bytes | str, str]:
    """Answer the same as JSON, for those who ask so."""
    return embedded(services, view), "application/json"


def as_png(view: CredentialView, services: Services) -> tuple[bytes | str, str]:
    """Answer the PNG with the token baked in."""
    return baked_png(view, services.settings, view.jwt), "image/png"


def as_svg(view: CredentialView, services: Services) -> tuple[bytes | str, str]:
    """Answer the SVG with the token baked in."""
    return baked_svg(view, services.settings, view.jwt), "image/svg+xml"


def as_json_png(view: CredentialView, services: Services) -> tuple[bytes | str, str]:
    """Answer the PNG with the JSON baked in."""
    return baked_png(view, services.settings, embedded(services, view)), "image/png"


def as_json_svg(view: CredentialView, services: Services) -> tuple[bytes | str, str]:
    """Answer the SVG with the JSON baked in."""
    return baked_svg(view, services.settings, embedded(services, view)), "image/svg+xml"


def as_pdf(view: CredentialView, services: Services) -> tuple[bytes | str, str]:
    """Answer the printable certificate, in the reader's language where there are letters for it."""
    from lrs.credentials.drawing.certificate_pdf import PIXELS, draw_certificate  # noqa: PLC0415 -- 10 MB, for few

    supplied = plain_png(view, services.settings, PIXELS) if picture_path(view, services.settings) else None
    attached = {"credential.jwt": view.jwt, "credential.json": embedded(services, view)}
    with reading(language() if has_letters(language()) else DEFAULT):
        return draw_certificate(view, attached, supplied), "application/pdf"


# What a client may accept, in the order in which an undecided one is served (cert#7-6); and by file name.
FORMS: Mapping[str, Form] = {
    "text/plain": as_token,
    "text/html": as_page,
    "application/vc+jwt": as_jwt,
    "application/vc": as_vc,
    "application/ld+json": as_ld_json,
    "application/json": as_json,
    "image/png": as_png,
    "image/svg+xml": as_svg,
    "application/pdf": as_pdf,
}
SUFFIXES: Mapping[str, Form] = {
    "jwt": as_jwt, "json": as_vc, "png": as_png, "svg": as_svg, "pdf": as_pdf,
    "json.png": as_json_png, "json.svg": as_json_svg,
}  # fmt: skip


TOKEN_FORMS = ("application/vc+jwt", "text/plain", "application/jwt")
LIST_FORMS = (*TOKEN_FORMS, "application/vc", "application/ld+json", "application/json")


@blp.get("/credentials/<award>", scope=PUBLIC)
def credential(award: str) -> Response:
    """Answer a credential in the form that the client accepts; `Vary: Accept`."""
    award, dot, suffix = award.partition(".")
    if dot and suffix not in SUFFIXES:
        raise UnknownCredential
    view = find_view(current_services(), award, request.args.get("token"))
    if suffix:
        return answer(view, SUFFIXES[suffix], name=f"{view.certification}-{award}.{suffix}")
    return answer(view, FORMS[wanted_form()])


def wanted_form() -> str:
    """Return the form that the request accepts; raise NotAcceptable.

    Whoever takes anything gets the signed text (cert#7-6), but for programs that draw link previews: they
    send `*/*` too, and look for the tags of the page.
    """
    accepted = request.headers.get("Accept", "*/*")
    if accepted.strip() == "*/*":
        return "text/html" if PREVIEWERS.search(request.headers.get("User-Agent", "")) else "text/plain"
    kind = request.accept_mimetypes.best_match(list(FORMS))
    if kind is None:
        raise NotAcceptable(f"a credential comes as {', '.join(FORMS)}")
    return kind


def answer(view: CredentialView, form: Form, name: str | None = None) -> Response:
    """Return a form of a credential; `name` makes it a download."""
    body, kind = form(view, current_services())
    response = Response(body, content_type=kind)
    response.headers.update(SECURITY)
    response.headers["Vary"] = "Accept, Accept-Language, Cookie" if kind in SPOKEN else "Accept"
    response.headers["Cache-Control"] = "private, no-store" if view.right else "no-cache"
    if not view.right:
        response.headers["Access-Control-Allow-Origin"] = "*"
    if kind in {"image/svg+xml", "application/pdf"}:
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    if name:
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return keep_asked(response)


@blp.get("/credentials/<award>/card.png", scope=PUBLIC)
def card(award: str) -> Response:
    """Answer the picture of link previews."""
    view = find_view(current_services(), award, request.args.get("token"))
    return answer(view, lambda one, _: (card_png(one), "image/png"))


@blp.get("/credentials/<award>/badge.png", scope=PUBLIC)
def badge(award: str) -> Response:
    """Answer the badge without a credential in it, for pages."""
    view = find_view(current_services(), award, request.args.get("token"))
    return answer(view, lambda one, services: (plain_png(one, services.settings, 720), "image/png"))


@blp.get("/credentials/<award>/refresh", scope=PUBLIC)
def refresh(award: str) -> Response:
    """Answer the newest JWT of a credential that its holder displays (1EdTechCredentialRefresh)."""
    return answer(find_view(current_services(), award), as_jwt)


@blp.get("/credentials/<award>/verify", scope=PUBLIC)
def verify_page(award: str) -> Response:
    """Check the credential now, as a stranger would, and show each check."""
    services = current_services()
    view = find_view(services, award, request.args.get("token"))
    report = verify_here(services, view)
    body = render_template(
        "credentials/verify.html", view=view, report=report, at=services.now(), names=CHECKS,
        plain=[(outcome, PLAIN[name][outcome]) for name, outcome in outcomes(report)],
    )  # fmt: skip
    return answer(view, lambda *_: (body, "text/html; charset=utf-8"))


def outcomes(report: Verification) -> list[tuple[str, Outcome]]:
    """Return what people ask of a credential, each with the worst outcome of the checks that answer it."""
    found = []
    for name, checks in ASKED.items():
        seen = {one.outcome for one in report.checks if one.name in checks}
        found.append((name, next((one for one in WORST_FIRST if one in seen), WORST_FIRST[-1])))
    return found


WORST_FIRST: Final[tuple[Outcome, ...]] = ("failed", "cannot say", "ok", "not checked")
ASKED: Final = {
    "genuine": {"form", "structure", "claims", "signature", "proof"},
    "in time": {"dates"},
    "in force": {"status"},
}
PLAIN: Final[Mapping[str, Mapping[Outcome, str]]] = {
    "genuine": {
        "ok": mark("The issuer signed it, and nothing in it was changed since."),
        "failed": mark("It is not what the issuer signed."),
        "cannot say": mark("Whether the issuer signed it cannot be said now: the issuer does not answer."),
        "not checked": mark("Nobody looked whether the issuer signed it."),
    },
    "in time": {
        "ok": mark("Today lies within its period of validity."),
        "failed": mark("Today lies outside its period of validity."),
        "cannot say": mark("Its period of validity cannot be said now."),
        "not checked": mark("It says nothing of a period of validity."),
    },
    "in force": {
        "ok": mark("The issuer has neither revoked nor suspended it."),
        "failed": mark("The issuer no longer stands by it."),
        "cannot say": mark("Whether it was revoked cannot be said now: the issuer does not answer."),
        "not checked": mark("It does not say where the issuer would revoke it."),
    },
}
CHECKS = {
    "form": mark("Form"), "structure": mark("Structure"), "claims": mark("Claims"),
    "signature": mark("Signature"), "dates": mark("Dates"), "status": mark("Status list"),
    "holder": mark("Holder"), "proof": mark("Embedded proof"),
}  # fmt: skip


@blp.get("/credentials/<award>/evidence/<key>", scope=PUBLIC)
def evidence(award: str, key: str) -> Response:
    """Show one piece of evidence in words, with the holder's consent or a signed link."""
    view = find_view(current_services(), award, request.args.get("token"))
    found = next((one for one in view.evidence if one[0] == key), None)
    if found is None:
        raise UnknownCredential
    body = render_template("credentials/evidence.html", view=view, key=key, name=found[1], narrative=found[2])
    return answer(view, lambda *_: (body, "text/html; charset=utf-8"))


@blp.get("/credentials/<award>/needed", scope=PUBLIC)
def needed(award: str) -> Response:
    """Tell the holder, known by a signed link, what is met, what is missing and what comes next."""
    services = current_services()
    view = find_view(services, award, request.args.get("token"))
    if view.right != "holder":
        raise UnknownCredential
    told = explain(services.db, view.person, view.certification, None, services.now())
    body = render_template("credentials/needed.html", view=view, told=told)
    return answer(view, lambda *_: (body, "text/html; charset=utf-8"))


@blp.route("/credentials/<award>/display", methods=["GET", "POST"], scope=PUBLIC)
def display(award: str) -> Response:
    """Let the holder, known by a signed link, decide what others see."""
    services = current_services()
    token = request.args.get("token")
    view = find_view(services, award, token)
    if view.right != "holder":
        raise UnknownCredential
    if request.method == "POST":
        choice = read_choice(request.form)
        everywhere = request.form.get("all") == "yes"
        DisplayStore(services.db).choose(None if everywhere else award, view.person, choice, services.now())
        note_choice(services, view, choice, everywhere=everywhere)
        return redirect(f"/credentials/{award}/display?token={token}&saved=1", code=303)  # type: ignore[return-value]  # werkzeug's Response
    choice = DisplayStore(services.db).get(award, view.person)
    share = links_of(services.settings).make(award, "view", services.now())
    body = render_template(
        "credentials/display.html", view=view, choice=choice, linkedin=linkedin,
        saved="saved" in request.args, share=f"{view.url}?token={share}",
    )  # fmt: skip
    return answer(view, lambda *_: (body, "text/html; charset=utf-8"))


def note_choice(services: Services, view: CredentialView, choice: Display, *, everywhere: bool) -> None:
    """Keep the holder's choice in the audit: consent can be proven later, and so can its end."""
    who = Editor(
        services.db, {"kind": "holder", "id": view.person, "name": None}, services.now(), request.remote_addr
    )
    after = asdict(choice) | {"award": None if everywhere else view.id}
    who.change(lambda _: who.note("credential.display", "person", view.person, org="vendor", after=after))


def read_choice(form: Mapping[str, str]) -> Display:
    """Read a holder's choice; anything that is not plainly allowed stays hidden."""
    name = form.get("name", "hidden")
    shown = form.get("shown") == "yes"
    return Display(
        shown=shown,
        name=name if name in {"full", "initials"} else "hidden",  # type: ignore[arg-type]  # one of the three names
        evidence=shown and form.get("evidence") == "yes",
        registry=shown and form.get("registry") == "yes",
    )


def linkedin(view: CredentialView) -> dict[str, Any]:
    """Return the fields of LinkedIn's form that adds a certification to a profile."""
    fields: dict[str, Any] = {
        "startTask": "CERTIFICATION_NAME", "name": view.title, "organizationName": view.issuer,
        "issueYear": view.valid_from.year, "issueMonth": view.valid_from.month, "certUrl": view.url,
        "certId": view.id,
    }  # fmt: skip
    if view.valid_until:
        fields |= {"expirationYear": view.valid_until.year, "expirationMonth": view.valid_until.month}
    return fields


@blp.get("/achievements/<certification>/<version>", scope=PUBLIC)
def achievement(certification: str, version: str) -> Response:
    """Show what a version of a certification asks for: the id of the credential's achievement."""
    found = (
        current_services()
        .db["credentials"]
        .find_one({"org": "vendor", "certification": certification, "version": version})
    )
    if found is None:
        raise NotFound("no such achievement")
    return html(achievement_page(current_services(), found))


@blp.get("/status/<name>", scope=PUBLIC)
def status(name: str) -> Response:
    """Answer a signed status list; cached for as long as its ttl says (cert#7-3).

    It is a token, but for those who ask for JSON by one of its names and would not take text as well.
    """
    services = current_services()
    published = current_list(issuer_of(services.settings, services.db), name, services.now())
    kind = request.accept_mimetypes.best_match(LIST_FORMS) or LIST_FORMS[0]
    is_token = kind in TOKEN_FORMS
    body = published.jwt if is_token else published.vc
    response = Response(body, content_type=TOKEN_FORMS[0] if is_token else kind, headers=OPEN)
    response.headers["Cache-Control"] = f"public, max-age={int(TTL.total_seconds())}"
    response.headers["Vary"] = "Accept"
    form = "jwt" if is_token else "vc"
    response.set_etag(f"{name}-{form}-{int(published.published_at.timestamp() * 1000)}")
    response.make_conditional(request)
    return response


@blp.get("/keys/<kid>", scope=PUBLIC)
def key(kid: str) -> Response:
    """Answer one public key as a bare JWK, also when it no longer signs (cert#7-2)."""
    services = current_services()
    try:
        found = key_store(services.settings, services.db).public(kid)
    except UnknownKey as error:
        raise NotFound("no such key") from error
    return public_json(found.jwk | {"kid": issuer(services.settings).kid(kid)}, "application/jwk+json")


@blp.get("/.well-known/jwks.json", scope=PUBLIC)
def jwks() -> Response:
    """Answer the public keys of tokens as a set, each under both names that tokens may say (cert#7-2)."""
    services = current_services()
    who = issuer(services.settings)
    keys = [one for one in key_store(services.settings, services.db).all() if one.alg in ALGORITHMS["token"]]
    found = [one.jwk | {"kid": kid} for one in keys for kid in who.kids(one.kid)]
    return public_json({"keys": found}, "application/jwk-set+json")


@blp.get("/.well-known/did.json", scope=PUBLIC)
@blp.get("/did.json", scope=PUBLIC)
@blp.get("/<tenant>/did.json", scope=PUBLIC)
def did(tenant: str = "") -> Response:
    """Answer the issuer's did:web document where its name says that it lies (cert#7-2)."""
    services = current_services()
    lies_below_a_path = bool(urlsplit(services.settings.public_url).path)
    if tenant != services.settings.issuer_tenant or (request.path == "/did.json") != (
        lies_below_a_path and not tenant
    ):
        raise NotFound("no such issuer")
    keys = key_store(services.settings, services.db)
    for use in ALGORITHMS:
        keys.current(use)  # a new deployment makes its first keys, so that the document is never empty
    return public_json(did_document(issuer(services.settings), keys.all()), "application/did+json")


def public_json(value: Mapping[str, Any], kind: str) -> Response:
    """Answer a public document to everybody, cached for five minutes."""
    headers = OPEN | {"Cache-Control": "public, max-age=300"}
    return Response(json.dumps(value, ensure_ascii=False), content_type=kind, headers=headers)


def html(body: str, status: int = 200) -> Response:
    """Answer a page that everybody may see."""
    headers = SECURITY | {"Cache-Control": "public, max-age=60", "Vary": "Accept-Language, Cookie"}
    response = Response(body, status, content_type="text/html; charset=utf-8", headers=headers)
    return keep_asked(response)


@blp.app_errorhandler(MergedCredential)
def merged(error: MergedCredential) -> Response:
    """Lead from a credential to the one that it is part of since a merge, in the same form.

    302, for a split can part them again.
    """
    query = {"merged": error.award} | ({"token": error.token} if error.token else {})
    place = f"{request.path.replace(error.award, error.now)}?{urlencode(query)}"
    body = render_template("credentials/merged.html", award=error.award, now=error.now, place=place)
    headers = SECURITY | {"Location": place, "Cache-Control": "private, no-store", "Vary": "Accept"}
    return Response(body, 302, headers, content_type="text/html; charset=utf-8")


@blp.app_errorhandler(UnknownCredential)
def unknown(error: UnknownCredential) -> Response:
    """Answer 404 the same way for what is not there and for what is not shown."""
    if request.accept_mimetypes.best_match(["text/plain", "text/html"]) == "text/html":
        response = html(render_template("credentials/unknown.html"), 404)
    else:
        response = Response(f"{error}\n", 404, content_type="text/plain; charset=utf-8", headers=OPEN)
    response.headers["Vary"] = "Accept, Accept-Language, Cookie"
    response.headers["Cache-Control"] = "no-store"
    return response


@blp.get("/static/fonts/<face>.woff", scope=PUBLIC)
def font(face: str) -> Response:
    """Answer a face of the pages, cut to the letters of European scripts."""
    if face not in OURS:
        raise NotFound("no such face")
    known: Face = face
    headers = OPEN | {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(web_font(known), content_type="font/woff", headers=headers)


blp.add_app_template_test(is_id, "credential_id")
