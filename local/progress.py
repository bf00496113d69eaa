"""What a person sees while `make up` or `make train` works: steps as they begin and end, and what goes on now."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

LAST_LINES = 15
"""How much of a failed step's log is shown."""


class StepFailed(Exception):
    """A step that cannot go on: what was being done, why it failed, and what the reader can do."""

    def __init__(self, step: str, why: str, advice: str) -> None:
        super().__init__(f"{step}: {why}")
        self.step = step
        self.why = why
        self.advice = advice

    def explain(self) -> str:
        """The three parts, ready to print."""
        return f"\nFailed: {self.step}\n\n{self.why}\n\nWhat to do: {self.advice}"


@dataclass(frozen=True)
class _Running:
    title: str
    began: float
    log: Path | None
    told: Callable[[Path], str]


class Progress:
    """Prints steps with their seconds; several may run at once.

    A terminal gets a line that is rewritten every second; a file or a pipe gets a line every `quiet_seconds`.
    """

    def __init__(self, out: TextIO = sys.stdout, *, began: float | None = None, quiet_seconds: float = 20.0) -> None:
        self._out = out
        self._began = time.time() if began is None else began
        self._running: list[_Running] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._interval_seconds = 1.0 if out.isatty() else quiet_seconds
        threading.Thread(target=self._beat, daemon=True).start()

    @contextmanager
    def step(self, title: str, log: Path | None = None, told: Callable[[Path], str] | None = None) -> Iterator[None]:
        """Announce a step, show what its log told last meanwhile, its last line by default, and how long it took."""
        running = _Running(title, time.time(), log, told or (lambda log: last_lines(log, 1)))
        with self._lock:
            self._running.append(running)
        self.say(f"{title} ...")
        ended = "failed after"
        try:
            yield
            ended = "done in"
        finally:
            with self._lock:
                self._running.remove(running)
            self.say(f"{title}: {ended} {time.time() - running.began:.1f} s")

    def say(self, text: str) -> None:
        """Print one line behind the seconds since the command began."""
        with self._lock:
            clear = "\r\033[K" if self._out.isatty() else ""
            print(f"{clear}{time.time() - self._began:6.1f} s  {text}", file=self._out, flush=True)

    def close(self) -> None:
        """Stop rewriting the line."""
        self._stopped.set()

    def _beat(self) -> None:
        while not self._stopped.wait(self._interval_seconds):
            with self._lock:
                shown = "; ".join(self._describe(running) for running in self._running)
                if not shown:
                    continue
                if self._out.isatty():
                    room = shutil.get_terminal_size().columns - 11  # a line that wraps could not be taken back
                    print(f"\r\033[K          {shown[:room]}", end="", file=self._out, flush=True)
                else:
                    print(f"{time.time() - self._began:6.1f} s  still: {shown}", file=self._out, flush=True)

    @staticmethod
    def _describe(running: _Running) -> str:
        doing = running.told(running.log) if running.log else ""
        return f"{running.title} {time.time() - running.began:.0f} s" + (f" ({doing.strip()[:80]})" if doing else "")


def last_lines(log: Path, lines: int = LAST_LINES) -> str:
    """The last lines that say something, of at most the last 16 kB; empty when there is no such file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join([line for line in text.replace("\r", "\n").splitlines() if line.strip()][-lines:])
