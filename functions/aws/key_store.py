"""The API keys' hashes, in one SSM SecureString."""

import time
from functools import cache

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from functions.aws.clients import ssm
from functions.aws.release_store import StoreUnavailable
from functions.keys import KeyRing

_FRESH_SECONDS = 60.0


class KeyStore:
    """Reads the keys at most once a minute; while SSM does not answer, the last ones stay valid."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter
        self._ring: KeyRing | None = None
        self._read_at = -_FRESH_SECONDS

    def ring(self) -> KeyRing:
        """The keys that there are. Raises StoreUnavailable if they could never be read."""
        if time.monotonic() - self._read_at < _FRESH_SECONDS and self._ring is not None:
            return self._ring
        try:
            answer = ssm().get_parameter(Name=self._parameter, WithDecryption=True)
            self._ring = KeyRing.model_validate_json(answer["Parameter"]["Value"])
            self._read_at = time.monotonic()
        except (BotoCoreError, ClientError, ValidationError) as error:
            if self._ring is None:
                raise StoreUnavailable(
                    f"the API keys in {self._parameter} cannot be read: {type(error).__name__}"
                ) from error
        return self._ring


@cache
def key_store(parameter: str) -> KeyStore:
    """One per execution environment."""
    return KeyStore(parameter)


def write_keys(parameter: str, ring: KeyRing) -> None:
    """Replace all keys."""
    ssm().put_parameter(Name=parameter, Value=ring.model_dump_json(), Type="SecureString", Overwrite=True)
