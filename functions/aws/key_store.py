"""The API keys' hashes, in one SSM SecureString."""

import time
from collections.abc import Callable
from functools import cache

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from functions.aws.clients import ssm
from functions.aws.release_store import StoreUnavailable
from functions.keys import KeyRing

FRESH_SECONDS = 60.0
"""How long a key may still open after it was taken away, and how long a new one may not yet."""
_ATTEMPTS = 5


class KeyStore:
    """Reads the keys at most once a minute; while SSM does not answer, the last ones stay valid."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter
        self._ring: KeyRing | None = None
        self._read_at = -FRESH_SECONDS

    def ring(self) -> KeyRing:
        """The keys that there are. Raises StoreUnavailable if they could never be read."""
        if time.monotonic() - self._read_at < FRESH_SECONDS and self._ring is not None:
            return self._ring
        try:
            self._ring, _ = read_keys(self._parameter)
        except StoreUnavailable:
            if self._ring is None:
                raise
        self._read_at = time.monotonic()  # also behind a failure: not every request may wait for SSM
        return self._ring


@cache
def key_store(parameter: str) -> KeyStore:
    """One per execution environment."""
    return KeyStore(parameter)


def read_keys(parameter: str) -> tuple[KeyRing, int]:
    """The keys, and the version of the parameter that holds them. Raises StoreUnavailable if they cannot be read."""
    try:
        answer = ssm().get_parameter(Name=parameter, WithDecryption=True)["Parameter"]
        return KeyRing.model_validate_json(answer["Value"]), answer["Version"]
    except (BotoCoreError, ClientError, ValidationError) as error:
        raise StoreUnavailable(f"the API keys in {parameter} cannot be read: {type(error).__name__}") from error


def change_keys(parameter: str, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
    """Change the keys as they are at that moment; returns them as they are then.

    SSM cannot write only if nobody else did. But it numbers what is written: if somebody wrote in between, what they
    wrote is read back by its number, and the change is made to that.

    Raises:
        StoreUnavailable: If they cannot be read, or others keep writing.
    """
    ring, version = read_keys(parameter)
    changed = change(ring)
    if changed == ring:
        return ring
    for _ in range(_ATTEMPTS):
        written = write_keys(parameter, changed)
        if written == version + 1:
            return changed
        theirs, _ = read_keys(f"{parameter}:{written - 1}")
        changed, version = change(theirs), written
    raise StoreUnavailable(f"the API keys in {parameter} are being changed by others: look at them and try again")


def write_keys(parameter: str, ring: KeyRing) -> int:
    """Replace all keys; returns the parameter's new version."""
    value = ring.model_dump_json(exclude_defaults=True)
    return ssm().put_parameter(Name=parameter, Value=value, Type="SecureString", Overwrite=True)["Version"]
