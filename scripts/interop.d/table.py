"""Print what the JSON files of a folder say as the tables of docs/credentials.md."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

OTHER_KIND = (
    "not valid JSON|Compact JWS|Incorrect format JWS|header padding|No verifier found|Invalid JSON|"
    "JWT must have|base64url decode the sig|crypto padding|Invalid byte|bad_signature: $|SdJwtError|"
    "6-bit remai|Signature of exceeds"  # disclosures, taken to be of the signature
)
WITHOUT_BIT = {"endorsement, JSON"}  # which is withdrawn from the page of the credential that it endorses
WRONG = ("changed", "revoked", "foreign")
SAID = {"changed": "changed byte", "revoked": "revoked bit", "foreign": "wrong key"}


def cell(form, judged):
    """Say what a verifier does with a form: accepts it and refuses what, or why it does not read it."""
    if re.search(OTHER_KIND, str(judged["good"])):
        return "reads the other kind"
    if judged["good"] is not True:
        return f"no: {judged['good'].partition(chr(10))[0][:60]}".replace("|", "/")
    looked_at = [name for name in WRONG if name != "revoked" or form not in WITHOUT_BIT]
    missed = [SAID[name] for name in looked_at if judged[name] is True]
    return (
        f"accepts; refuses all {len(looked_at)}"
        if not missed
        else f"accepts; does not see {', '.join(missed)}"
    )


def rows_of(folder, *names):
    return {
        name: judged
        for part in names
        for name, judged in json.loads((folder / f"{part}.json").read_text()).items()
    }


def print_table(first, columns, rows):
    print(f"| {first} | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")
    print()


def main():
    folder = Path(sys.argv[1])
    rows = rows_of(folder, "javascript", "python")
    forms = list(next(iter(rows.values())))
    print_table(
        "verifier", forms, {name: [cell(form, one[form]) for form in forms] for name, one in rows.items()}
    )
    hosted = rows_of(folder, "open_badges_2")
    form = "Open Badges 2.0"
    print_table("validator", [form], {name: [cell(form, judged[form])] for name, judged in hosted.items()})
    wallets = rows_of(folder, "wallets")
    asked = list(next(iter(wallets.values())))
    said = {
        name: ["gets it" if one[ask] is True else "is refused" for ask in asked]
        for name, one in wallets.items()
    }
    print_table("wallet", asked, said)


main()
