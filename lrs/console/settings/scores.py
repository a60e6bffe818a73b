"""What an organization decides about the scores and attempts of one content item."""

from __future__ import annotations

from typing import Any, Final

from flask import Response

from lrs.api.records import content as api
from lrs.api.rights import editor
from lrs.console.forms import read, sent
from lrs.console.shell import Pages, redirected
from lrs.content.library import items
from lrs.words.reader import mark

Document = dict[str, Any]
POLICY_WORDS: Final = (
    ("keep", mark("Which verdict and score stand"), {
        "best": mark("the best"), "last": mark("the last"),
        "first": mark("those of the first session with any"),
    }),
    ("completes", mark("What completes"), {
        "reported": mark("the content's word"), "passed": mark("a pass only"),
        "visited": mark("any orderly end"),
    }),
    ("override", mark("When a mastery score decides"), {
        "unset": mark("where the content gives no verdict"), "always": mark("always"), "never": mark("never"),
    }),
    ("failed_completes", mark("A failed attempt"), {
        "true": mark("completes, failed"), "false": mark("stays incomplete"),
    }),
)  # fmt: skip
"""Members of a policy with their words and choices; a yes or no as JSON writes it."""

blueprint = Pages("console_scores", __name__)


@blueprint.post("/console/content/<item>/policy", scope="content/write")
def policy(item: str) -> Response:
    """Replace the policy of an item that nobody changed meanwhile; attempts under way keep theirs."""
    found = api.seen_item(item)
    form = sent(*(name for name, _, _ in POLICY_WORDS), "attempts", "cool_down_hours", "version")
    version = form.pop("version", "")
    body = read(api.EditContentItem, {"policy": form})
    items.edit_item(editor(), item, body, int(version) if version.isdecimal() else found["version"])
    return redirected(f"/console/content/{item}#policy")
