"""Errors of the xAPI protocol: facts as attributes; `STATUS` adds the HTTP status, to statements' errors too.

XapiError
├── UnsupportedVersion(received)     no version header, or one that is not served (400)
├── InvalidRequest(path, reason)     a header, a parameter or the framing of the body is wrong (400)
├── UnknownMore(reason)              a `more` link of somebody else, or one that is too old (404)
├── DocumentNotFound(kind)           no state or profile document under that key (404)
├── BodyTooLarge(limit)              more bytes than this server takes (413)
│   └── PackedTooTightly(ratio)      a body that unpacks to so many times its size (413)
└── UnsupportedEncoding(received)    a Content-Encoding other than gzip, deflate, identity (415)
"""

from __future__ import annotations

from statements import errors


class XapiError(Exception):
    """Base of all errors of the xAPI protocol."""


class UnsupportedVersion(XapiError):
    """The version header is missing, or names a version that is not served."""

    path = "X-Experience-API-Version"

    def __init__(self, received: str | None) -> None:
        self.received = received
        super().__init__(received)

    def __str__(self) -> str:
        """Say what was received and what is served."""
        found = "is missing" if self.received is None else f"{self.received[:40]!r} is not served"
        return f"the header X-Experience-API-Version {found}; send 1.0.3 or 2.0.0"


class InvalidRequest(XapiError):
    """A header, a parameter or the framing of the body is wrong."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(path, reason)

    def __str__(self) -> str:
        """Say the place and the reason."""
        return f"{self.path}: {self.reason}"


class UnknownMore(XapiError):
    """A `more` link that was made for somebody else, or is older than it may be."""

    path = "more"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class DocumentNotFound(XapiError):
    """No state or profile document is stored under that key."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)

    def __str__(self) -> str:
        """Say what was looked for."""
        return f"there is no {self.kind} under these parameters"


class BodyTooLarge(XapiError):
    """The body, after decompression, has more bytes than this server takes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(limit)

    def __str__(self) -> str:
        """Say the bound."""
        return f"the body is larger than {self.limit} bytes"


class PackedTooTightly(BodyTooLarge):
    """The body unpacks to so many times its size that it was made to fill memory."""

    path = "Content-Encoding"

    def __str__(self) -> str:
        """Say the bound."""
        return f"the body unpacks to more than {self.limit} times its size"


class UnsupportedEncoding(XapiError):
    """A Content-Encoding that this server cannot undo."""

    path = "Content-Encoding"

    def __init__(self, received: str) -> None:
        self.received = received
        self.headers = {"Accept-Encoding": "gzip, deflate"}
        super().__init__(received)

    def __str__(self) -> str:
        """Say what was received and what is understood."""
        return f"the Content-Encoding {self.received[:40]!r} is not gzip, deflate or identity"


STATUS: dict[type[Exception], int] = {
    XapiError: 400,
    UnsupportedVersion: 400,
    InvalidRequest: 400,
    UnknownMore: 404,
    DocumentNotFound: 404,
    BodyTooLarge: 413,
    PackedTooTightly: 413,
    UnsupportedEncoding: 415,
    errors.InvalidStatement: 400,
    errors.DuplicateStatementId: 400,
    errors.AttachmentMismatch: 400,
    errors.InvalidQuery: 400,
    errors.InvalidDocument: 400,
    errors.QueryTimeout: 400,  # a narrower query is what helps
    errors.VoidingRefused: 403,
    errors.StatementNotFound: 404,
    errors.StatementConflict: 409,
    errors.DocumentConflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.TooMuchAtOnce: 413,  # the same again would fare no better
    errors.StoreBusy: 503,
}
