"""How every job of training runs: it logs lines that people and SageMaker both read, and ends with a cause.

A line is a JSON object; a metric stands in it as `"metric": "<name>", "value": <number>`, which the regular expression
of `metric_regex` picks up on SageMaker.
"""

import json
import logging
import math
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from relevance.errors import VitrineError
from sagemaker_jobs.folders import PROJECT

DONE, STOPPED = 0, 1

logger = logging.getLogger("vitrine.job")


class _JsonLines(logging.Formatter):
    def __init__(self, job: str) -> None:
        super().__init__()
        self._job = job

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            "job": self._job,
        }
        line |= getattr(record, "fields", None) or {"message": record.getMessage()}
        return json.dumps(line, ensure_ascii=False, default=str)


def run(name: str, job: Callable[[Sequence[str] | None], None], arguments: Sequence[str] | None = None) -> int:
    """Run a job and return its exit status: 0, or 1 with the cause as its last line.

    Args:
        name: The job's module, as the pipeline names its step.
        job: Raises VitrineError, or OSError, with what stands in its way; anything else is a fault of its own.
        arguments: Of the command line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(name))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        job(arguments)
    except (VitrineError, OSError) as error:
        logger.error("%s", error)
        return STOPPED
    return DONE


def say(message: str) -> None:
    """Tell what is going on."""
    logger.info("%s", message)


def measured(name: str, value: float, **where: float | str) -> None:
    """Log a metric.

    Args:
        name: Such as `train:loss` or `validation:ndcg10`: what was measured on, a colon, and the figure.
        value: Finite, or VitrineError is raised: a training whose loss is no number must not go on.
        where: Such as `step=100`, for the curves.
    """
    if not math.isfinite(value):
        raise VitrineError(f"{name} is {value}, expected a number: the training diverges")
    logger.info("", extra={"fields": {"metric": name, "value": round(float(value), 6), **where}})


def metric_regex(name: str) -> str:
    """The regular expression that finds a metric's values in the log of a job.

    >>> re.findall(metric_regex("train:loss"), '{"job": "x", "metric": "train:loss", "value": 0.25, "step": 3}')
    ['0.25']
    """
    return rf'"metric": "{re.escape(name)}", "value": (-?[0-9.]+(?:e-?[0-9]+)?)'


def seed_everything(seed: int) -> None:
    """Python's and numpy's generators, and torch's where it is loaded."""
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def git_commit() -> str | None:
    """The commit of the code; on SageMaker, where there is no repository, the one that the pipeline was made from."""
    given = os.environ.get("VITRINE_COMMIT")
    if given:
        return given
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or None


def replace_file(path: Path, content: bytes) -> None:
    """Write beside, then rename: a reader, or a second run, never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(content)
    beside.replace(path)
