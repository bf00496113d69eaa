"""Who may call: API keys are compared by hash, and each route names the kinds of key that it takes."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from relevance.errors import BadRequest

KeyKind = Literal["admin", "search"]

HEADER = "x-algolia-api-key"
OTHER_NAMES = ("x-api-key",)
"""Also taken, as headers or query parameters."""


class KeyRing(BaseModel):
    """The sha256 of every key, as hex, by kind: the content of the SSM SecureString."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    admin: tuple[str, ...] = ()
    search: tuple[str, ...] = ()

    def kind_of(self, key: str) -> KeyKind | None:
        """The kind of a key, or None if there is no such key; takes as long for a near miss as for a far one."""
        hashed = key_hash(key)
        found: KeyKind | None = None
        kinds: tuple[KeyKind, ...] = ("admin", "search")
        for kind in kinds:
            for known in getattr(self, kind):
                if hmac.compare_digest(known, hashed):
                    found = kind
        return found


def key_hash(key: str) -> str:
    """How a key is stored."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def require_key(
    headers: Mapping[str, str], query: Mapping[str, str], ring: KeyRing, kinds: tuple[KeyKind, ...]
) -> KeyKind:
    """The kind of the key that a request carries.

    Args:
        headers: With lower-case names.
        query: Query parameters, names as sent.
        ring: The keys that there are.
        kinds: Those that the route takes.

    Raises:
        BadRequest: With status 403, in the words that Algolia's clients know, if there is no such key.
    """
    parameters = {name.lower(): value for name, value in query.items()}
    for name in (HEADER, *OTHER_NAMES):
        key = headers.get(name) or parameters.get(name)
        if key and (kind := ring.kind_of(key)) in kinds and kind is not None:
            return kind
    raise BadRequest("Invalid Application-ID or API key", status=403)
