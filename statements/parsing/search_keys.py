"""Search keys: every xAPI filter is one 64-bit number in the multikey index (org, keys, _id).

A key is the first 8 bytes of BLAKE2b over one letter, ":" and the value, as a signed integer:

| letter | statement property (Communication 2.1.3) |
|---|---|
| a | actor, or object when it is an agent or group, and the members of either |
| A | agents beyond a: authority, instructor, team, contextAgents, contextGroups, any in a SubStatement |
| v | verb id |
| o | activity id of the object |
| O | activities beyond o: contextActivities, any in a SubStatement |
| r | registration |
| c | client that wrote the statement |
| n | agent whose name was new to a process when the statement came |
| s | sha2 of an attachment |
| f | authority that another store had set, of an imported statement |
| e | actor of evidence: set when a published certification looks at the statement |

What is direct is related too and stored once: who looks for related agents asks for a or A, for related
activities for o or O. Documents of older versions hold both, which changes no answer.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b


@lru_cache(maxsize=65536)
def key(letter: str, value: str) -> int:
    """Return the search key of a value; letters as in the table above."""
    digest = blake2b(f"{letter}:{value}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def evidence_key(ifi: str) -> int:
    """Return the key under which the certification engine finds the evidence of one actor identifier."""
    return key("e", ifi)
