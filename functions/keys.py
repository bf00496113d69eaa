"""Who may call: every route names the kinds of key that it takes.

- admin and search keys are stored as sha256 and compared by hash;
- a parent key stays on the shop's server. Secured keys are made from it without a call, by any of Algolia's clients:
  base64(HMAC-SHA256(parent, restrictions) + restrictions). To check one the parent itself is needed, so parents are
  stored as they are, encrypted, and no route takes one.
"""

import base64
import binascii
import hashlib
import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qs, urlencode

from pydantic import BaseModel, ConfigDict

from relevance.errors import BadRequest
from relevance.filters import Condition, parse_filters

KeyKind = Literal["admin", "search", "secured"]
StoredKind = Literal["admin", "search", "parent"]

HEADER = "x-algolia-api-key"
OTHER_NAMES = ("x-api-key",)
"""Also taken, as headers or query parameters."""

_DIGEST_CHARACTERS = 64
_RESTRICTIONS = frozenset({"filters", "validUntil", "restrictIndices", "userToken"})


class KeyDates(BaseModel):
    """When a key was made, and from when on it opens nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_at: datetime | None = None
    """None for one that was stored before dates were kept."""
    ends_at: datetime | None = None


class KeyRing(BaseModel):
    """The content of the SSM SecureString; of each kind the newest key comes last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    admin: tuple[str, ...] = ()
    """The sha256 of each key, as hex."""
    search: tuple[str, ...] = ()
    """The sha256 of each key, as hex."""
    parents: tuple[str, ...] = ()
    """Each parent key itself."""
    dates: dict[str, KeyDates] = {}
    """By the id of a key."""

    def stored(self, kind: StoredKind) -> tuple[str, ...]:
        """The keys of a kind as they are stored, ended ones too."""
        return {"admin": self.admin, "search": self.search, "parent": self.parents}[kind]

    def usable(self, kind: StoredKind, now_seconds: float) -> tuple[str, ...]:
        """The keys of a kind that have not ended."""
        ends = {key: dates.ends_at.timestamp() for key, dates in self.dates.items() if dates.ends_at is not None}
        return tuple(key for key in self.stored(kind) if now_seconds < ends.get(key_id(kind, key), math.inf))


@dataclass(frozen=True)
class Caller:
    """Who calls, and what the key has sealed in."""

    kind: KeyKind
    condition: Condition | None = None
    """What every product that is shown must meet."""
    indices: tuple[str, ...] | None = None
    """The only indices that may be asked; None for all."""


def key_id(kind: StoredKind, stored: str) -> str:
    """What a stored key is called where people read it: the first characters of its hash."""
    return (key_hash(stored) if kind == "parent" else stored)[:8]


def key_hash(key: str) -> str:
    """How a key is stored."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def secured_key(parent: str, restrictions: Mapping[str, str]) -> str:
    """A key made from a parent, as any of Algolia's clients makes it on a shop's server.

    >>> base64.b64decode(secured_key("parent", {"validUntil": "1"}))[64:]
    b'validUntil=1'
    """
    sealed = urlencode(restrictions)
    digest = hmac.new(parent.encode(), sealed.encode(), hashlib.sha256).hexdigest()
    return base64.b64encode(f"{digest}{sealed}".encode()).decode()


def require_key(
    headers: Mapping[str, str],
    query: Mapping[str, str],
    ring: KeyRing,
    kinds: tuple[KeyKind, ...],
    *,
    now_seconds: float,
) -> Caller:
    """Who carries the request's key.

    Args:
        headers: With lower-case names.
        query: Query parameters, names as sent.
        ring: The keys that there are.
        kinds: Those that the route takes.
        now_seconds: Since 1970; a secured key may have expired.

    Raises:
        BadRequest: With status 403, in the words that Algolia's clients know, if there is no such key; with the reason
            if it is a secured key that is no longer or not here valid.
    """
    parameters = {name.lower(): value for name, value in query.items()}
    for name in (HEADER, *OTHER_NAMES):
        key = headers.get(name) or parameters.get(name)
        caller = _caller(key, ring, now_seconds) if key else None
        if caller is not None and caller.kind in kinds:
            return caller
    raise BadRequest("Invalid Application-ID or API key", status=403)


def _caller(key: str, ring: KeyRing, now_seconds: float) -> Caller | None:
    hashed = key_hash(key)
    if _is_among(hashed, ring.usable("admin", now_seconds)):
        return Caller("admin")
    if _is_among(hashed, ring.usable("search", now_seconds)):
        return Caller("search")
    return _secured(key, ring, now_seconds)


def _is_among(wanted: str, known: tuple[str, ...]) -> bool:
    """Whether a text is one of those known; takes as long for a near miss as for a far one."""
    found = [hmac.compare_digest(wanted.encode(errors="surrogatepass"), one.encode()) for one in known]
    return True in found


def _secured(key: str, ring: KeyRing, now_seconds: float) -> Caller | None:
    try:
        opened = base64.b64decode(key, validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        return None
    digest, sealed = opened[:_DIGEST_CHARACTERS], opened[_DIGEST_CHARACTERS:]
    parents = ring.usable("parent", now_seconds)
    made = tuple(hmac.new(parent.encode(), sealed.encode(), hashlib.sha256).hexdigest() for parent in parents)
    if not _is_among(digest, made):
        return None
    restrictions = {name: values[-1] for name, values in parse_qs(sealed, keep_blank_values=True).items()}
    if unknown := sorted(restrictions.keys() - _RESTRICTIONS):
        # To leave one out would show more than the shop meant to.
        raise BadRequest(f"the key seals in {', '.join(unknown)}, which this API does not hold to", status=403)
    until = restrictions.get("validUntil", "")
    if until and not (until.isdecimal() and now_seconds < int(until)):
        raise BadRequest("the key is no longer valid", status=403)
    indices = restrictions.get("restrictIndices")
    return Caller(
        "secured",
        parse_filters(restrictions.get("filters", ""), field="the key's filters"),
        None if not indices else tuple(name.strip(' "[]') for name in indices.split(",")),
    )
