"""What the functions of the local cloud sent as metrics, read from their logs: the emulator makes none of them."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

_REPORT = re.compile(r"^REPORT RequestId: \S+\tDuration: ([\d.]+) ms")

_LATE_MS = 2000
"""How much later than another line, of an earlier moment, a line may come to be read."""

Dimensions = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Line:
    """One event of a log."""

    group: str
    at_ms: int
    text: str


@dataclass
class Samples:
    """Every value that was sent, with its moment."""

    by_metric: dict[tuple[str, str, Dimensions], list[tuple[int, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(
        self, namespace: str, name: str, dimensions: Mapping[str, str], at_ms: int, values: Iterable[float]
    ) -> None:
        """Values of one moment."""
        key = (namespace, name, frozenset(dimensions.items()))
        self.by_metric[key].extend((at_ms, float(value)) for value in values)

    def of(self, namespace: str, name: str, dimensions: Mapping[str, str]) -> list[tuple[int, float]]:
        """In the order in which they were read; none if there are none."""
        return self.by_metric.get((namespace, name, frozenset(dimensions.items())), [])


def samples(lines: Iterable[Line], functions: Mapping[str, str]) -> Samples:
    """Metrics of embedded-metric lines, and of what Lambda reports of each invocation.

    Args:
        lines: Of any logs, in any order; those that are neither are passed over.
        functions: Log group -> the name of the function that writes it.
    """
    found = Samples()
    for line in lines:
        if report := _REPORT.match(line.text):
            dimensions = {"FunctionName": functions.get(line.group, line.group)}
            found.add("AWS/Lambda", "Duration", dimensions, line.at_ms, [float(report[1])])
            continue
        for entry in _entries(line.text):
            for directive in entry["_aws"]["CloudWatchMetrics"]:
                for names in directive["Dimensions"]:
                    dimensions = {name: str(entry[name]) for name in names}
                    for each in directive["Metrics"]:
                        values = entry[each["Name"]]
                        at_ms, listed = entry["_aws"]["Timestamp"], values if isinstance(values, list) else [values]
                        found.add(directive["Namespace"], each["Name"], dimensions, at_ms, listed)
    return found


def log_lines(prefix: str, since_ms: int) -> Iterator[Line]:
    """Every line since then, of the groups whose names begin with `prefix`."""
    logs = boto3.client("logs")
    for groups in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
        for group in groups["logGroups"]:
            name = group["logGroupName"]
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name, startTime=since_ms):
                yield from (Line(name, event["timestamp"], event["message"]) for event in page["events"])


class Followed:
    """Logs that are read on and on: each line once, whatever comes in meanwhile."""

    def __init__(self, prefix: str, functions: Mapping[str, str], since_ms: int) -> None:
        """`prefix` begins the names of the log groups; what was written before `since_ms` is passed over."""
        self._prefix, self._functions = prefix, functions
        self._since_ms = since_ms
        self._last: set[Line] = set()
        """Those that the next reading finds again."""

    def read(self) -> Samples:
        """What was sent since it was read last."""
        fresh = [line for line in log_lines(self._prefix, self._since_ms) if line not in self._last]
        if fresh:
            self._since_ms = max(line.at_ms for line in fresh) - _LATE_MS
            self._last = {line for line in (*self._last, *fresh) if line.at_ms >= self._since_ms}
        return samples(fresh, self._functions)


def functions_by_group() -> dict[str, str]:
    """Log group -> function, of everything that is deployed."""
    pages = boto3.client("lambda").get_paginator("list_functions").paginate()
    functions = [function for page in pages for function in page["Functions"]]
    return {function.get("LoggingConfig", {}).get("LogGroup", ""): function["FunctionName"] for function in functions}


def _entries(text: str) -> Iterator[dict[str, Any]]:
    """The line's object, if it is one with metrics."""
    if '"_aws"' not in text:
        return
    try:
        entry = json.loads(text)
    except ValueError:
        return
    if isinstance(entry, dict) and "CloudWatchMetrics" in entry.get("_aws", {}):
        yield entry
