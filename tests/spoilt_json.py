"""JSON spoilt in one place or a few and still JSON, so that what reads its members is reached."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

ODD: Final = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**40, 0.1, -0.0, 1e308, 5e-324, "", "a", "\0", "ü" * 300,
    "\ud800", "%00", "../..", "true", "1e400", "9" * 400, "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    "2026-02-29", "PT" + "9" * 400 + "S", "http://a.example/x", "mailto:a@b.example", "did:key:z6Mk", "💥", "a\r\nb", "*",
    "x" * 5000, [], {}, [[]], [None], {"": ""}, {"a": {"a": {"a": {}}}}, [[[[[[[[]]]]]]]],
)  # fmt: skip
SPELLED: Final = ("1e400", "-1e400", "1E999999999999", "0." + "0" * 400 + "1", "9" * 5000, "NaN", "-Infinity")

Mutate = Callable[[bytes, int], bytes]


def some_bytes(data: bytes, longest: int, chance: random.Random) -> bytes:
    """Return bytes changed in a place: cut, doubled, or with others put in."""
    at, to = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    new = chance.choice((b"", data[at:to] * 2, chance.randbytes(4), b"\0", b"\xff\xfe", b"%00", b"\r\n"))
    return (data[:at] + new + data[to:])[:longest]


def spoil(data: bytes, longest: int, seed: int, mutate: Mutate) -> bytes:
    """Return JSON with some of its values changed; what is no JSON is changed as bytes."""
    chance = random.Random(seed)
    if chance.random() < 0.15:
        return mutate(data, longest)
    try:
        value = json.loads(data)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            value = changed(value, chance, mutate)
        text = json.dumps(value)
    except (ValueError, RecursionError):
        return mutate(data, longest)
    if chance.random() < 0.05:
        text = text.replace("1", chance.choice(SPELLED), 1)
    made = text.encode()
    return made if len(made) <= longest else mutate(data, longest)


def changed(value: Any, chance: random.Random, mutate: Mutate) -> Any:
    """Return a JSON value with one place of it changed, removed, doubled or swapped for another of its values."""
    places = list(walk(value))
    holder, key, old = chance.choice(places) if places else (None, None, value)
    kind = chance.randrange(6)
    if kind == 0 and holder is not None:
        del holder[key]
        return value
    if kind == 1 and places:
        new = json.loads(json.dumps(chance.choice(places)[2]))
    elif kind == 2 and isinstance(old, str):
        new = mutate(old.encode(errors="surrogatepass"), 100_000).decode(errors="replace")
    elif kind == 3 and isinstance(old, list):  # copies: a change within one would be one in all of them
        new = json.loads(json.dumps((old * chance.choice((2, 50)))[:200]))
    elif kind == 4:
        new = [old] if chance.random() < 0.5 else {"a": old}
    else:
        new = chance.choice(ODD)
    if holder is None:
        return new
    if isinstance(holder, dict) and chance.random() < 0.1:
        holder[str(chance.choice(ODD))[:50]] = new
    else:
        holder[key] = new
    return value


def walk(value: Any, depth: int = 100) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (holder, key, value) of everything inside, as deep as Python likes to go."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in list(inner):
        yield value, key, one
        if depth:
            yield from walk(one, depth - 1)
