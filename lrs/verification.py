"""Public pages: credentials in every form, status lists, keys and the did:web document (section 7).

Nothing here needs an account. What a holder does not show answers 404, to everybody without a signed link.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.exceptions import NotAcceptable, NotFound

from lrs.achievement_page import achievement_page
from lrs.audit import Editor
from lrs.certificate_pdf import PIXELS, draw_certificate
from lrs.context import Laurel, laurel
from lrs.credential_desk import desk_of, links_of
from lrs.credential_files import baked_png, baked_svg, card_png, picture_path, plain_png
from lrs.credential_view import CredentialView, UnknownCredential, find_view, is_id
from lrs.displays import Display, DisplayStore
from lrs.fetching import Fetched, FetchRefused
from lrs.keys import did_document, issuer, key_store
from lrs.lettering import FILES, Face, web_font
from lrs.verify import Inquiry, Report, verify_credential
from rules.credential_wording import spoken_date
from rules.errors import RuleError
from rules.signing import UnknownKey
from rules.status_publishing import current_list
from rules.statuslist import TTL

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
Form = Callable[[CredentialView, Laurel], tuple[bytes | str, str]]


def as_token(view: CredentialView, _: Laurel) -> tuple[bytes | str, str]:
    """Answer the compact JWS as text."""
    return view.jwt, "text/plain; charset=utf-8"


def as_jwt(view: CredentialView, _: Laurel) -> tuple[bytes | str, str]:
    """Answer the compact JWS under its own type."""
    return view.jwt, "application/vc+jwt"


def as_page(view: CredentialView, here: Laurel) -> tuple[bytes | str, str]:
    """Answer the page for people."""
    body = render_template(
        "credentials/page.html", view=view, origin=here.settings.public_url, linkedin=linkedin
    )
    return body, "text/html; charset=utf-8"


def as_png(view: CredentialView, here: Laurel) -> tuple[bytes | str, str]:
    """Answer the baked PNG."""
    return baked_png(view, here.settings), "image/png"


def as_svg(view: CredentialView, here: Laurel) -> tuple[bytes | str, str]:
    """Answer the baked SVG."""
    return baked_svg(view, here.settings), "image/svg+xml"


def as_pdf(view: CredentialView, here: Laurel) -> tuple[bytes | str, str]:
    """Answer the printable certificate."""
    supplied = plain_png(view, here.settings, PIXELS) if picture_path(view, here.settings) else None
    return draw_certificate(view, supplied), "application/pdf"


# What a client may accept, in the order in which an undecided one is served (7-6); and by file name.
FORMS: Mapping[str, Form] = {
    "text/plain": as_token,
    "text/html": as_page,
    "application/vc+jwt": as_jwt,
    "image/png": as_png,
    "image/svg+xml": as_svg,
    "application/pdf": as_pdf,
}
SUFFIXES: Mapping[str, Form] = {"jwt": as_jwt, "png": as_png, "svg": as_svg, "pdf": as_pdf}


@blp.get("/credentials/<award>")
def credential(award: str) -> Response:
    """Answer a credential in the form that the client accepts; `Vary: Accept`."""
    award, dot, suffix = award.partition(".")
    if dot and suffix not in SUFFIXES:
        raise UnknownCredential
    view = find_view(laurel(), award, request.args.get("token"))
    if suffix:
        return answer(view, SUFFIXES[suffix], name=f"{view.certification}-{award}.{suffix}")
    return answer(view, FORMS[wanted_form()])


def wanted_form() -> str:
    """Return the form that the request accepts; raise NotAcceptable.

    Whoever takes anything gets the signed text (7-6), but for the programs that draw link previews: they send
    `*/*` too, and look for the tags of the page.
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
    body, kind = form(view, laurel())
    response = Response(body, content_type=kind)
    response.headers.update(SECURITY)
    response.headers["Vary"] = "Accept"
    response.headers["Cache-Control"] = "private, no-store" if view.right else "no-cache"
    if not view.right:
        response.headers["Access-Control-Allow-Origin"] = "*"
    if kind in {"image/svg+xml", "application/pdf"}:
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    if name:
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@blp.get("/credentials/<award>/card.png")
def card(award: str) -> Response:
    """Answer the picture of link previews."""
    view = find_view(laurel(), award, request.args.get("token"))
    return answer(view, lambda one, _: (card_png(one), "image/png"))


@blp.get("/credentials/<award>/badge.png")
def badge(award: str) -> Response:
    """Answer the badge without a credential in it, for pages."""
    view = find_view(laurel(), award, request.args.get("token"))
    return answer(view, lambda one, here: (plain_png(one, here.settings, 720), "image/png"))


@blp.get("/credentials/<award>/refresh")
def refresh(award: str) -> Response:
    """Answer the newest JWT of a credential that its holder displays (1EdTechCredentialRefresh)."""
    return answer(find_view(laurel(), award), as_jwt)


@blp.get("/credentials/<award>/verify")
def verify_page(award: str) -> Response:
    """Check the credential now, as a stranger would, and show each check."""
    here = laurel()
    view = find_view(here, award, request.args.get("token"))
    report = verify_here(here, view)
    body = render_template("credentials/verify.html", view=view, report=report, at=here.now(), names=CHECKS)
    return answer(view, lambda *_: (body, "text/html; charset=utf-8"))


CHECKS = {
    "form": "Form", "structure": "Structure", "claims": "Claims", "signature": "Signature", "dates": "Dates",
    "status": "Status list", "holder": "Holder",
}  # fmt: skip


def verify_here(here: Laurel, view: CredentialView) -> Report:
    """Verify a credential of ours from what we publish, without a round trip to ourselves."""
    who = issuer(here.settings)
    desk = desk_of(here.settings, here.db)

    def get(url: str, _: str) -> Fetched:
        if url.startswith(f"{who.base}/status/"):
            name = url.removeprefix(f"{who.base}/status/")
            return Fetched(url, "application/vc+jwt", current_list(desk, name, here.now()).jwt.encode())
        if url.endswith("/did.json"):
            body = json.dumps(did_document(who, key_store(here.settings, here.db).all()))
            return Fetched(url, "application/did+json", body.encode())
        if url.startswith(f"{who.base}/keys/"):
            jwk = key_store(here.settings, here.db).public(url.rpartition("/")[2]).jwk
            return Fetched(url, "application/jwk+json", json.dumps(jwk).encode())
        raise FetchRefused(url, "not published here")

    def get_or_refuse(url: str, accept: str) -> Fetched:
        try:
            return get(url, accept)
        except RuleError as error:
            raise FetchRefused(url, "not published here") from error

    return verify_credential(view.jwt.encode(), Inquiry(get_or_refuse, here.now()))


@blp.get("/credentials/<award>/evidence/<key>")
def evidence(award: str, key: str) -> Response:
    """Show one piece of evidence in words, with the holder's consent or a signed link."""
    view = find_view(laurel(), award, request.args.get("token"))
    found = next((one for one in view.evidence if one[0] == key), None)
    if found is None:
        raise UnknownCredential
    body = render_template("credentials/evidence.html", view=view, key=key, name=found[1], narrative=found[2])
    return answer(view, lambda *_: (body, "text/html; charset=utf-8"))


@blp.route("/credentials/<award>/display", methods=["GET", "POST"])
def display(award: str) -> Response:
    """Let the holder, known by a signed link, decide what others see."""
    here = laurel()
    token = request.args.get("token")
    view = find_view(here, award, token)
    if view.right != "holder":
        raise UnknownCredential
    if request.method == "POST":
        choice = read_choice(request.form)
        everywhere = request.form.get("all") == "yes"
        DisplayStore(here.db).choose(None if everywhere else award, view.person, choice, here.now())
        note_choice(here, view, choice, everywhere=everywhere)
        return redirect(f"/credentials/{award}/display?token={token}&saved=1", code=303)  # type: ignore[return-value]  # werkzeug's Response
    choice = DisplayStore(here.db).get(award, view.person)
    share = links_of(here.settings).make(award, "view", here.now())
    body = render_template(
        "credentials/display.html", view=view, choice=choice, linkedin=linkedin,
        saved="saved" in request.args, share=f"{view.url}?token={share}",
    )  # fmt: skip
    return answer(view, lambda *_: (body, "text/html; charset=utf-8"))


def note_choice(here: Laurel, view: CredentialView, choice: Display, *, everywhere: bool) -> None:
    """Keep the holder's choice in the audit: consent can be proven later, and so can its end."""
    who = Editor(
        here.db, {"kind": "holder", "id": view.person, "name": None}, here.now(), request.remote_addr
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


@blp.get("/achievements/<certification>/<version>")
def achievement(certification: str, version: str) -> Response:
    """Show what a version of a certification asks for: the id of the credential's achievement."""
    found = (
        laurel()
        .db["credentials"]
        .find_one({"org": "vendor", "certification": certification, "version": version})
    )
    if found is None:
        raise NotFound("no such achievement")
    return html(achievement_page(laurel(), found))


@blp.get("/status/<name>")
def status(name: str) -> Response:
    """Answer a signed status list; cached for as long as its ttl says (7-3)."""
    here = laurel()
    published = current_list(desk_of(here.settings, here.db), name, here.now())
    response = Response(published.jwt, content_type="application/vc+jwt", headers=OPEN)
    response.headers["Cache-Control"] = f"public, max-age={int(TTL.total_seconds())}"
    response.set_etag(f"{name}-{int(published.published_at.timestamp() * 1000)}")
    response.make_conditional(request)
    return response


@blp.get("/keys/<kid>")
def key(kid: str) -> Response:
    """Answer one public key as a bare JWK, also when it no longer signs (7-2)."""
    here = laurel()
    try:
        found = key_store(here.settings, here.db).public(kid)
    except UnknownKey as error:
        raise NotFound("no such key") from error
    return public_json(found.jwk | {"kid": issuer(here.settings).kid(kid)}, "application/jwk+json")


@blp.get("/.well-known/jwks.json")
def jwks() -> Response:
    """Answer all public keys as a JWK set."""
    here = laurel()
    keys = key_store(here.settings, here.db).all()
    return public_json({"keys": [one.jwk | {"kid": one.kid} for one in keys]}, "application/jwk-set+json")


@blp.get("/.well-known/did.json")
@blp.get("/did.json")
@blp.get("/<tenant>/did.json")
def did(tenant: str = "") -> Response:
    """Answer the issuer's did:web document where its name says that it lies (7-2)."""
    here = laurel()
    lies_below_a_path = bool(urlsplit(here.settings.public_url).path)
    if tenant != here.settings.issuer_tenant or (request.path == "/did.json") != (
        lies_below_a_path and not tenant
    ):
        raise NotFound("no such issuer")
    keys = key_store(here.settings, here.db)
    keys.current()  # a new deployment makes its first key, so that the document is never empty
    return public_json(did_document(issuer(here.settings), keys.all()), "application/did+json")


def public_json(value: Mapping[str, Any], kind: str) -> Response:
    """Answer a public document to everybody, cached for five minutes."""
    headers = OPEN | {"Cache-Control": "public, max-age=300"}
    return Response(json.dumps(value, ensure_ascii=False), content_type=kind, headers=headers)


def html(body: str, status: int = 200) -> Response:
    """Answer a page that everybody may see."""
    headers = SECURITY | {"Cache-Control": "public, max-age=60"}
    return Response(body, status, content_type="text/html; charset=utf-8", headers=headers)


@blp.app_errorhandler(UnknownCredential)
def unknown(error: UnknownCredential) -> Response:
    """Answer 404 the same way for what is not there and for what is not shown."""
    if request.accept_mimetypes.best_match(["text/plain", "text/html"]) == "text/html":
        response = html(render_template("credentials/unknown.html"), 404)
    else:
        response = Response(f"{error}\n", 404, content_type="text/plain; charset=utf-8", headers=OPEN)
    response.headers["Vary"] = "Accept"
    response.headers["Cache-Control"] = "no-store"
    return response


@blp.get("/static/fonts/<face>.woff")
def font(face: str) -> Response:
    """Answer a face of the pages, cut to the letters of European scripts."""
    if face not in FILES:
        raise NotFound("no such face")
    known: Face = face
    headers = OPEN | {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(web_font(known), content_type="font/woff", headers=headers)


blp.add_app_template_filter(spoken_date, "spoken_date")
blp.add_app_template_test(is_id, "credential_id")
