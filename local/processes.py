"""Starting servers and ending exactly those: a process is its id *and* the moment that it started."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServerProcess:
    """A server that we started as the leader of its own process group."""

    name: str
    pid: int
    started: str
    """The operating system's own start mark; a later process that inherits the number has another."""

    def is_running(self) -> bool:
        """Whether this very process, not just its number, is still there."""
        return start_mark(self.pid) == self.started

    def end(self, patience_seconds: float = 5.0) -> bool:
        """Ask the group to end, then make it; False when the process was gone already."""
        if not self.is_running():
            return False
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, sign)
            if _wait_until_gone(self, patience_seconds):
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # workers that outlived their leader
        return True


def start_server(name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> ServerProcess:
    """Start `command`, whose first word is a path, in a group of its own, its output appended to `log`."""
    appended = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(  # not Popen, which minds when it is forgotten: this server outlives the program
        command[0],
        list(command),
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), appended, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *((os.POSIX_SPAWN_CLOSE, inherited) for inherited in _inheritable_descriptors()),
        ],
        setsid=True,
    )
    return ServerProcess(name, pid, start_mark(pid) or "")


def _inheritable_descriptors() -> list[int]:
    """What our caller left open for its children, a lock perhaps: a server would hold it for as long as it lives."""
    inherited = []
    for descriptor in [int(file.name) for file in Path("/dev/fd").iterdir()]:
        with contextlib.suppress(OSError):  # the one that listed the others is closed by now
            if descriptor > 2 and os.get_inheritable(descriptor):
                inherited.append(descriptor)
    return inherited


def start_mark(pid: int) -> str | None:
    """When the process started, in the system's own words; None when there is none, or only its exit code is left."""
    try:
        # the name, in parentheses, may hold spaces: count from behind it
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        return _start_mark_from_ps(pid)
    except ProcessLookupError:
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started


def _start_mark_from_ps(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    state, _, started = shown.partition(" ")
    return started.strip() or None if shown and not state.startswith("Z") else None


def _wait_until_gone(server: ServerProcess, patience_seconds: float) -> bool:
    until = time.monotonic() + patience_seconds
    while server.is_running():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
