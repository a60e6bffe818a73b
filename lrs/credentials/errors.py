"""The HTTP status of each error of credentials."""

from __future__ import annotations

from typing import Final

from lrs.credentials.keys import KeyInUse
from lrs.credentials.public.view import MergedCredential, UnknownCredential
from lrs.credentials.recognising.importing import NotRecognised
from lrs.credentials.verifying.verify import Failed, Unsaid
from lrs.credentials.wallets.offers import WalletRefused
from rules.credentials.baking import NotBaked
from rules.credentials.issuing import IssueConflict
from rules.credentials.proving.contexts import ChangedContext, NotCanonical, UnknownContext
from rules.credentials.proving.signing import InvalidToken, UnknownKey
from rules.credentials.proving.status_list import InvalidStatusList
from rules.credentials.store import SeqTaken, UnknownStatusList

STATUS: Final[dict[type[Exception], int]] = {
    MergedCredential: 302,
    UnknownCredential: 404,
    UnknownStatusList: 404,
    UnknownKey: 404,
    InvalidToken: 400,
    InvalidStatusList: 400,
    NotBaked: 400,
    NotCanonical: 400,
    UnknownContext: 400,
    ChangedContext: 503,  # of this installation, not of what was sent
    Failed: 400,
    Unsaid: 502,
    WalletRefused: 400,
    NotRecognised: 422,
    SeqTaken: 409,
    IssueConflict: 409,
    KeyInUse: 409,
}
