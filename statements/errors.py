"""What can be wrong with a statement, a query or a document.

    StatementError
    ├── InvalidStatement(path, reason)      the body breaks the specification at `path`
    ├── DuplicateStatementId(statement_id)  twice in one batch
    ├── StatementConflict(statement_id)     the id is stored with other content
    ├── StatementNotFound(statement_id)
    ├── VoidingRefused(statement_id)        the client may not void
    ├── AttachmentMismatch(reason, sha2)    parts and attachment objects do not fit
    ├── InvalidQuery(parameter, reason)
    ├── QueryTimeout(seconds)
    ├── TooLarge(what, limit)
    ├── TooMuchAtOnce()                     more than one transaction of MongoDB holds
    ├── InvalidDocument(reason)             a document that cannot be stored or merged
    ├── DocumentConflict(reason)            a precondition is needed and missing
    ├── PreconditionFailed(header)
    └── StoreBusy(reason)                   retries are used up; nothing was stored

The classes hold facts; texts are built in `__str__`, the HTTP status is chosen in `lrs.xapi.errors`.
"""

from __future__ import annotations


class StatementError(Exception):
    """Anything that the statement domain refuses."""


class InvalidStatement(StatementError):
    """The received JSON is no statement; `path` is a JSONPath such as `$[2].actor.mbox`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class DuplicateStatementId(StatementError):
    """One id stands twice in a batch (IEEE 9274.1.1 4.1.6.1)."""

    def __init__(self, statement_id: str, path: str = "$") -> None:
        super().__init__(statement_id, path)
        self.statement_id = statement_id
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: the id {self.statement_id} is used twice in this request"


class StatementConflict(StatementError):
    """The id is already stored with other content; nothing of the request was stored."""

    def __init__(self, statement_id: str, path: str = "$") -> None:
        super().__init__(statement_id, path)
        self.statement_id = statement_id
        self.path = path

    def __str__(self) -> str:
        place = f"(differs at {self.path})"
        return f"a different statement with the id {self.statement_id} is already stored {place}"


class StatementNotFound(StatementError):
    """No statement of that id can be shown."""

    def __init__(self, statement_id: str) -> None:
        super().__init__(statement_id)
        self.statement_id = statement_id

    def __str__(self) -> str:
        return f"there is no statement {self.statement_id}"


class VoidingRefused(StatementError):
    """The client has no right to void statements (xAPI 1.0.3 Data 2.3.2)."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: these credentials may not void statements"


class AttachmentMismatch(StatementError):
    """Attachment objects and received parts do not fit together (Communication 1.5)."""

    def __init__(self, reason: str, path: str | None = None) -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class InvalidQuery(StatementError):
    """A request parameter is unknown, missing or malformed."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(parameter, reason)
        self.parameter = parameter
        self.reason = reason

    def __str__(self) -> str:
        return f"parameter {self.parameter}: {self.reason}"


class QueryTimeout(StatementError):
    """The query was stopped after its time limit."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"the query took longer than {self.seconds:g} seconds and was stopped"


class TooLarge(StatementError):
    """The body, or one statement of it, exceeds a limit of this server."""

    def __init__(self, what: str, limit: int, unit: str = "bytes") -> None:
        super().__init__(what, limit, unit)
        self.what = what
        self.limit = limit
        self.unit = unit

    def __str__(self) -> str:
        return f"{self.what} is larger than {self.limit} {self.unit}"


class TooMuchAtOnce(StatementError):
    """What one request writes does not fit into one transaction of MongoDB; nothing was stored."""

    def __str__(self) -> str:
        return (
            "the request writes more than one transaction can hold, and nothing was written: send it in parts"
        )


class InvalidDocument(StatementError):
    """A state or profile document that cannot be stored or merged (Communication 2.2)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class DocumentConflict(StatementError):
    """The document exists and the request says neither If-Match nor If-None-Match (xapi#4.3)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class PreconditionFailed(StatementError):
    """If-Match or If-None-Match does not hold; nothing was changed."""

    def __init__(self, header: str) -> None:
        super().__init__(header)
        self.header = header

    def __str__(self) -> str:
        return f"the precondition {self.header} does not hold for the stored document"


class StoreBusy(StatementError):
    """MongoDB aborted the write again and again; nothing was stored, the client may repeat the request."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the store is busy, nothing was written: {self.reason}"
