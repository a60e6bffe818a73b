"""All that a person holds as one signed record (Comprehensive Learner Record 2.0), for the holder alone."""

from __future__ import annotations

from collections.abc import Collection
from uuid import uuid4

from flask import Response, request

from lrs.access.guard import PUBLIC, Blueprint
from lrs.credentials.consent import Display
from lrs.credentials.embedded import embedded_document
from lrs.credentials.issuer import issuer_of
from lrs.credentials.public.pages import answer
from lrs.credentials.public.view import CredentialView, UnknownCredential, find_view, listed, view_of
from lrs.foundation.context import Services, current_services
from rules.credentials.document import whole_second
from rules.credentials.learner_record import MOST, build_record
from rules.credentials.proving.proofs import with_proof, without_claims
from rules.credentials.proving.signing import compact, encode_json
from rules.credentials.proving.status_list import build_entry

blp = Blueprint("learner-record", __name__)


@blp.get("/credentials/<award>/record.json", scope=PUBLIC)
def record_json(award: str) -> Response:
    """Answer all that the holder, known by a signed link, holds now, with an embedded proof."""
    services, view = current_services(), holders_view(award)
    document = signed_record(services, view.person)
    return answer(view, lambda *_: (document, "application/vc"), name="learner-record.json")


@blp.get("/credentials/<award>/record.jwt", scope=PUBLIC)
def record_jwt(award: str) -> Response:
    """Answer the same as compact JWS."""
    services, view = current_services(), holders_view(award)
    claims, who = record_of(services, view.person), issuer_of(services.settings, services.db)
    key = who.signer.current()
    token = compact(who.signer, key, claims, kid=who.issuer.kid(key))
    return answer(view, lambda *_: (token, "application/vc+jwt"), name="learner-record.jwt")


def holders_view(award: str) -> CredentialView:
    """Return the credential whose holder asks; raise UnknownCredential for everybody else."""
    view = find_view(current_services(), award, request.args.get("token"))
    if view.right != "holder":
        raise UnknownCredential
    return view


def signed_record(services: Services, person: str, only: Collection[str] | None = None) -> bytes:
    """Return the record of a person, or of some awards alone, with an embedded proof; as `record_of`."""
    claims, who = record_of(services, person, only), issuer_of(services.settings, services.db)
    key = who.signer.current("proof")
    document = with_proof(without_claims(claims), who.signer, key, who.issuer.method(key), services.now())
    return encode_json(document)


def record_of(services: Services, person: str, only: Collection[str] | None = None) -> dict[str, object]:
    """Return the claims of the record of a holder, of some of the awards where `only` names them.

    All records of a person share one entry of a status list, which is set when the person is erased. Raises
    UnknownCredential where nothing is in force.
    """
    who, now = issuer_of(services.settings, services.db), services.now()
    held = [
        view_of(services, record, Display(evidence=True), right="holder")
        for record in listed(services, who.store.current(person=person))
        if only is None or record.award in only
    ]
    in_force = [one for one in held if one.words.tone == "good"][-MOST:]
    if not in_force:
        raise UnknownCredential
    entry = who.store.entry_of_record(person, now)
    return build_record(
        [embedded_document(services, one) for one in in_force],
        who.issuer,
        name=uuid4().urn,
        now=whole_second(now),
        status=build_entry(f"{who.issuer.base}/status/{entry.list}", entry.index),
    )
