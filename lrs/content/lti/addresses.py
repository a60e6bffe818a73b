"""The addresses of ours that a platform's administrator enters."""

from __future__ import annotations

from lrs.foundation.settings import Settings


def launch_url(settings: Settings) -> str:
    """Return the address that platforms post messages to."""
    return f"{settings.public_url}/lti/launch"


def tool_addresses(settings: Settings) -> dict[str, str]:
    """Return the addresses by what platforms call them."""
    return {
        "Tool URL": launch_url(settings),
        "Initiate login URL": f"{settings.public_url}/lti/login",
        "Redirection URI": launch_url(settings),
        "Public keyset URL": f"{settings.public_url}/lti/keys",
        "Deep linking URL": launch_url(settings),
    }
