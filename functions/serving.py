"""The open release of an execution environment, and how the next one takes its place."""

import random
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Protocol

from functions.aws.release_store import Pointer, ReleaseStore, StoreUnavailable
from functions.environment import SearchSettings
from functions.observability import logger
from relevance.errors import NoRelease, ReleaseRefused
from relevance.release import Release, open_release

_JITTER = 0.1
_STALE = 2.0
"""So many times as long as looks are apart, nobody looked: the environment was asleep, and looks before it answers."""
_PATIENCE_SECONDS = 2.0
"""How long that answer waits at most."""


class Store(Protocol):
    """Where releases come from."""

    def pointer(self) -> Pointer | None:
        """Which releases are in use."""

    def fetch(self, release_id: str) -> Path:
        """The folder of a release."""

    def forget(self, release_id: str) -> None:
        """Fetch it anew next time."""


class ServingRelease:
    """Opens the live release at first use; then looks at the pointer beside requests and swaps between two of them.

    No release answers later than twice `pointer_seconds` after another took its place, but while AWS does not answer:
    who was asleep for so long first looks.
    """

    def __init__(
        self,
        store: Store,
        pointer_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        opener: Callable[[Path], Release] = open_release,
    ) -> None:
        self._store = store
        self._pointer_seconds = pointer_seconds
        self._clock = clock
        self._opener = opener
        self._open: Release | None = None
        self._refused: set[str] = set()
        self._look_at = self._stale_at = 0.0
        self._busy = threading.Lock()
        self._looking: threading.Thread | None = None

    def current(self) -> Release:
        """The release to answer with; waits for another only where nobody looked for long. Raises NoRelease."""
        opened = self._open
        if opened is None:
            with self._busy:
                if self._open is None:
                    self._open = self._first()
                    self._look_again()
                return self._open
        now = self._clock()
        stale = now >= self._stale_at
        if now >= self._look_at and self._busy.acquire(blocking=False):
            self._look_again()
            self._looking = threading.Thread(target=self._refresh_and_release, daemon=True)
            self._looking.start()
        if stale and self._looking is not None:
            self._looking.join(_PATIENCE_SECONDS)
        return self._open or opened

    def refresh(self) -> None:
        """Open what the pointer says, if it is another release; one that is refused is not tried twice."""
        try:
            pointer = self._store.pointer()
        except StoreUnavailable as error:
            logger.warning("the pointer was not read; the open release stays", reason=str(error))
            return
        if pointer is None or self._open is None or pointer.live == self._open.release_id:
            return
        if pointer.live in self._refused:
            return
        try:
            self._open = self._opened(pointer.live)
            logger.info("release swapped", release=pointer.live)
        except (ReleaseRefused, StoreUnavailable) as error:
            logger.error("release not opened; the one before keeps serving", reason=str(error))

    def _first(self) -> Release:
        try:
            pointer = self._store.pointer()
        except StoreUnavailable as error:
            raise NoRelease(str(error)) from error
        if pointer is None:
            raise NoRelease("no release has been published yet")
        reasons = []
        for release_id in filter(None, (pointer.live, pointer.previous)):
            try:
                return self._opened(release_id)
            except (ReleaseRefused, StoreUnavailable) as error:
                logger.error("release not opened", reason=str(error))
                reasons.append(str(error))
        raise NoRelease("; ".join(reasons))

    def _opened(self, release_id: str) -> Release:
        try:
            return self._opener(self._store.fetch(release_id))
        except ReleaseRefused:
            self._refused.add(release_id)
            self._store.forget(release_id)
            raise

    def _look_again(self) -> None:
        jittered = self._pointer_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)
        now = self._clock()
        self._look_at, self._stale_at = now + jittered, now + _STALE * self._pointer_seconds

    def _refresh_and_release(self) -> None:
        try:
            self.refresh()
        finally:
            self._busy.release()


@cache
def serving(settings: SearchSettings) -> ServingRelease:
    """One per execution environment."""
    store = ReleaseStore(
        settings.release_bucket, settings.pointer_table, settings.index_name, Path(settings.release_folder)
    )
    opener = partial(open_release, remembered=settings.remembered_queries)
    return ServingRelease(store, settings.pointer_seconds, opener=opener)
