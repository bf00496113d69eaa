"""Whether something that fails is asked again: a circuit breaker, and a budget for second attempts."""

import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half_open"]

_JITTER = 0.5
"""A pause is drawn within so much of itself, so that a thousand functions do not come back at once."""


class CircuitBreaker:
    """Keeps calls from what fails, and lets one through now and then to see whether it is back.

    Closed: every call may be made, until so many failed in a row, or too large a share of the last ones. Open: none,
    for a pause. Half open: one, the probe, and no other until its outcome is recorded; if it succeeds the breaker
    closes, if it fails the next pause is twice as long.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        drawn: random.Random,
        *,
        failures: int = 3,
        share: float = 0.5,
        window: int = 20,
        pause_seconds: float = 2.0,
        longest_pause_seconds: float = 10.0,
    ) -> None:
        """
        Args:
            clock: Seconds that never go back.
            drawn: Where jitter is drawn from.
            failures: So many in a row open it; at least 1.
            share: In (0, 1]: this share of the last `window` calls, none fewer, opens it as well.
            window: How many calls the share is of.
            pause_seconds: How long it stays open at first, give or take half.
            longest_pause_seconds: What doubling ends at, give or take half.
        """
        self._clock = clock
        self._drawn = drawn
        self._failures = failures
        self._share = share
        self._pause_seconds = pause_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._last: deque[bool] = deque(maxlen=window)
        """Whether each of the last calls failed."""
        self._in_a_row = 0
        self._opened = 0
        """How many times in a row it opened without having closed."""
        self._again_at = 0.0
        self._probing = False
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        """As it is now."""
        if not self._opened:
            return "closed"
        return "half_open" if self._clock() >= self._again_at else "open"

    def allows(self) -> bool:
        """Whether a call may be made; its outcome must be recorded then."""
        with self._lock:
            state = self.state
            if state == "half_open" and not self._probing:
                self._probing = True
                return True
            return state == "closed"

    def record(self, *, failed: bool) -> None:
        """The outcome of a call that was allowed."""
        with self._lock:
            if self._probing:
                self._probing = False
                if failed:
                    self._open()
                else:
                    self._close()
                return
            self._last.append(failed)
            self._in_a_row = self._in_a_row + 1 if failed else 0
            many = len(self._last) == self._last.maxlen and sum(self._last) >= self._share * len(self._last)
            if failed and not self._opened and (many or self._in_a_row >= self._failures):
                self._open()

    def _open(self) -> None:
        pause = min(self._pause_seconds * 2**self._opened, self._longest_pause_seconds)
        self._opened += 1
        self._again_at = self._clock() + pause * self._drawn.uniform(1 - _JITTER, 1 + _JITTER)

    def _close(self) -> None:
        self._opened = self._in_a_row = 0
        self._last.clear()


class RetryBudget:
    """Allows second attempts for a small share of all calls, so that retrying never doubles the load of what fails."""

    def __init__(self, *, share: float = 0.1, most: float = 3.0) -> None:
        """
        Args:
            share: In [0, 1]: of all calls, how many may be tried again in the long run.
            most: How many may be tried again in a row behind a quiet time.
        """
        self._share = share
        self._most = most
        self._left = most

    def note_call(self) -> None:
        """One more first attempt."""
        self._left = min(self._most, self._left + self._share)

    def spend(self) -> bool:
        """Whether a second attempt may be made; it counts as made then."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
