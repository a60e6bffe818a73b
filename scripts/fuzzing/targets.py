"""What is fuzzed: readers of what strangers bring, with good examples and the errors that they may raise."""

# ruff: noqa: E501, ISC004 -- tables of examples

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from places import DEMO_RULES

LIST: Final = "https://lrs.example/status/1"
NOW: Final = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
UUID: Final = "52bb3b4c-8d2b-4d5e-9f0a-2f6d1c8a7b11"
STATEMENT: Final[dict[str, Any]] = {
    "id": UUID, "timestamp": "2026-01-31T10:00:00.123456Z", "version": "1.0.0",
    "actor": {"objectType": "Group", "name": "g", "member": [{"mbox": "mailto:a@b.example"}],
              "account": {"homePage": "http://h.example", "name": "n"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/answered", "display": {"en-US": "answered"}},
    "object": {"objectType": "Activity", "id": "http://x.example/a", "definition": {
        "name": {"de": "x"}, "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
        "interactionType": "choice", "correctResponsesPattern": ["a[,]b"],
        "choices": [{"id": "a", "description": {"en": "A"}}], "extensions": {"http://x.example/e": {"k": [1, 2.5]}}}},
    "result": {"score": {"scaled": 0.9, "raw": 9, "min": 0, "max": 10}, "success": True, "completion": True,
               "response": "a", "duration": "PT1H2M3.45S", "extensions": {"http://x.example/r": 1}},
    "context": {"registration": UUID, "platform": "p", "language": "en", "revision": "1",
                "instructor": {"mbox_sha1sum": "a" * 40}, "team": {"objectType": "Group", "mbox": "mailto:t@b.example"},
                "statement": {"objectType": "StatementRef", "id": UUID},
                "contextActivities": {"parent": [{"id": "http://x.example/p"}], "category": {"id": "http://x.example/c"}},
                "contextAgents": [{"objectType": "contextAgent", "agent": {"openid": "http://o.example"}}]},
    "authority": {"mbox": "mailto:lms@x.example"},
    "attachments": [{"usageType": "http://x.example/u", "display": {"en": "f"}, "contentType": "text/plain",
                     "length": 3, "sha2": "a" * 64, "fileUrl": "http://x.example/f"}],
}  # fmt: skip
QUESTIONS: Final[Sequence[Any]] = (
    {"filter": {"all": [{"field": "verb", "eq": "http://x.example/v"}, {"not": {"field": "score.scaled", "gte": 0.5}}]},
     "group": ["verb", {"bucket": "day", "field": "timestamp", "timezone": "Europe/Berlin"}],
     "measures": {"n": {"count": True}, "p": {"percentile": "score.raw", "p": 0.9}, "d": {"distinct": "actor"}},
     "compare": "previous_period", "sort": "-n", "limit": 10},
    {"filter": {"any": [{"field": "timestamp", "last": "3 days"}, {"field": "id", "in": [UUID]},
                        {"field": "result.extensions", "key": "http://x.example/e", "eq": 1}]},
     "select": ["id", "timestamp", {"field": "result.extensions", "key": "http://x.example/e"}], "sort": "-timestamp"},
)  # fmt: skip
PARAMETERS: Final[dict[str, list[str]]] = {
    "agent": ['{"mbox":"mailto:a@b.example"}'], "verb": ["http://x.example/v"], "activity": ["http://x.example/a"],
    "registration": [UUID], "since": ["2026-01-01T00:00:00Z"], "until": ["2026-12-31T23:59:59.999999Z"], "limit": ["10"],
    "format": ["exact"], "ascending": ["true"], "related_activities": ["true"], "attachments": ["false"],
}  # fmt: skip
CMI12: Final[dict[str, Any]] = {
    "core": {"lesson_status": "passed", "lesson_location": "p1", "exit": "suspend", "session_time": "0001:02:03.45",
             "score": {"raw": "80", "min": "0", "max": "100"}, "student_id": "s"},
    "suspend_data": "x", "objectives": {"0": {"id": "o", "score": {"raw": "1"}, "status": "passed"}},
    "interactions": {"0": {"id": "i", "type": "choice", "time": "10:00:00", "student_response": "a", "weighting": "1",
                           "result": "correct", "latency": "00:00:01", "correct_responses": {"0": {"pattern": "a"}},
                           "objectives": {"0": {"id": "o"}}}},
}  # fmt: skip
CMI2004: Final[dict[str, Any]] = {
    "completion_status": "completed", "success_status": "passed", "progress_measure": "0.5", "exit": "suspend",
    "location": "p1", "score": {"scaled": "0.8", "raw": "80", "min": "0", "max": "100"}, "session_time": "PT1H2M3S",
    "suspend_data": "x", "objectives": {"0": {"id": "o", "score": {"scaled": "1"}, "success_status": "passed"}},
    "interactions": {"0": {"id": "i", "type": "matching", "timestamp": "2026-06-01T12:00:00", "weighting": "1",
                           "learner_response": "a[.]b[,]c[.]d", "result": "0.5", "latency": "PT1S",
                           "correct_responses": {"0": {"pattern": "a[.]b"}}, "description": "d"}},
}  # fmt: skip
ROSTERS: Final = (
    "email,name,role,from,until,primary\nana@x.example,Ana,sales,2026-01-01,2026-12-31,yes\nbo@x.example,Bo,,,,no\n",
    'ifi,name\n"mbox::mailto:a@b.example","A ""b"" c"\naccount::http://h.example::n,x\n',
)
MULTIPART: Final = (
    b'b\n--b\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n--b\r\nContent-Type: text/plain\r\n'
    b"Content-Transfer-Encoding: binary\r\nX-Experience-API-Hash: aa\r\n\r\nabc\r\n--b--\r\n",
    b"x y\npreamble\r\n--x y \t\r\n\r\n\r\n--x y\r\nA: 1\r\n 2\r\n\r\n\r\n--x y--",
)
XML_WORDS: Final = (
    "<organizations>", "<item ", "<resource ", "</item>", ' identifier="', ' href="', ' xml:base="', ' default="', "<![CDATA[", "]]>",
    "<!DOCTYPE x>", "<!ENTITY a 'b'>", "&#0;", "&amp;", "<?xml version='1.0' encoding='utf-16'?>", "<imsss:sequencing>",
    "<imsss:objective ", "<imsss:minNormalizedMeasure>", "<adlcp:masteryscore>", "<imsss:rollupRule ", "<au ", "<block ", "<url>",
    "<objective ", ' moveOn="', ' masteryScore="', ' launchMethod="', "<launch ", "<activity ", ' xmlns="', "<langstring ", "../",
)  # fmt: skip
SEQUENCING: Final = """<imsss:sequencing><imsss:controlMode choice="true" flow="true"/>
<imsss:sequencingRules><imsss:preConditionRule><imsss:ruleConditions conditionCombination="any">
<imsss:ruleCondition condition="satisfied" operator="not" measureThreshold="0.5"/></imsss:ruleConditions>
<imsss:ruleAction action="skip"/></imsss:preConditionRule></imsss:sequencingRules>
<imsss:limitConditions attemptLimit="3"/><imsss:rollupRules><imsss:rollupRule childActivitySet="all">
<imsss:rollupConditions><imsss:rollupCondition condition="attempted"/></imsss:rollupConditions>
<imsss:rollupAction action="completed"/></imsss:rollupRule></imsss:rollupRules>
<imsss:objectives><imsss:primaryObjective objectiveID="p" satisfiedByMeasure="true">
<imsss:minNormalizedMeasure>0.8</imsss:minNormalizedMeasure>
<imsss:mapInfo targetObjectiveID="g" readSatisfiedStatus="true"/></imsss:primaryObjective></imsss:objectives>
<imsss:randomizationControls selectCount="1" selectionTiming="once"/></imsss:sequencing>"""


@dataclass(frozen=True)
class Target:
    """One reader: called with bytes, it returns or raises one of `refusals`."""

    run: Callable[[bytes], Any]
    seeds: Sequence[bytes]
    refusals: tuple[type[Exception], ...] = ()
    is_json: bool = False
    words: Sequence[str] = field(default_factory=tuple)
    longest: int = 20_000


def seeds(*values: Any) -> list[bytes]:
    """Return JSON texts."""
    return [json.dumps(value).encode() for value in values]


def json_of(data: bytes, kind: type) -> Any:
    """Return the JSON of a text where it is of a kind, else None: only what the reader would be given counts."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, kind) else None


# xAPI


def statements() -> Target:
    """Parse a body, then repair, check and prepare each statement of it."""
    from statements.errors import StatementError
    from statements.ingest import Writer
    from statements.intake.examine import fault_of
    from statements.intake.prepare import Setting, prepare
    from statements.intake.repair import repaired
    from statements.intake.strict import check_recommendations
    from statements.parsing.parse import parse_statements

    writer = Writer("key", "lms", "vendor", {"mbox": "mailto:lms@x.example"})
    settings = {version: Setting.of("vendor", writer, version, None) for version in ("1.0.3", "2.0.0")}

    def run(body: bytes) -> None:
        for parsed in parse_statements(body, 4 << 20):
            for version, setting in settings.items():
                right = repaired(parsed, version)
                if fault_of(right, {}, version, "$") is None:
                    with suppressed(StatementError):
                        check_recommendations([right.value])
                    prepare(right, setting, 1_780_000_000_000_000)

    sub = {key: STATEMENT[key] for key in ("actor", "verb", "object", "result")}
    inner = {key: value for key, value in STATEMENT.items() if key != "attachments"}
    given = [
        inner, [inner, inner], STATEMENT, inner | {"object": {"objectType": "SubStatement"} | sub},
        inner | {"object": {"objectType": "StatementRef", "id": UUID},
                 "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}},
        inner | {"object": {"objectType": "Agent", "mbox": "mailto:x@y.example"}},
    ]  # fmt: skip
    return Target(run, seeds(*given), (StatementError,), is_json=True)


def signatures() -> Target:
    """Check a signature whose header, payload and certificate are taken from JSON."""
    from conformance_support import KEY, SIGNATURE, certificate
    from jwt.algorithms import RSAAlgorithm

    from statements.errors import StatementError
    from statements.intake.attachments import Part
    from statements.intake.signatures import check_signatures
    from statements.parsing.parse import parse_statements

    signer = RSAAlgorithm(RSAAlgorithm.SHA256)
    bare = {key: STATEMENT[key] for key in ("id", "actor", "verb", "object")}
    good = {
        "header": {"alg": "RS256", "x5c": [certificate(KEY)]},
        "payload": bare,
        "statement": bare,
        "tail": "",
    }

    def run(data: bytes) -> None:
        given = json_of(data, dict)
        if given is None or not isinstance(given.get("statement"), dict):
            return
        parts = (json.dumps(given.get(name)).encode() for name in ("header", "payload"))
        signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        signature = base64.urlsafe_b64encode(signer.sign(signed, KEY)).rstrip(b"=")
        token = signed + b"." + signature + str(given.get("tail")).encode(errors="replace")
        sha2 = hashlib.sha256(token).hexdigest()
        entry = {"usageType": SIGNATURE, "display": {"en": "s"}, "contentType": "application/octet-stream",
                 "length": len(token), "sha2": sha2}  # fmt: skip
        body = json.dumps({**given["statement"], "attachments": [entry]}).encode()
        batch = parse_statements(body, 4 << 20)
        if isinstance(batch[0].value.get("object"), dict):
            check_signatures(batch, {sha2: Part(sha2, "application/octet-stream", token)}, "1.0.3", ["$"])

    return Target(run, seeds(good), (StatementError,), is_json=True)


def multipart() -> Target:
    """Take a multipart body apart; the first line is its boundary."""
    from lrs.xapi.errors import InvalidRequest
    from lrs.xapi.requests.multipart import boundary_of, split_parts

    def run(data: bytes) -> None:
        named, _, body = data.partition(b"\n")
        boundary = boundary_of(f"multipart/mixed; boundary={named.decode('latin-1')}")
        split_parts(body, boundary)

    return Target(
        run, MULTIPART, (InvalidRequest,), words=("\r\n--b\r\n", "\r\n--b--\r\n", "\r\n\r\n", "\r\n ", "--b")
    )


def packed() -> Target:
    """Unpack a body: the first byte says by what."""
    import gzip
    import zlib

    from lrs.xapi.errors import XapiError
    from lrs.xapi.requests.incoming import unpacked

    def run(data: bytes) -> None:
        encoding = "gzip" if data[:1] == b"g" else "deflate"
        rest = data[1:]
        pieces = (rest[at : at + 1000] for at in range(0, len(rest), 1000))
        made = sum(len(piece) for piece in unpacked(pieces, encoding, 4 << 20))
        assert made <= 4 << 20, "the bound did not hold"

    text = b'{"a": [1, 2, 3]}' * 200
    given = [
        b"g" + gzip.compress(text),
        b"d" + zlib.compress(text),
        b"d" + zlib.compress(text)[2:-4],
        b"g" + gzip.compress(b"a") * 3,
    ]
    return Target(run, given, (XapiError,))


def parameters() -> Target:
    """Read the parameters of GET statements and of documents, and what MongoDB is asked by them."""
    from statements.errors import StatementError
    from statements.query.parameters import StatementQuery
    from statements.storage.documents import Key

    def run(data: bytes) -> None:
        given = json_of(data, dict)
        if given is None:
            return
        asked = {
            name: [one.encode(errors="replace").decode() for one in values if isinstance(one, str)]
            for name, values in given.items()
            if isinstance(values, list)
        }
        for version in ("1.0.3", "2.0.0"):
            for kind in ("state", "agent_profile", "activity_profile"):
                with suppressed(StatementError):
                    Key.parse(kind, asked, version).digest("vendor")  # type: ignore[arg-type]  # one of the kinds
            with suppressed(StatementError):
                StatementQuery.parse(asked, version).filter("vendor")  # type: ignore[arg-type]  # a version

    documents = {
        "activityId": ["http://x.example/a"],
        "agent": PARAMETERS["agent"],
        "stateId": ["s"],
        "registration": [UUID],
    }
    return Target(run, seeds(PARAMETERS, {"statementId": [UUID]}, documents), is_json=True)


def alternate() -> Target:
    """Turn a request in the alternate syntax into the one it means: query, then the form."""
    from lrs.foundation.errors import AccessError
    from lrs.xapi.errors import XapiError
    from lrs.xapi.requests.alternate_requests import is_alternate, rewrite

    def run(data: bytes) -> None:
        query, _, body = data.partition(b"\n")
        environ = {"REQUEST_METHOD": "POST", "QUERY_STRING": query.decode("latin-1"), "PATH_INFO": "/xapi/statements",
                   "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(body)),
                   "wsgi.input": io.BytesIO(body)}  # fmt: skip
        if is_alternate(environ):
            rewrite(environ, 1 << 20)

    given = [b"method=PUT\nstatementId=" + UUID.encode() + b"&content=%7B%7D&Authorization=Basic%20YTpi&X-Experience-API-Version=1.0.3",
             b"method=GET\nagent=%7B%22mbox%22%3A%22mailto%3Aa%40b.example%22%7D&limit=1"]  # fmt: skip
    return Target(
        run,
        given,
        (XapiError, AccessError),
        words=("method=", "&content=", "&Content-Type=", "%00", "%ff", "&"),
    )


def streams() -> Target:
    """Read files of statements that others exported: JSON of any length, CSV."""
    from lrs.exchange.arriving.envelopes import unwrapped
    from lrs.exchange.arriving.import_csv import _check_header, _rows, _statement
    from lrs.exchange.json_stream import JsonStream
    from statements.errors import StatementError

    def run(data: bytes) -> None:
        import csv

        unwrapped(data)
        with suppressed(StatementError):
            stream = JsonStream(io.BytesIO(data))
            if stream.peek() == "{":
                for _ in stream.members():
                    stream.value()
            else:
                for _ in stream.elements():
                    pass
        with suppressed(StatementError):
            rows = _rows(csv.reader(io.StringIO(data.decode(errors="replace"), newline="")))
            header = next(rows, [])
            _check_header(header)
            for cells in rows:
                _statement(header, cells)

    bare = {key: STATEMENT[key] for key in ("id", "actor", "verb", "object")}
    csv_text = b"id,timestamp,actor,verb,object.id,success,score.scaled\n,2026-01-01T00:00:00Z,mbox::mailto:a@b.example,http://v.example,http://o.example,true,0.5\n"
    return Target(run, [*seeds([bare, bare], {"statement": bare}), csv_text])


def questions() -> Target:
    """Read analysts' questions, and what MongoDB is asked by them."""
    from statements.errors import StatementError
    from statements.query.analyst_query import AnalystQuery
    from statements.query.grouping import group_stages
    from statements.query.mongo_filter import render
    from statements.query.predicate import All

    def run(data: bytes) -> None:
        asked = json_of(data, object)
        query = AnalystQuery.parse(asked, now=NOW, people=lambda *_: All(()))
        render(query.where)
        if query.is_grouped:
            group_stages(query, NOW)

    return Target(run, seeds(*QUESTIONS), (StatementError,), is_json=True)


# people and rules


def rosters() -> Target:
    """Read rosters."""
    from lrs.foundation.errors import AccessError
    from lrs.people.roster import RosterResult, read_roster

    def run(data: bytes) -> None:
        list(read_roster(data.decode(errors="replace"), RosterResult(dry_run=True)))

    words = (
        "email",
        "ifi",
        "name",
        "role",
        "from",
        "until",
        "primary",
        "\n",
        '"',
        ",",
        "2026-02-29",
        "account::",
        "yes",
    )
    return Target(run, [text.encode() for text in ROSTERS], (AccessError,), words=words)


def rule_files() -> Target:
    """Load and check rule files, and run the tests inside those that are right."""
    from rules.checking.check import check
    from rules.checking.load import load

    def run(data: bytes) -> None:
        check([load(data, "fuzz.yaml")], None)

    given = [path.read_bytes() for path in sorted(Path(DEMO_RULES).glob("*.yaml"))]
    words = ("award:", "when:", "all:", "any:", "done:", "score:", "at_least:", "&a ", "*a", "!!python/object:", "? ", "|\n", ">-\n",
             "<<: *a", "- ", "{", "}", "validity:", "12 months", "%YAML 1.1", "---", "...", "\t", "0x10", "1_000", ".inf", "~")  # fmt: skip
    return Target(run, given, words=words, longest=8_000)


def cron() -> Target:
    """Read crontab lines, and find when they are due next."""
    from lrs.analysis.questions.saved import next_run

    from lrs.foundation.errors import AccessError

    def run(data: bytes) -> None:
        next_run(data.decode(errors="replace"), NOW)

    words = ("*/", "0-7", "mon-fri", "L", "1st mon", "last", "jan", " ", ",", "-")
    return Target(
        run,
        [b"0 6 * * 1", b"*/5 0-23/2 1,15 1-12 0-7", b"0 0 29 2 mon-fri"],
        (AccessError,),
        words=words,
        longest=200,
    )


# content


def manifests() -> Target:
    """Read a package from its files in memory."""
    from factories_packages import cmi5_au, cmi5_structure, scorm_files, scorm_manifest, tincan_document

    from lrs.content.packages.files import FileTable
    from lrs.content.packages.findings import Findings, PackageRefused
    from lrs.content.packages.read import Wish, read_files

    def run(data: bytes) -> None:
        files = json_of(data, dict)
        if files:
            table = {
                name: text.encode(errors="replace") for name, text in files.items() if isinstance(text, str)
            }
            if table:  # as an archive has at least one
                read_files(FileTable(table), Wish(activity="http://x.example/a", title="t"), Findings())

    h5p = {"title": "t", "language": "en", "mainLibrary": "H5P.X", "embedTypes": ["div"], "license": "U",
           "preloadedDependencies": [{"machineName": "H5P.X", "majorVersion": 1, "minorVersion": 2}]}  # fmt: skip
    block = (
        '<block id="https://example.org/b"><title><langstring lang="en">B</langstring></title><description><langstring lang="en">B</langstring></description>'
        + cmi5_au(2)
        + "</block>"
    )
    packages = [
        scorm_files(),
        scorm_files(scorm_manifest(version="2004 4th Edition", extra=SEQUENCING)),
        {
            "cmi5.xml": cmi5_structure(cmi5_au(1, moveOn="Passed", masteryScore="0.5") + block),
            "index.html": b"x",
        },
        {"tincan.xml": tincan_document(), "index.html": b"x"},
        {
            "h5p.json": json.dumps(h5p).encode(),
            "content/content.json": b"{}",
            "H5P.X-1.2/library.json": b"{}",
        },
        {"index.html": b"<title>x</title>", "story.html": b"x"},
    ]
    given = seeds(*({name: text.decode() for name, text in files.items()} for files in packages))
    return Target(run, given, (PackageRefused,), is_json=True, words=XML_WORDS)


def archives() -> Target:
    """Read an uploaded file: a zip, or a cmi5.xml alone, and every file in it."""
    from factories_packages import cmi5_structure, scorm_files, tincan_document, zipped

    from lrs.content.packages.archive import DamagedFile
    from lrs.content.packages.findings import PackageRefused
    from lrs.content.packages.read import Wish, read_package

    def run(data: bytes) -> None:
        opened = read_package(io.BytesIO(data), Wish())
        if opened.archive is not None:
            for path in opened.archive.paths:
                for _ in opened.archive.blocks(path):
                    pass

    given = [
        zipped(scorm_files()),
        zipped({"tincan.xml": tincan_document(), "index.html": b"x", "a/b.html": b"x"}),
        cmi5_structure(),
    ]
    words = (
        "PK\x03\x04",
        "PK\x01\x02",
        "PK\x05\x06",
        "PK\x06\x06",
        "../",
        "/etc/passwd",
        "imsmanifest.xml",
        "\\",
    )
    return Target(run, given, (PackageRefused, DamagedFile), words=words)


def commits() -> Target:
    """Read a commit of SCORM content, and what it means for an attempt, in both editions."""
    from lrs.content.attempts.receiving import Rules, Sco, UnknownRun, open_run, receive
    from lrs.content.player.commits import BadCommit, merged, read_commit, read_sequencing

    before = {
        edition: open_run(Sco(cmi=cmi), 1, NOW).sco for edition, cmi in (("1.2", CMI12), ("2004", CMI2004))
    }

    def run(data: bytes) -> None:
        with suppressed(BadCommit):
            read_sequencing(data)
        sent = read_commit(data)
        for edition, sco in before.items():
            receive(sco, sent.commit, Rules(edition), NOW)  # type: ignore[arg-type]  # an edition
            merged(sco.cmi, sent.commit.cmi)

    frame = {"part": "i1", "run": 1, "sequence": 3, "end": "terminate",
             "claim": {"completion": "completed", "success": "passed", "scaled": 0.5}}  # fmt: skip
    given = seeds(frame | {"cmi": CMI12}, frame | {"cmi": CMI2004}, frame | {"change": CMI2004, "base": 1},
                  {"run": 1, "state": "{}", "claim": None})  # fmt: skip
    return Target(run, given, (BadCommit, UnknownRun), is_json=True)


def lti() -> Target:
    """Read an LTI message whose claims are the JSON, signed as by a platform that is known."""
    import jwt
    from factories_lti import AGS, CLAIM, CLIENT, DL, ROLE, make_key
    from jwt.algorithms import RSAAlgorithm

    from lrs.content.lti.logins import LaunchRefused
    from lrs.content.lti.messages import begin, read_message
    from lrs.content.lti.platforms import Platform

    url, key = "https://lms.example", make_key()
    public = {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": "k", "alg": "RS256", "use": "sig"}
    platform = Platform(
        url, CLIENT, f"{url}/auth", f"{url}/token", f"{url}/keys", "LMS", id="p", deployments={"1": "vendor"}
    )

    class Keys:
        def get(self, *_: Any, **__: Any) -> Any:
            return {"keys": [public]}

    body = {
        "iss": url, "aud": [CLIENT, "other"], "azp": CLIENT, "sub": "u-17", "iat": 1_700_000_000, "exp": 4_000_000_000, "nonce": "n",
        "name": "Ana", "locale": "en", f"{CLAIM}message_type": "LtiResourceLinkRequest", f"{CLAIM}version": "1.3.0",
        f"{CLAIM}deployment_id": "1", f"{CLAIM}roles": [f"{ROLE}Learner"], f"{CLAIM}resource_link": {"id": "link-1"},
        f"{CLAIM}target_link_uri": "http://lrs.example/lti/launch", f"{CLAIM}custom": {"item": "x"},
        f"{CLAIM}launch_presentation": {"return_url": "https://lms.example/back", "locale": "de"},
        f"{AGS}claim/endpoint": {"scope": [f"{AGS}scope/score"], "lineitem": f"{url}/items/1"},
    }  # fmt: skip
    choosing = body | {f"{CLAIM}message_type": "LtiDeepLinkingRequest", f"{DL}deep_linking_settings": {
        "deep_link_return_url": f"{url}/back", "accept_types": ["ltiResourceLink"], "accept_presentation_document_targets": ["iframe"]}}  # fmt: skip

    def run(data: bytes) -> None:
        claims = json_of(data, dict)
        if claims is None:
            fields = {"id_token": data.decode(errors="replace"), "state": "s"}
        else:
            text = json.dumps(claims).encode()
            token = jwt.api_jws.encode(text, key, algorithm="RS256", headers={"kid": "k"})
            fields = {"id_token": token, "state": "s"}
            login = {name: value for name, value in claims.items() if isinstance(value, str)}
            with suppressed(LaunchRefused):
                begin(
                    platform,
                    login | {"login_hint": "h", "target_link_uri": "x"},
                    "https://lrs.example/lti/launch",
                )
        read_message(platform, fields, lambda _: True, Keys())  # type: ignore[arg-type]  # of the keys it needs one thing

    return Target(run, seeds(body, choosing), (LaunchRefused,), is_json=True)


# credentials


@cache
def _web() -> Callable[[bytes], Callable[[str, str], Any]]:
    """Return how an issuer answers whose documents are in memory."""
    from factories_credentials import EC_KEY, EC_SIGNER, ED_KEY, ISSUER
    from factories_credentials import NOW as AT

    from lrs.credentials.keys import PublicKey, did_document
    from lrs.foundation.fetching import Fetched, FetchRefused
    from rules.credentials.proving.signing import compact, public_jwk
    from rules.credentials.proving.status_list import build_list, empty

    keys = [
        PublicKey("k3", "EdDSA", public_jwk(ED_KEY), AT, None),
        PublicKey("k2", "ES256", public_jwk(EC_KEY), AT, None),
    ]
    files = {
        "https://lrs.example/.well-known/did.json": json.dumps(did_document(ISSUER, keys)),
        LIST: compact(EC_SIGNER, "k2", build_list(LIST, ISSUER.did, empty(), AT), kid=ISSUER.kid("k2")),
    }

    def web(data: bytes) -> Callable[[str, str], Any]:
        def get(url: str, _: str) -> Any:
            if url in files:
                return Fetched(url, "", files[url].encode())
            if url.startswith("https://badges.example/"):
                return Fetched(url, "", data)  # an issuer of Open Badges 2.0 serves whatever is tried
            raise FetchRefused(url, "not there")

        return get

    return web


def _claims() -> dict[str, Any]:
    """Return the claims of a good credential."""
    from factories_credentials import credential_of, make_period

    made: dict[str, Any] = json.loads(json.dumps(credential_of(make_period()), default=str))
    return made


def tokens() -> Target:
    """Verify credentials as tokens: header and claims are the JSON, signed as the issuer would."""
    from factories_credentials import EC_KEY, ISSUER, make_period
    from factories_credentials import NOW as AT

    from lrs.credentials.verifying.copy import verify_credential
    from lrs.credentials.verifying.verify import Inquiry
    from rules.credentials.document import build_credential
    from rules.credentials.proving.signing import b64, sign_with
    from rules.credentials.proving.status_list import build_entry

    def run(data: bytes) -> None:
        given = json_of(data, dict)
        if given is None or {"header", "claims"} - given.keys():
            verify_credential(data, Inquiry(_web()(data), AT), email="ana@example.com")
            return
        signed = ".".join(b64(json.dumps(given[name]).encode()) for name in ("header", "claims"))
        token = f"{signed}.{b64(sign_with(EC_KEY, signed.encode()))}"
        verify_credential(token.encode(), Inquiry(_web()(data), AT), email="ana@example.com")

    period = make_period()
    built = build_credential(
        period, ISSUER, valid_from=period.valid_from.replace(microsecond=0), status=build_entry(LIST, 7),
        subject="urn:uuid:7e3b1c9a-5d0f-4f8e-9a54-0e6c2b1d7f30", salts=["Kosher"],
    )  # fmt: skip
    claims = json.loads(json.dumps({name: value for name, value in built.items() if value is not None}))
    header = {"alg": "ES256", "typ": "vc+jwt", "kid": ISSUER.kid("k2")}
    return Target(run, seeds({"header": header, "claims": claims}), is_json=True)


def embedded() -> Target:
    """Verify credentials as JSON with an embedded proof: made afresh over what was changed, or as it came."""
    from factories_credentials import ISSUER, SIGNER
    from factories_credentials import NOW as AT

    from lrs.credentials.verifying.copy import verify_credential
    from lrs.credentials.verifying.verify import Inquiry
    from rules.credentials.proving.proofs import with_proof, without_claims
    from rules.errors import RuleError

    def run(data: bytes) -> None:
        given = json_of(data, dict)
        text = data
        if given is not None and "proof" not in given:
            with suppressed(
                RuleError, ValueError, TypeError, KeyError, AttributeError, RecursionError
            ):  # ours to sign
                text = json.dumps(
                    with_proof(without_claims(given), SIGNER, "k3", ISSUER.method("k3"), AT)
                ).encode()
        verify_credential(text, Inquiry(_web()(data), AT), email="ana@example.com")

    good = with_proof(without_claims(_claims()), SIGNER, "k3", ISSUER.method("k3"), AT)
    badge = {"@context": "https://w3id.org/openbadges/v2", "type": "Assertion", "id": "https://badges.example/a/1",
             "recipient": {"type": "email", "hashed": True, "salt": "k", "identity": "sha256$" + "a" * 64},
             "badge": {"type": "BadgeClass", "name": "W", "issuer": {"type": "Issuer", "id": "https://badges.example/i", "name": "F"}},
             "verification": {"type": "HostedBadge"}, "issuedOn": "2026-05-01T00:00:00+00:00"}  # fmt: skip
    return Target(run, seeds(_claims(), json.loads(json.dumps(good, default=str)), badge), is_json=True)


def pictures() -> Target:
    """Take credentials out of pictures and PDFs; a part of a PNG is given its checksum."""
    import struct

    from PIL import Image

    from lrs.credentials.verifying.copy import text_of
    from lrs.credentials.verifying.verify import Failed
    from rules.credentials.baking import PNG_SIGNATURE, NotBaked, bake_png, bake_svg, unbake, write_chunk

    def run(data: bytes) -> None:
        text_of(data)
        chunks, place = [PNG_SIGNATURE], 0
        while place + 8 <= len(data) and len(chunks) < 20:  # the same bytes as chunks with right checksums
            size, kind = struct.unpack_from(">I4s", data, place)
            chunks.append(write_chunk(kind, data[place + 8 : place + 8 + size % 5000]))
            place += 8 + size % 5000
        for again in (b"".join(chunks), PNG_SIGNATURE + write_chunk(b"iTXt", data)):
            with suppressed(NotBaked):
                unbake(again)

    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "PNG")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>'
    pdf = b"%PDF-1.7\n<< /Subtype /application#2Fvc+jwt /Length 5 >>\nstream\nab.cd\nendstream\n%%EOF"
    chunk = struct.pack(">I4s", 40, b"iTXt") + b"openbadgecredential\0\0\0\0\0abc.def.ghi"
    given = [bake_png(stream.getvalue(), "a.b.c"), bake_svg(svg, "a.b.c"), bake_svg(svg, '{"a": 1}'), pdf, chunk,
             b"openbadgecredential\0\1\0\0\0x\x9cKLJ\x06\0"]  # fmt: skip
    words = (
        "openbadgecredential\0",
        "openbadges\0",
        "<openbadges:credential verify='",
        "<![CDATA[",
        "<!ENTITY",
        "endstream",
    )
    return Target(run, given, (Failed, NotBaked), words=words)


def wallets() -> Target:
    """Read proofs of wallets, and bearer tokens of an issuer."""
    import jwt
    from factories_credentials import EC_KEY

    from lrs.access.bearer import Issuer
    from lrs.credentials.wallets.offers import WalletRefused
    from lrs.credentials.wallets.possession import KIND, holder_of, nonce_of, read_proofs
    from lrs.foundation.errors import AccessError
    from rules.credentials.proving.signing import b64, public_jwk, sign_with

    jwk = dict(public_jwk(EC_KEY))
    issuer = Issuer(
        "https://idp.example",
        "https://lrs.example",
        "https://idp.example/keys",
        fetch=lambda _: {"keys": [jwk | {"kid": "k"}]},
    )

    def run(data: bytes) -> None:
        given = json_of(data, dict)
        if given is None:
            return
        signed = ".".join(b64(json.dumps(given.get(name)).encode()) for name in ("header", "claims"))
        token = f"{signed}.{b64(sign_with(EC_KEY, signed.encode()))}"
        with suppressed(WalletRefused):
            read_proofs(given)
        with suppressed(WalletRefused):
            proofs = read_proofs({"proofs": {"jwt": [token]}})
            nonce_of(proofs)
            holder_of(proofs[0], "https://lrs.example", NOW)
        with suppressed(AccessError):
            issuer.claims(token, NOW)
        with suppressed(jwt.PyJWTError):
            jwt.get_unverified_header(token)

    at = int(NOW.timestamp())
    proof = {"header": {"alg": "ES256", "typ": KIND, "jwk": jwk},
             "claims": {"aud": "https://lrs.example", "iat": at, "nonce": "n"}, "proofs": {"jwt": ["a.b.c"]}}  # fmt: skip
    bearer = {"header": {"alg": "ES256", "kid": "k"},
              "claims": {"iss": "https://idp.example", "aud": "https://lrs.example", "sub": "u", "exp": at + 60, "nbf": at, "scope": "all"}}  # fmt: skip
    return Target(run, seeds(proof, bearer), is_json=True)


class suppressed:  # noqa: N801 -- as contextlib.suppress, which it is but for the instrumentation of coverage
    def __init__(self, *kinds: type[Exception]) -> None:
        self.kinds = kinds

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> bool:
        return kind is not None and issubclass(kind, self.kinds)
