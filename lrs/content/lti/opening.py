"""From a verified message to an item that is open, or to the items that may be linked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from pylti1p3.deep_link_resource import DeepLinkResource
from pylti1p3.lineitem import LineItem

from lrs.access.organizations import VENDOR, get_org
from lrs.content.launching import origin_of
from lrs.content.library.items import get_item, visible_items
from lrs.content.library.learners import learner_of
from lrs.content.library.visibility import Belonging, Learner, Visibility, may_see
from lrs.content.lti import grades
from lrs.content.lti.addresses import launch_url
from lrs.content.lti.keys import ToolKey
from lrs.content.lti.logins import LaunchRefused
from lrs.content.lti.messages import Message, choice_token
from lrs.content.opening import Opening, check_return, open_content
from lrs.content.packages.model import PLAYED, Kind
from lrs.content.player.launches import Wanted
from lrs.content.player.shelf import text_of
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.foundation.settings import Settings
from lrs.people.affiliations import affiliate
from lrs.people.records import add_person, get_person
from statements.parsing.actor import ifi

Document = dict[str, Any]

MOST_CHOICES: Final = 100
POINTS: Final = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """An item that may be linked, and the answer that links it."""

    title: str
    kind: str
    token: str


def open_linked(settings: Settings, editor: Editor, message: Message) -> Opening:
    """Open the item that a resource link names, for who is sent; raises LaunchRefused, Collision.

    Whoever is no learner browses: nothing counts. A learner's result goes to the line item of the link.
    """
    person = _person(editor, message)
    try:
        item = get_item(editor.db, message.item)
    except UnknownThing as error:
        raise LaunchRefused("the link names no item of ours (custom parameter `item`)") from error
    learner = _learner(editor, message, person)
    if not may_see(item["org"], Visibility.of(item["visible"]), learner, editor.now):
        raise LaunchRefused("the link names no item of ours (custom parameter `item`)")
    wanted = Wanted(
        org=item["org"],
        item=item["_id"],
        actor=actor_of(message),
        person=person["_id"],
        name=message.name,
        language=message.language,
        return_url=_return(settings, editor, message, item),
        mode="normal" if message.is_learner else "browse",
    )
    opened = open_content(settings, editor, wanted, menu=True)
    if message.is_learner and message.grading is not None:
        grades.follow(editor, message, wanted, opened.registration)
    return opened


def actor_of(message: Message) -> Document:
    """Return the account of who is sent: issuer and subject, which are one person's for ever."""
    account = {"homePage": message.platform.issuer, "name": message.subject}
    return {"objectType": "Agent", "account": account}


def _person(editor: Editor, message: Message) -> Document:
    """Return the person who is sent; who was never seen begins in the organization of the deployment."""
    name = ifi(actor_of(message)) or ""
    owned = {"org": VENDOR, "ifis": {"$elemMatch": {"ifi": name, "until": None}}}
    found = editor.db.people.find_one(owned)
    if found is not None:
        return get_person(editor.db, found["_id"])

    def act(_: Any) -> Document:
        made = add_person(editor, [name], name=message.name or None)
        if message.org != VENDOR:
            affiliate(editor, made["_id"], message.org, known_as=name)
        return made

    try:
        return editor.change(act)
    except Collision:  # another launch of the same learner was quicker
        found = editor.db.people.find_one(owned)
        if found is None:
            raise
        return get_person(editor.db, found["_id"])


def _learner(editor: Editor, message: Message, person: Document) -> Learner:
    """Return what visibility asks: what is known of the person, and the deployment's organization."""
    known = learner_of(editor.db, person["_id"], editor.now, (message.language,))
    return replace(known, belongings=(*known.belongings, _belonging(editor, message)))


def _belonging(editor: Editor, message: Message) -> Belonging:
    org = get_org(editor.db, message.org)
    if org["status"] != "active":
        raise LaunchRefused("the organization of this deployment is not active")
    return Belonging(org["_id"], tuple(org["ancestors"]), region=org.get("region"))


def _return(settings: Settings, editor: Editor, message: Message, item: Document) -> str | None:
    """Return where the learner goes afterwards, where that is the platform or allowed by the owner."""
    platform = message.platform
    own = {origin_of(url) for url in (platform.issuer, platform.login_url, platform.token_url)} - {None}
    url = message.return_url
    if url is not None and Kind(item["kind"]) in PLAYED and origin_of(url) in own:
        return url
    try:
        check_return(settings, get_org(editor.db, item["org"]), url)
    except InvalidField:
        return None
    return url


def choices(settings: Settings, editor: Editor, message: Message, key: ToolKey) -> list[Choice]:
    """Return the items that a deployment may link, the newest first, each with its signed answer."""
    if origin_of(str(message.choosing.get("deep_link_return_url", ""))) is None:
        raise LaunchRefused("the message names no address for the choice")
    learner = Learner(belongings=(_belonging(editor, message),))
    found = sorted(visible_items(editor.db, learner, editor.now), key=lambda item: str(item["_id"]))
    return [
        Choice(
            title=text_of(item["title"], (message.language,)),
            kind=item["kind"],
            token=choice_token(message, key, _resource(settings, item, message.language)),
        )
        for item in found[::-1][:MOST_CHOICES]
    ]


def _resource(settings: Settings, item: Document, language: str) -> DeepLinkResource:
    title = text_of(item["title"], (language,))
    made = DeepLinkResource().set_title(title).set_url(launch_url(settings))
    made.set_custom_params({"item": item["_id"]})
    line = LineItem().set_score_maximum(POINTS).set_label(title).set_resource_id(item["_id"])
    return made.set_lineitem(line)
