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


class Store(Protocol):
    """Where releases come from."""

    def pointer(self) -> Pointer | None:
        """Which releases are in use."""

    def fetch(self, release_id: str) -> Path:
        """The folder of a release."""

    def forget(self, release_id: str) -> None:
        """Fetch it anew next time."""


class ServingRelease:
    """Opens the live release at first use; then looks at the pointer beside requests and swaps between two of them."""

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
        self._look_at = 0.0
        self._busy = threading.Lock()

    def current(self) -> Release:
        """The release to answer with. Never waits for another once one is open. Raises NoRelease."""
        opened = self._open
        if opened is None:
            with self._busy:
                if self._open is None:
                    self._open = self._first()
                    self._look_again()
                return self._open
        if self._clock() >= self._look_at and self._busy.acquire(blocking=False):
            self._look_again()
            threading.Thread(target=self._refresh_and_release, daemon=True).start()
        return opened

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
        self._look_at = self._clock() + jittered

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
