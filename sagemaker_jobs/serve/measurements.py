"""What the endpoint counts: all in all for `/metrics`, and by the minute as one line that CloudWatch makes metrics of.

Source:
    CloudWatch's embedded metric format, version 0.
"""

import json
from collections import Counter, defaultdict
from typing import Any, Final

import numpy as np

from sagemaker_jobs.serve.lane import Batch

SERVICE: Final = "endpoint"
_UNITS: Final = {"Ms": "Milliseconds", "Mean": "None"}
"""By the end of a figure's name; all others are counts."""


class Measurements:
    """Counts since the start, and samples since the last line."""

    def __init__(self, namespace: str) -> None:
        """`namespace`: where CloudWatch puts the metrics; a stage's own, in which its functions' are, too."""
        self._namespace = namespace
        self._answered: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._fresh = _Window()

    def answered(self, task: str, latency_ms: float) -> None:
        """A request got its answer that long after it came."""
        self._answered[task] += 1
        self._fresh.latency_ms[task].append(latency_ms)

    def refused(self, reason: str) -> None:
        """A request got none; the reason is one word, PascalCase."""
        self._refused[reason] += 1
        self._fresh.refused[reason] += 1

    def computed(self, task: str, batch: Batch) -> None:
        """The worker was through with a batch of a task."""
        self._fresh.batch_sizes[task].append(batch.size)
        self._fresh.waited_ms[task].extend(batch.waited_ms)

    def totals(self) -> dict[str, Any]:
        """Since the start: answers by task, refusals by reason; and the figures since the last line."""
        return {
            "answered": dict(self._answered),
            "refused": dict(self._refused),
            "since_last_line": self._fresh.figures(),
        }

    def line(self, milliseconds: int) -> str | None:
        """One line of JSON about what came since the last one; None where nothing did.

        Args:
            milliseconds: Since the epoch: now.
        """
        figures, self._fresh = self._fresh.figures(), _Window()
        if not figures:
            return None
        metrics = [
            {"Name": name, "Unit": next((unit for end, unit in _UNITS.items() if name.endswith(end)), "Count")}
            for name in figures
        ]
        about = {"Namespace": self._namespace, "Dimensions": [["service"]], "Metrics": metrics}
        return json.dumps(
            {"_aws": {"Timestamp": milliseconds, "CloudWatchMetrics": [about]}, "service": SERVICE} | figures
        )


class _Window:
    """Samples by task."""

    def __init__(self) -> None:
        self.latency_ms: defaultdict[str, list[float]] = defaultdict(list)
        self.waited_ms: defaultdict[str, list[float]] = defaultdict(list)
        self.batch_sizes: defaultdict[str, list[int]] = defaultdict(list)
        self.refused: Counter[str] = Counter()

    def figures(self) -> dict[str, float]:
        """By a name such as `EncodeQueryLatencyP99Ms`."""
        found: dict[str, float] = {}
        for task, samples in sorted(self.latency_ms.items()):
            found[f"{_name(task)}Answered"] = len(samples)
            found |= _percentiles(f"{_name(task)}Latency", samples)
        for task, samples in sorted(self.waited_ms.items()):
            found |= _percentiles(f"{_name(task)}QueueWait", samples)
        for task, sizes in sorted(self.batch_sizes.items()):
            found[f"{_name(task)}Batches"] = len(sizes)
            found[f"{_name(task)}BatchSizeMean"] = round(float(np.mean(sizes)), 2)
        for reason, count in sorted(self.refused.items()):
            found[f"Refused{reason}"] = count
        return found


def _percentiles(name: str, samples: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(samples, [50, 99])
    return {f"{name}P50Ms": round(float(p50), 2), f"{name}P99Ms": round(float(p99), 2)}


def _name(task: str) -> str:
    return "".join(word.capitalize() for word in task.split("_"))
