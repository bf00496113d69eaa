"""`vitrine keys`: make, list and rotate the API keys of a stage. Keys are shown once, when made; then by their ids."""

import argparse
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

from functions.aws.key_store import FRESH_SECONDS, change_keys, read_keys, write_keys
from functions.keys import KeyDates, KeyRing, StoredKind, key_hash, key_id

_KEY_BYTES = 24
KINDS: tuple[StoredKind, ...] = get_args(StoredKind)

_SOON = f"Functions read the keys again within {FRESH_SECONDS:.0f} s."


def create_keys(given: argparse.Namespace) -> None:
    """Replace all keys of a stage by new ones, at once. The parent key is for the shop's server alone."""
    now, ring = datetime.now(UTC), KeyRing()
    keys = {kind: secrets.token_hex(_KEY_BYTES) for kind in KINDS}
    for kind in KINDS:
        ring = with_key(ring, kind, keys[kind], now)
    write_keys(_parameter(given.stage), ring)
    for kind, key in keys.items():
        print(f"{kind:<7}{key}")


def list_keys(given: argparse.Namespace) -> None:
    """Which keys there are."""
    ring, _ = read_keys(_parameter(given.stage))
    for kind in KINDS:
        for said in _said_of(ring, kind):
            print(f"{kind:<7}{said}")


def rotate_keys(given: argparse.Namespace) -> None:
    """Put a new key beside the old one, or take the old one away; a step that was done already changes nothing."""
    now, kind = datetime.now(UTC), given.kind
    if given.finish:
        before, _ = read_keys(_parameter(given.stage))
        ring = change_keys(_parameter(given.stage), lambda ring: finished(ring, kind))
        gone = [key_id(kind, key) for key in before.stored(kind) if key not in ring.stored(kind)]
        print(f"removed: {', '.join(gone)}" if gone else "nothing to remove: no rotation is under way")
    else:
        key = secrets.token_hex(_KEY_BYTES)
        ends_at = None if given.grace is None else now + timedelta(hours=given.grace)
        ring = change_keys(_parameter(given.stage), lambda ring: rotated(ring, kind, key, now, ends_at))
        if _stored(kind, key) in ring.stored(kind):
            print(f"new {kind} key, shown this once: {key}")
        else:
            print("no key was made: a rotation is under way")
    for said in _said_of(ring, kind):
        print(f"{kind:<7}{said}")
    print(_SOON)
    if len(ring.stored(kind)) > 1:
        print(f"When everybody has the new key: vitrine keys rotate --stage {given.stage} --kind {kind} --finish")
    elif given.finish and kind == "parent":
        print("Secured keys made from the old parent key open nothing any more.")


def with_key(ring: KeyRing, kind: StoredKind, key: str, now: datetime) -> KeyRing:
    """The ring with one more key, the newest of its kind."""
    stored = _stored(kind, key)
    return _with(ring, kind, (*ring.stored(kind), stored)).model_copy(
        update={"dates": ring.dates | {key_id(kind, stored): KeyDates(made_at=now)}}
    )


def rotated(ring: KeyRing, kind: StoredKind, key: str, now: datetime, ends_at: datetime | None) -> KeyRing:
    """The ring with the new key beside the old ones, which end then if a time is given.

    While a rotation is under way, that is while older keys have not ended, no further key is added.
    """
    ring = _with(ring, kind, ring.usable(kind, now.timestamp()))
    if len(ring.stored(kind)) < 2:
        ring = with_key(ring, kind, key, now)
    if ends_at is None:
        return ring
    older = [key_id(kind, stored) for stored in ring.stored(kind)[:-1]]
    ended = {
        one: KeyDates(made_at=ring.dates[one].made_at if one in ring.dates else None, ends_at=ends_at) for one in older
    }
    return ring.model_copy(update={"dates": ring.dates | ended})


def finished(ring: KeyRing, kind: StoredKind) -> KeyRing:
    """The ring with no key of this kind but the newest."""
    return _with(ring, kind, ring.stored(kind)[-1:])


def add_key_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`vitrine keys ...`"""
    keys = commands.add_parser("keys", help="the API keys of a stage").add_subparsers(required=True, metavar="ACTION")
    creating = keys.add_parser("create", help="replace all by new ones, shown once")
    listing = keys.add_parser("list", help="which there are: kind, id, when made, until when")
    rotating = keys.add_parser("rotate", help="replace one kind in two steps, so that callers can move over")
    for action, command in ((creating, create_keys), (listing, list_keys), (rotating, rotate_keys)):
        action.add_argument("--stage", required=True, help="such as dev")
        action.set_defaults(command=command)
    rotating.add_argument("--kind", required=True, choices=KINDS)
    step = rotating.add_mutually_exclusive_group()
    step.add_argument(
        "--grace",
        type=_hours,
        metavar="HOURS",
        help="the old keys end by themselves then; 0 is at once (default: never)",
    )
    step.add_argument("--finish", action="store_true", help="remove all but the newest")


def _hours(written: str) -> float:
    hours = float(written)
    if not 0 <= hours <= 24 * 365:
        raise argparse.ArgumentTypeError(f"{written}: expected hours from 0 to a year")
    return hours


def _parameter(stage: str) -> str:
    return f"/vitrine/{stage}/keys"


def _stored(kind: StoredKind, key: str) -> str:
    return key if kind == "parent" else key_hash(key)


def _with(ring: KeyRing, kind: StoredKind, stored: tuple[str, ...]) -> KeyRing:
    """The ring with other keys of this kind; dates of keys that are gone go with them."""
    field = "parents" if kind == "parent" else kind
    changed = ring.model_copy(update={field: stored})
    ids = {key_id(one, key) for one in KINDS for key in changed.stored(one)}
    return changed.model_copy(update={"dates": {one: dates for one, dates in ring.dates.items() if one in ids}})


def _said_of(ring: KeyRing, kind: StoredKind) -> Iterator[str]:
    for stored in ring.stored(kind):
        dates = ring.dates.get(key_id(kind, stored))
        made = f"made {dates.made_at:%Y-%m-%d %H:%M} UTC" if dates and dates.made_at else "made before dates were kept"
        ends = f", ends {dates.ends_at:%Y-%m-%d %H:%M} UTC" if dates and dates.ends_at else ""
        yield f"{key_id(kind, stored)}  {made}{ends}"
