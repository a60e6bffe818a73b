"""What schemathesis has to be told beside its configuration: how to send a package, bytes as they are."""

import schemathesis


@schemathesis.serializer("application/zip")
def as_it_is(_context: object, value: object) -> bytes:
    """Return the bytes of a body."""
    return value if isinstance(value, bytes) else str(value).encode()
