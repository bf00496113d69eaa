"""Servers are ended by what they are, never by a number that another process may have by now."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.down import end_all
from local.folders import LocalFolder
from local.processes import ServerProcess, start_mark, start_server
from local.state import LocalState

WAIT = "import sys; print('ready', flush=True); sys.stdin.read()"
WITH_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(child.pid, flush=True)
time.sleep(300)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(300)
"""


@pytest.fixture
def bystander():
    """A process of somebody else."""
    process = subprocess.Popen([sys.executable, "-c", WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def first_line(log: Path, server: ServerProcess) -> str:
    """What the server says first; fails when it ends before."""
    while not (said := log.read_text(encoding="utf-8")).endswith("\n"):
        assert server.is_running()
    return said.strip()


def started(tmp_path: Path, code: str) -> tuple[ServerProcess, str]:
    log = tmp_path / "server.log"
    server = start_server("cloud", [sys.executable, "-c", code], log=log, environment=os.environ)
    return server, first_line(log, server)


def is_gone_soon(pid: int) -> bool:
    """A killed process is gone when the system gets to it, not when the signal is sent."""
    until = time.monotonic() + 5
    while start_mark(pid) is not None and time.monotonic() < until:
        time.sleep(0.01)
    return start_mark(pid) is None


def test_a_server_keeps_nothing_open_that_our_caller_left_open(tmp_path):
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)

    server, _ = started(tmp_path, "import time; print('ready', flush=True); time.sleep(300)")

    os.close(writing)
    assert os.read(reading, 1) == b""  # would wait for as long as the server has the other end
    os.close(reading)
    server.end()


def test_a_server_is_ended_with_all_that_it_started(tmp_path):
    server, child = started(tmp_path, WITH_CHILD)

    ended = server.end()

    assert ended
    assert not server.is_running()
    assert is_gone_soon(int(child))


def test_a_server_that_does_not_listen_is_ended_too(tmp_path):
    server, _ = started(tmp_path, DEAF)

    server.end(patience_seconds=0.2)

    assert not server.is_running()


def test_another_process_with_the_same_number_is_left_alone(bystander):
    recorded = ServerProcess("cloud", bystander.pid, "another moment")

    ended = recorded.end()

    assert not ended
    assert bystander.poll() is None


def test_down_ends_what_was_recorded_and_forgets_it(tmp_path, bystander):
    folder = LocalFolder(tmp_path)
    server, _ = started(tmp_path, DEAF.replace("SIG_IGN", "SIG_DFL"))
    stale = ServerProcess("gateway", bystander.pid, "another moment")
    LocalState(folder.state_file, servers={"cloud": server, "gateway": stale}).write()

    ended = end_all(folder)

    assert ended == ["cloud"]
    assert not folder.state_file.exists()
    assert bystander.poll() is None


def test_down_twice_finds_nothing_the_second_time(tmp_path):
    assert end_all(LocalFolder(tmp_path)) == []


def test_state_is_read_as_it_was_written(tmp_path):
    written = LocalState(
        tmp_path / "state.json",
        servers={"cloud": ServerProcess("cloud", 7, "12")},
        cloud_port=4566,
        outputs={"ApiId": "abcd1234"},
        deployed="a",
        published="r1",
    )
    written.write()

    assert LocalState.read(written.file) == written


@pytest.mark.parametrize("content", ["", "{", '{"servers": 3}', '{"servers": {}, "unknown": 1}'])
def test_a_state_file_that_makes_no_sense_counts_as_none(tmp_path, content):
    file = tmp_path / "state.json"
    file.write_text(content)

    assert LocalState.read(file) == LocalState(file)
