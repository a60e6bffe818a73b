"""What is fuzzed of signing in, of directories, and of forms and SQL that people write."""

# ruff: noqa: E501 -- tables of examples

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any, Final

from scripts.fuzzing.targets import UUID, XML_WORDS, Target, json_of, seeds, suppressed

SCIM: Final = "urn:ietf:params:scim:"
SAML_WORDS: Final = (
    "<saml:Assertion ", "<saml:Issuer>", "<saml:Subject>", "<saml:NameID ", "<saml:Conditions ", "<saml:Audience>", "<ds:Signature ",
    "<ds:SignedInfo>", "<ds:Reference ", "<ds:Transform ", "<ds:Object>", ' ID="', ' URI="#', ' Recipient="', "<saml:EncryptedAssertion>",
)  # fmt: skip


def saml() -> Target:
    """Read an answer of a SAML provider: one signed afresh over what was changed, or the bytes themselves."""
    from factories_saml import PARTS, SamlProvider, encoded
    from lxml import etree

    from lrs.sign_in.saml_answers import Expected, UnfitAnswer, read

    provider = SamlProvider(elliptic=True)
    provider.request = "_r0"
    expected = Expected(
        PARTS["entity"], [provider.certificate], PARTS["audience"], PARTS["place"], provider.request
    )

    def run(data: bytes) -> None:
        given = json_of(data, dict)
        if given is None:
            read(base64.b64encode(data).decode(), expected, dt.datetime.now(dt.UTC))
            return
        signed = given.pop("signed", "assertion")
        try:
            answer = encoded(provider.response(signed, **given))
        except Exception:  # noqa: BLE001 -- ours to make
            return
        read(answer, expected, dt.datetime.now(dt.UTC))

    attributes = '<saml:Attribute Name="groups"><saml:AttributeValue>a</saml:AttributeValue></saml:Attribute>'
    given = [{}, {"signed": "both"}, {"signed": "response", "attributes": attributes}, PARTS]
    whole = etree.tostring(provider.response("both"))
    return Target(
        run, [*seeds(*given), whole], (UnfitAnswer,), is_json=True, words=SAML_WORDS, longest=50_000
    )


def metadata() -> Target:
    """Read the metadata of a SAML provider."""
    from factories_saml import SamlProvider

    from lrs.foundation.errors import InvalidField
    from lrs.sign_in.saml_metadata import about_certificate, read

    def run(data: bytes) -> None:
        for certificate in read(data).certificates:
            about_certificate(certificate)

    text = SamlProvider(elliptic=True).metadata()
    given = [text.encode(), f"<?xml version='1.0' encoding='utf-16'?>{text}".encode("utf-16")]
    words = (
        *SAML_WORDS,
        *XML_WORDS,
        "<md:KeyDescriptor ",
        "<md:SingleSignOnService ",
        "<md:IDPSSODescriptor>",
    )
    return Target(run, given, (InvalidField,), words=words)


def scim() -> Target:
    """Answer what a directory asks: method, path, query and body stand in the JSON."""
    from pydantic import ValidationError
    from scim2_models import SCIMException
    from scim2_server.handler import ScimHandler
    from scim2_server.memory import InMemoryStorage
    from scim2_server.requests import ScimRequest

    from lrs.scim import speaking
    from lrs.scim.directory import member_of

    speaks = speaking.service()
    user = {
        "schemas": [f"{SCIM}schemas:core:2.0:User"], "userName": "ana@north.example", "externalId": "e", "displayName": "Ana",
        "active": True, "emails": [{"value": "ana@north.example", "type": "work", "primary": True}],
        "name": {"givenName": "A", "familyName": "L"}, "roles": [{"value": "sales", "primary": True}],
        f"{SCIM}schemas:extension:enterprise:2.0:User": {"department": "d"},
    }  # fmt: skip

    def run(data: bytes) -> None:
        given = json_of(data, dict)
        if given is None:
            return
        storage = InMemoryStorage()
        handler = ScimHandler(speaks, storage)
        headers = {"Content-Type": "application/scim+json"}
        base = "https://lrs.example/scim/v2"
        made = handler.handle(
            ScimRequest("POST", base, "/Users", headers=headers, body=json.dumps(user).encode())
        ).body
        asked = ScimRequest(
            str(given.get("method")), base, str(given.get("path")).replace("ID", (made or {})["id"]),
            {str(name): str(value) for name, value in (given.get("query") or {}).items()}
            if isinstance(given.get("query"), dict) else {},
            {**headers, "If-Match": str(given["match"])} if "match" in given else headers,
            json.dumps(given.get("body")).encode(),
        )  # fmt: skip
        try:
            speaking.check_size(asked)
            told = handler.handle(asked)
        except (SCIMException, ValidationError) as error:
            told = speaks.error_response(error)
        json.dumps(told.body, default=str)
        for one in storage.resources:
            if one.schemas and one.schemas[0].endswith(":User"):
                member_of(one)

    patch = {
        "schemas": [f"{SCIM}api:messages:2.0:PatchOp"],
        "Operations": [
            {"op": "replace", "path": 'emails[type eq "work"].value', "value": "b@north.example"},
            {"op": "add", "value": {"displayName": "B", "active": "False"}}, {"op": "Remove", "path": "roles"},
        ],
    }  # fmt: skip
    group = {
        "schemas": [f"{SCIM}schemas:core:2.0:Group"],
        "displayName": "g",
        "members": [{"value": "ID", "display": "A"}],
    }
    given = [
        {"method": "POST", "path": "/Users", "body": user | {"userName": "bo@north.example"}},
        {"method": "PUT", "path": "/Users/ID", "body": user, "match": 'W/"1"'}, {"method": "PATCH", "path": "/Users/ID", "body": patch},
        {"method": "GET", "path": "/Users", "query": {
            "filter": 'userName sw "a" and (emails[type eq "work"] or not (active eq true)) and meta.created gt "2026-01-01T00:00:00Z"',
            "sortBy": "name.familyName", "attributes": "userName,emails", "count": "5", "startIndex": "1"}},
        {"method": "POST", "path": "/Groups", "body": group},
        {"method": "POST", "path": "/.search", "body": {
            "schemas": [f"{SCIM}api:messages:2.0:SearchRequest"], "filter": "displayName pr", "count": 3}},
        {"method": "DELETE", "path": "/Users/ID"}, {"method": "GET", "path": "/Schemas"},
    ]  # fmt: skip
    return Target(run, seeds(*given), (RecursionError,), is_json=True)


def passkeys() -> Target:
    """Verify what an authenticator answers to a registration and to a login."""
    import webauthn
    from factories_sign_in import SoftKey

    from lrs.sign_in.passkeys import BROKEN, _parsed

    key = SoftKey()
    registration = json.loads(
        webauthn.options_to_json(
            webauthn.generate_registration_options(rp_id="lrs.example", rp_name="x", user_name="u", user_id=b"u", challenge=b"c" * 32)
        )
    )  # fmt: skip
    login = json.loads(
        webauthn.options_to_json(
            webauthn.generate_authentication_options(rp_id="lrs.example", challenge=b"c" * 32)
        )
    )
    made, answered = key.made(registration), key.answered(login)
    place: dict[str, Any] = {
        "expected_challenge": b"c" * 32, "expected_rp_id": "lrs.example", "expected_origin": "http://lrs.example",
    }  # fmt: skip
    known = webauthn.verify_registration_response(credential=made, **place)

    def run(data: bytes) -> None:
        told = _parsed(data.decode("utf-8", "replace"))
        if "attestationObject" in (told.get("response") or {}):
            webauthn.verify_registration_response(credential=told, require_user_verification=True, **place)
        else:
            webauthn.verify_authentication_response(
                credential=told, credential_public_key=known.credential_public_key, credential_current_sign_count=0, **place
            )  # fmt: skip

    return Target(run, seeds(made, answered), BROKEN, is_json=True)


def sql() -> Target:
    """Check SQL of analysts; what is let through runs over empty tables, walled in as theirs is."""
    import duckdb

    from lrs.lake.analysts.checking import check
    from lrs.lake.analysts.running import CONFIG
    from statements.errors import InvalidQuery

    lake = duckdb.connect(":memory:", config=CONFIG)
    lake.execute(
        "CREATE TABLE statements (org VARCHAR, actor VARCHAR, verb VARCHAR, timestamp TIMESTAMPTZ, score DOUBLE)"
    )
    lake.execute("SET enable_external_access = false")
    lake.execute("SET lock_configuration = true")

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        check(lake, text, {"statements"})
        written = lake.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
        assert written == (1,)

    given = [
        "SELECT org, count(*) FROM statements WHERE verb = 'passed' GROUP BY ALL ORDER BY 2 DESC LIMIT 10",
        "WITH a AS (SELECT *, row_number() OVER (PARTITION BY actor ORDER BY timestamp) AS n FROM statements) SELECT * FROM a WHERE n = 1",
        "SELECT unnest(range(3)) AS x, [y FOR y IN [1, 2] IF y > 1], CASE WHEN 1 = 1 THEN 'a' ELSE NULL END",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
    ]
    words = (
        "SELECT ", " FROM ", " JOIN ", " USING SAMPLE ", " PIVOT ", "COPY ", "ATTACH ", "read_csv(", "read_text(", "glob(", "getenv(",
        "duckdb_settings()", "information_schema.tables", "pragma_", "query_table(", " AT (VERSION => ", "sniff_csv(", "$1", "VALUES ",
        " UNION ALL BY NAME ", " EXCLUDE ", " REPLACE ", " COLUMNS(", "'file.csv'", "main.", "::JSON",
    )  # fmt: skip
    return Target(run, [one.encode() for one in given], (InvalidQuery,), words=words, longest=3000)


def forms() -> Target:
    """Read a rubric, a session and the rows of roles as people write them."""
    from lrs.foundation.errors import InvalidField
    from lrs.instruction.rubrics import check_activity, outcome, read_criteria, written
    from lrs.instruction.sessions import local_text, read_session

    def run(data: bytes) -> None:
        given = json_of(data, dict)
        if given is None:
            return
        sent = {name: value for name, value in given.items() if isinstance(value, str)}
        told = {
            name: value.encode(errors="replace").decode() for name, value in sent.items()
        }  # as a form is read
        with suppressed(InvalidField):
            made = read_session(told)
            local_text(made["begins_at"], made["timezone"])
        with suppressed(InvalidField):
            check_activity("activity", told.get("activity", ""))
        criteria = read_criteria(told.get("criteria", ""))
        again = read_criteria(written(criteria))
        assert [one["levels"] for one in again] == [one["levels"] for one in criteria]
        chosen = {one["id"]: one["levels"][0]["id"] for one in criteria}
        outcome({"criteria": criteria, "pass_mark": 1}, chosen, "levels")

    session = {
        "title": "t", "begins": "2026-12-31T09:00", "ends": "2026-12-31T12:00", "timezone": "Europe/Berlin", "place": "p",
        "link": "https://x.example/", "seats": "12", "activity": f"https://x.example/{UUID}",
        "criteria": "Safety: Not seen 0, With help 1, Alone 2\nCare: No 0, Yes 1",
    }  # fmt: skip
    return Target(run, seeds(session), (InvalidField,), is_json=True)
