"""SD-JWT VCs of any issuer: what is told stands in its place, and whatever is wrong is named (RFC 9901 7)."""

import datetime as dt
import hashlib
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.selective import Selective
from lrs.credentials.verifying.verify import Failed, Inquiry
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.proving.signing import InvalidToken, b64, make_private_key, public_jwk, sign_with

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
AT = int(NOW.timestamp())
ISSUER, LIST = "https://issuer.example/tenant", "https://issuer.example/lists/1"
KEY, HOLDER, OTHER = (make_private_key("ES256") for _ in range(3))


def signed(claims: Any, typ: str = "dc+sd-jwt", key: Any = KEY, **header: Any) -> str:
    head = {"alg": "ES256", "typ": typ, "kid": "1"} | header
    body = ".".join(b64(json.dumps(one).encode()) for one in (head, claims))
    return f"{body}.{b64(sign_with(key, body.encode()))}"


def disclosure(*parts: Any) -> str:
    return b64(json.dumps(["salt", *parts]).encode())


def digest(text: str) -> str:
    return b64(hashlib.sha256(text.encode()).digest())


NAME, CITY, ITEM = disclosure("name", "Ana"), disclosure("city", "Porto"), disclosure("second")
CLAIMS = {
    "iss": ISSUER,
    "vct": "https://issuer.example/vct",
    "nbf": AT - 60,
    "exp": AT + 60,
    "cnf": {"jwk": public_jwk(HOLDER)},
    "status": {"status_list": {"idx": 3, "uri": LIST}},
    "_sd_alg": "sha-256",
    "_sd": [digest(NAME), digest("a decoy")],
    "address": {"country": "PT", "_sd": [digest(CITY)]},
    "items": ["first", {"...": digest(ITEM)}, {"...": digest("another decoy")}],
}


def listed(value: int = 0, bits: int = 2, **claims: Any) -> str:
    data = bytearray(4)
    data[3 * bits // 8] |= value << 3 * bits % 8
    status = {"bits": bits, "lst": b64(zlib.compress(bytes(data)))}
    body = {"sub": LIST, "iat": AT - 5, "exp": AT + 5, "status_list": status} | claims
    return signed(body, "statuslist+jwt")


def published(**changes: Any) -> dict[str, str]:
    keys = {"keys": [{**public_jwk(KEY), "kid": "1"}]}
    metadata = {"issuer": ISSUER, "jwks_uri": "https://issuer.example/keys"}
    return {
        "https://issuer.example/.well-known/jwt-vc-issuer/tenant": json.dumps(metadata),
        "https://issuer.example/keys": json.dumps(keys),
        LIST: listed(),
    } | changes


def report(text: str, answers: dict[str, str] | None = None, email: str | None = None) -> Any:
    known = published() if answers is None else answers

    def get(url: str, _: str) -> Fetched:
        if url not in known:
            raise FetchRefused(url, "no answer")
        return Fetched(url, "", known[url].encode())

    return verify_credential(text.encode(), Inquiry(get, NOW), email=email)


def presentation(claims: Any = CLAIMS, *told: str, binding: str = "", **header: Any) -> str:
    return "~".join([signed(claims, **header), *told, binding])


def bound(text: str, key: Any = HOLDER, typ: str = "kb+jwt", **claims: Any) -> str:
    said = {"iat": AT, "aud": "https://shop.example", "nonce": "n", "sd_hash": digest(text)} | claims
    return text + signed(said, typ, key)


def test_what_is_told_stands_in_its_place_and_the_rest_is_kept_back() -> None:
    whole = report(presentation(CLAIMS, NAME, CITY, ITEM))
    assert whole.verdict == "valid"
    told = whole.claims
    assert (told["name"], told["address"], told["items"]) == (
        "Ana",
        {"country": "PT", "city": "Porto"},
        ["first", "second"],
    )
    assert not {"_sd", "_sd_alg"} & told.keys()
    nothing = report(presentation()).claims
    assert (nothing["address"], nothing["items"]) == ({"country": "PT"}, ["first"])


@pytest.mark.parametrize("value", [0, 1, 2, 3])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_each_value_of_a_status_list_is_told_apart(value: int, bits: int) -> None:
    if value >= 1 << bits:
        return
    found = report(presentation(), published(**{LIST: listed(value, bits)}))
    assert found.verdict == ("valid" if value == 0 else "not valid")
    assert found.revoked == (value in {1, 2})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (presentation(CLAIMS, NAME, NAME), "twice"),
        (presentation(CLAIMS, disclosure("name", "Eve")), "belongs to nothing"),
        (presentation(CLAIMS, "!"), "not base64url of JSON"),
        (presentation(CLAIMS, b64(b'["salt","name","\\ud800"]')), "not base64url of JSON"),
        (presentation(CLAIMS, b64(b'["salt","name",{"a":1,"a":2}]')), "not base64url of JSON"),
        (presentation(CLAIMS, b64(b'"salt"')), "not a list"),
        (presentation(CLAIMS, b64(b"[" * 100_000)), "not base64url of JSON"),
        (presentation(CLAIMS | {"_sd": [digest(ITEM)]}, ITEM), "stands there twice"),
        (presentation(CLAIMS | {"_sd": [digest(ITEM)], "items": []}, ITEM), "stands for a member"),
        (presentation(CLAIMS | {"_sd": [], "items": [{"...": digest(NAME)}]}, NAME), "element of an array"),
        (presentation(CLAIMS | {"name": "Eve"}, NAME), "tells of 'name'"),
        (presentation({"_sd": [digest(disclosure("exp", 1))]}, disclosure("exp", 1)), "left to the holder"),
        (presentation(CLAIMS | {"_sd": [digest(disclosure("_sd", []))]}, disclosure("_sd", [])), "tells of '_sd'"),
        (presentation(CLAIMS | {"_sd": "x"}), "not a list"),
        (presentation(CLAIMS | {"_sd": [1]}), "no text"),
        (presentation(CLAIMS | {"_sd_alg": "md5"}), "'md5' is not known"),
        (presentation(CLAIMS | {"deep": json.loads("[" * 60 + "]" * 60)}), "nested deeper"),
        ("~".join([signed(CLAIMS), *[disclosure(str(n), n) for n in range(501)], ""]), "more than 500"),
        ("eyJ~", "three parts"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(text: str, reason: str) -> None:
    found = report(text)
    assert found.verdict == "not valid"
    assert reason in found.checks[-1].detail
    with pytest.raises((Failed, InvalidToken)):
        Selective(text)


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        (presentation(typ="JWT"), "structure", "type 'JWT'"),
        (presentation(CLAIMS | {"vct": ""}), "structure", "vct"),
        (presentation(key=OTHER), "signature", "does not match"),
        (presentation(kid="2"), "signature", "no single key '2'"),
        (presentation(kid=["1"]), "signature", "no single key"),
        (presentation({**CLAIMS, "iss": "http://issuer.example/tenant"}), "signature", "neither a DID"),
        (presentation({**CLAIMS, "iss": "https://issuer.example"}), "signature", "no answer"),
        (presentation({k: v for k, v in CLAIMS.items() if k != "iss"}), "signature", "missing"),
        (presentation({**CLAIMS, "iss": "https://["}), "signature", "no address"),
        (presentation(CLAIMS | {"nbf": AT + 120}), "dates", "not valid before"),
        (presentation(CLAIMS | {"exp": AT - 120}), "dates", "over"),
        (presentation(CLAIMS | {"exp": "soon"}), "dates", "not an instant"),
        (presentation(CLAIMS | {"exp": 1e300}), "dates", "not an instant"),
        (presentation(CLAIMS | {"status": {"status_list": {"idx": True, "uri": LIST}}}), "status", "no index"),
        (presentation(CLAIMS | {"status": {"status_list": {"idx": 99, "uri": LIST}}}), "status", "no entry 99"),
        (bound(presentation(), OTHER), "presented", "does not match"),
        (bound(presentation(), typ="JWT"), "presented", "kb+jwt"),
        (bound(presentation(), sd_hash="x"), "presented", "other disclosures"),
        (bound(presentation(), iat=AT + 3600), "presented", "in the future"),
        (bound(presentation(CLAIMS | {"cnf": {}})), "presented", "bound to none"),
    ],
)  # fmt: skip
def test_each_check_names_what_it_misses(text: str, name: str, reason: str) -> None:
    found = report(text)
    check = next(one for one in found.checks if one.outcome in {"failed", "cannot say"})
    assert check.name == name
    assert reason in check.detail


def test_a_presentation_by_the_holders_key_says_for_whom_it_was_made() -> None:
    found = report(bound(presentation(CLAIMS, NAME)))
    assert found.verdict == "valid"
    assert found.checks[-1].detail.startswith("by its holder's key, to https://shop.example at 2026-06-01")
    moved = bound(presentation(CLAIMS, NAME)).replace(f"~{NAME}~", "~")  # what was shown is part of it
    assert report(moved).verdict == "not valid"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({LIST: "nothing"}, "three parts"),
        ({LIST: listed(sub="https://issuer.example/lists/2")}, "does not answer"),
        ({LIST: listed(iss="https://other.example")}, "not by"),
        ({LIST: listed(exp=AT - 120)}, "over"),
        ({LIST: listed(status_list={"bits": 3, "lst": ""})}, "1, 2, 4 or 8"),
        ({LIST: listed(status_list={"bits": 1, "lst": b64(b"zip")})}, "not compressed"),
        ({LIST: listed(status_list={"bits": 1, "lst": b64(zlib.compress(bytes(20_000_000)))})}, "too long"),
    ],
)
def test_a_status_list_that_is_not_that_list_fails(changes: dict[str, str], reason: str) -> None:
    found = report(presentation(), published(**changes))
    [check] = [one for one in found.checks if one.outcome == "failed"]
    assert (check.name, found.revoked) == ("status", False)
    assert reason in check.detail


def test_an_issuer_or_a_list_that_does_not_answer_makes_nothing_false() -> None:
    assert report(presentation(), {}).verdict == "cannot say"
    answers = published()
    del answers[LIST]
    assert report(presentation(), answers).verdict == "cannot say"


LEAVES = st.integers() | st.text(max_size=3) | st.booleans() | st.none()
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=8
)  # fmt: skip


@given(tree=st.dictionaries(st.sampled_from("xyz"), TREES), data=st.data())
def test_any_claims_told_in_full_are_those_that_were_signed(
    tree: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever an issuer leaves to the holder, in whatever depth: all of it told gives the claims again."""
    told: list[str] = []

    def hide(value: Any) -> Any:
        if isinstance(value, list):
            return [{"...": tell(hide(one))} if chosen() else hide(one) for one in value]
        if not isinstance(value, dict):
            return value
        hidden = {name for name in value if chosen()}
        open_members = {name: hide(one) for name, one in value.items() if name not in hidden}
        return open_members | {"_sd": [tell(name, hide(value[name])) for name in sorted(hidden)]}

    def chosen() -> bool:
        return data.draw(st.booleans())

    def tell(*parts: Any) -> str:
        told.append(b64(json.dumps([f"salt {len(told)}", *parts]).encode()))
        return digest(told[-1])

    assert Selective("~".join([signed(hide(tree)), *reversed(told), ""])).claims == tree


def test_a_hash_of_an_address_that_is_no_ascii_is_another_one() -> None:
    told = disclosure(
        "identifier", [{"identityType": "emailAddress", "hashed": True, "identityHash": "sha256$\u00e9"}]
    )
    found = report(presentation(CLAIMS | {"_sd": [digest(told)]}, told), email="ana@example.com")
    assert (found.checks[-1].name, found.checks[-1].outcome) == ("holder", "failed")
