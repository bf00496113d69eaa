"""One command at a time may change a local cloud."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from local.folders import LocalFolder
from local.progress import StepFailed


@contextmanager
def alone(folder: LocalFolder) -> Iterator[None]:
    """Hold the folder's lock; raises StepFailed at once where another command holds it."""
    folder.root.mkdir(parents=True, exist_ok=True)
    with (folder.root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            why = f"another command (`make up`, `make release` or `make train`) is at work in {folder.root}"
            raise StepFailed("Start", why, "wait for it to end") from None
        yield
