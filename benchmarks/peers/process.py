"""Engines as processes: how long one takes to be ready, what it answers, and what memory it holds."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import IO, Any, cast

from benchmarks.peers.engine import entry

HERE = Path(__file__).parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1") | {
    "TOKENIZERS_PARALLELISM": "false"
}


@dataclass(frozen=True)
class Answer:
    """What one query brought."""

    ids: tuple[str, ...]
    ms: float
    """Measured inside the engine's process."""


class Running:
    """An engine that is ready."""

    def __init__(self, name: str, process: subprocess.Popen[str], began: float) -> None:
        """Waits until it is ready; `began` as perf_counter counts.

        Raises:
            RuntimeError: If it ends before that.
        """
        self._name, self._process = name, process
        self._line()
        self.start_seconds = perf_counter() - began

    def ask(self, queries: Sequence[str], k: int) -> list[Answer]:
        """The answers in the order of the queries."""
        cast(IO[str], self._process.stdin).write(json.dumps({"queries": list(queries), "k": k}) + "\n")
        cast(IO[str], self._process.stdin).flush()
        return [Answer(tuple(each["ids"]), each["ms"]) for each in self._line()["answers"]]

    def memory_mib(self) -> float:
        """Resident now, its own processes' together."""
        return sum(_resident_mib(each) for each in _family(self._process.pid))

    def _line(self) -> Any:
        line = cast(IO[str], self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with {self._process.wait()}: see what it said above")
        return json.loads(line)


@contextmanager
def running(name: str, folder: Path) -> Iterator[Running]:
    """The engine over what was built in `folder`, in a process of its own; ended behind the block."""
    began = perf_counter()
    process = subprocess.Popen(
        [*_program(name, "ready"), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | ONE_THREAD,
    )
    try:
        yield Running(name, process, began)
    finally:
        cast(IO[str], process.stdin).close()
        process.wait()
        cast(IO[str], process.stdout).close()


def build(name: str, folder: Path, products: Path) -> float:
    """Build one engine from a file of products into `folder`; returns the seconds, its process' start included.

    Raises:
        subprocess.CalledProcessError: If it cannot be built.
    """
    folder.mkdir(parents=True, exist_ok=True)
    began = perf_counter()
    with products.open("rb") as lines:
        subprocess.run([*_program(name, "build"), str(folder)], stdin=lines, check=True, env=os.environ | ONE_THREAD)
    return perf_counter() - began


def _program(name: str, command: str) -> list[str]:
    module = entry(name).module
    if module.endswith(".mjs"):
        return ["node", str(HERE / module), command]
    return [sys.executable, "-m", "benchmarks.peers.serve", command, name]


def _resident_mib(pid: int) -> float:
    (kib,) = (
        line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")
    )
    return int(kib) / 1024


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]
