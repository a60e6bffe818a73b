"""Headers of everything the content origin answers.

Content is active HTML by strangers: it may run, and nothing else. It has no cookies of ours to read, is shown
in no other frame than ours, talks to nobody but this origin, the application and what its item permits, and
gets no camera, microphone or place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lrs.foundation.settings import Settings

REFUSED_FEATURES: Final = (
    "camera", "microphone", "geolocation", "payment", "usb", "serial", "hid", "midi",
    "display-capture", "publickey-credentials-get", "identity-credentials-get", "browsing-topics",
)  # fmt: skip
FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # launch addresses hold tokens
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Origin-Agent-Cluster": "?1",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in REFUSED_FEATURES),
}


def security_headers(settings: Settings, connect: Iterable[str] = ()) -> dict[str, str]:
    """Return the headers; `connect` are further origins that the content may talk to."""
    own = " ".join(["'self'", origin_of(settings.public_url)])
    allowed = " ".join([own, *connect])
    policy = (
        f"frame-ancestors {own}; connect-src {allowed} data: blob:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'"
    )
    return {"Content-Security-Policy": policy, **FIXED}


def origin_of(url: str) -> str:
    """Return scheme, host and port of one of our own addresses."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
