"""Resources: documents with an address that are listed, read, made, changed and ended alike.

A module declares each of its resources once; a view is left with what is its own. Listings are paged by id
and hold only what the principal sees; what it does not see answers 404, as if it were not there. One
document answers with its ETag, a new one (201) with its address in Location too; a change needs `If-Match`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import quote

from flask import request
from marshmallow import Schema
from pymongo.database import Database

from lrs.access.guard import Scope
from lrs.api.contract import Blueprint, PageArgs, check_match, page, page_schema, tagged
from lrs.api.rights import org_filter, vendor_only, visible_org
from lrs.foundation.context import current_services

Document = dict[str, Any]
Answer = tuple[Any, int, dict[str, str]]
View = Callable[..., Any]
Decorator = Callable[[View], View]


def visible(
    kind: str, get: Callable[[Database[Document], str], Document], field: str = "org"
) -> Callable[[str], Document]:
    """Return what finds a document of an organization that the principal sees; it raises UnknownThing."""

    def find(thing: str) -> Document:
        found = get(current_services().db, thing)
        visible_org(found[field], kind, thing)
        return found

    return find


def chosen(args: Mapping[str, Any], *names: str) -> Document:
    """Return the filter of the fields that a listing was asked for by name."""
    return {name: args[name] for name in names if name in args}


def _allow(body: Document, before: Document) -> None:
    """Let everybody change what they see."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of document: where it lies, how it is found and shown, and the scope that its routes need."""

    blp: Blueprint
    kind: str
    schema: type[Schema]
    collection: str
    path: str  # of one document, below the root: `/<key>`
    scope: Scope
    find: Callable[[str], Document]  # raises UnknownThing for what the principal does not see
    root: str = ""
    bounds: Callable[[], Document] = org_filter  # the filter of what the principal sees
    present: Callable[[Document], Document] = dict
    vendor: bool = False  # every route is the vendor's only; routes may also say so for themselves

    def lists(self, filters: type[PageArgs] = PageArgs) -> Decorator:
        """Page through what is seen of the filter that the view returns: `view(args) -> filter`."""

        def listing(view: View, args: Document) -> Document:
            query = {"$and": [self.bounds(), view(args)]}
            collection = current_services().db[self.collection]
            return page(collection, query, args, self.present)

        return self._route(
            "GET", self.root, listing, filters, answers=page_schema(self.schema), location="query"
        )

    def reads(self) -> Decorator:
        """Answer one document: `view(found) -> document`."""
        return self._of_one("GET", "")

    def makes(
        self, body: type[Schema], answers: type[Schema] | None = None, *, vendor: bool = False
    ) -> Decorator:
        """Make a document: `view(body) -> document`."""

        def making(view: View, body: Document) -> Answer:
            made = view(body)
            content, status, headers = tagged(self.present(made), made, 201)
            place = f"{request.script_root}{request.path}/{quote(made['_id'], safe='')}"
            return content, status, {**headers, "Location": place}

        return self._route(
            "POST", self.root, making, body, answers=answers or self.schema, status=201, vendor=vendor
        )

    def changes(
        self,
        body: type[Schema],
        *,
        check: Callable[[Document, Document], None] = _allow,
        vendor: bool = False,
    ) -> Decorator:
        """Change the document that `If-Match` names: `view(body, before, version) -> document`.

        `check(body, before)` raises Forbidden for a change that is not the principal's to make: rights come
        before versions.
        """

        def changing(view: View, body: Document, **ids: str) -> Answer:
            before = self._found(ids)
            check(body, before)
            after = view(body, before, check_match(self.kind, before))
            return tagged(self.present(after), after)

        return self._route(
            "PATCH", f"{self.root}{self.path}", changing, body, answers=self.schema, vendor=vendor,
            conditional=True,
        )  # fmt: skip

    def acts(
        self,
        name: str,
        body: type[Schema] | None = None,
        answers: type[Schema] | None = None,
        *,
        vendor: bool = False,
    ) -> Decorator:
        """Do something with one document (POST below it): `view([body,] found) -> document`."""
        return self._of_one("POST", name, body, answers, vendor=vendor)

    def ends(self) -> Decorator:
        """End one document, which stays on record: `view(found) -> document`."""
        return self._of_one("DELETE", "")

    def deletes(self) -> Decorator:
        """Delete the document that `If-Match` names (204): `view(found) -> None`."""

        def deleting(view: View, **ids: str) -> None:
            found = self._found(ids)
            check_match(self.kind, found)
            view(found)

        place = f"{self.root}{self.path}"
        return self._route("DELETE", place, deleting, status=204, conditional=True)

    def _of_one(
        self,
        method: str,
        name: str,
        body: type[Schema] | None = None,
        answers: type[Schema] | None = None,
        *,
        vendor: bool = False,
    ) -> Decorator:
        def doing(view: View, *body: Document, **ids: str) -> Answer:
            done = view(*body, self._found(ids))
            return tagged(self.present(done), done)

        rule = f"{self.root}{self.path}{name}"
        return self._route(method, rule, doing, body, answers=answers or self.schema, vendor=vendor)

    def _found(self, ids: Mapping[str, str]) -> Document:
        """Return the document of the address."""
        (thing,) = ids.values()
        return self.find(thing)

    def _route(
        self,
        method: str,
        rule: str,
        handle: View,
        arguments: type[Schema] | None = None,
        *,
        answers: type[Schema] | None = None,
        status: int = 200,
        location: str = "json",
        vendor: bool = False,
        conditional: bool = False,
    ) -> Decorator:
        """Return what registers a view: its scope first, then the vendor's right, then the shape."""

        def decorate(view: View) -> View:
            @wraps(view)
            def handled(*args: Any, **ids: str) -> Any:
                if vendor or self.vendor:
                    vendor_only()
                return handle(view, *args, **ids)

            routed = self.blp.response(status, answers)(handled)
            if arguments is not None:
                routed = self.blp.arguments(arguments, location=location)(routed)
            if conditional:
                routed = self.blp.conditional(routed)
            self.blp.route(rule, methods=[method], scope=self.scope)(routed)
            return view

        return decorate
