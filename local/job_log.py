"""What a job of training has told: lines of JSON as `sagemaker_jobs.job` writes them, between what libraries say."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.progress import last_lines


@dataclass(frozen=True)
class Measurement:
    """One value of a metric."""

    name: str
    value: float
    where: Mapping[str, Any]
    """Such as the step or the epoch."""

    def __str__(self) -> str:
        where = ", ".join(f"{key} {value}" for key, value in self.where.items())
        return f"{self.name} {self.value:.4g}" + (f" ({where})" if where else "")


def measurements(log: Path) -> list[Measurement]:
    """All that a job measured, in the order of time; none where it has no log."""
    return [found for line in _lines(log) if (found := _measurement(line))]


def last_told(log: Path) -> str:
    """What a job told last, as a person reads it; where libraries alone spoke of late, the last line of theirs."""
    lines = last_lines(log).splitlines()
    told = [line for line in lines if _read(line) is not None]
    return _spoken((told or lines or [""])[-1])


def cause(log: Path) -> str:
    """Why a job failed: the last error that it told, or its log's last lines where it fell without a word."""
    errors = [str(line["message"]) for line in _lines(log) if line.get("level") == "error" and "message" in line]
    return errors[-1] if errors else "\n".join(_spoken(line) for line in last_lines(log).splitlines())


def _spoken(line: str) -> str:
    """The message, or the metric; a line of a library as it is."""
    if (read := _read(line)) is None:
        return line
    measured = _measurement(read)
    return str(measured) if measured else str(read.get("message", ""))


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    if log.is_file():
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if (read := _read(line)) is not None:
                yield read


def _read(line: str) -> dict[str, Any] | None:
    try:
        read = json.loads(line)
    except ValueError:
        return None
    return read if isinstance(read, dict) and "job" in read else None


def _measurement(line: Mapping[str, Any]) -> Measurement | None:
    if "metric" not in line:
        return None
    where = {key: value for key, value in line.items() if key not in ("at", "level", "job", "metric", "value")}
    return Measurement(str(line["metric"]), float(line["value"]), where)
