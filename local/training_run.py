"""The record of one run of the training, `run.json`: what it was given, how far it came, how it ended."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from sagemaker_jobs.job import replace_file

RECORD = "run.json"
State = Literal["running", "failed", "interrupted", "registered", "missed"]
StepState = Literal["running", "done", "taken", "failed"]
UNFINISHED = ("running", "failed", "interrupted")
"""States that a run is gone on from; one that was killed still says that it runs."""


@dataclass
class StepRecord:
    """One step as this run saw it."""

    state: StepState
    folder: str
    """Where its result and its log lie."""


@dataclass
class Run:
    """One run; its record is written anew with every change."""

    folder: Path
    scope: str
    """The shop and the configuration by name."""
    lineage: dict[str, Any]
    """The configuration's values, the inputs by name and content, the commit."""
    began: str
    state: State = "running"
    why: str = ""
    """What ended it, where that was a failure."""
    steps: dict[str, StepRecord] = field(default_factory=dict)

    @classmethod
    def begin(cls, runs: Path, scope: str, lineage: dict[str, Any]) -> Self:
        """A new run, or the newest of the same scope where that one did not end and was given the same."""
        now = datetime.now(UTC)
        earlier = sorted(runs.glob(f"*Z-{scope}/{RECORD}"))
        if earlier:
            last = cls.read(earlier[-1].parent)
            if last.state in UNFINISHED and last.lineage == lineage:
                last.state, last.why, last.steps = "running", "", {}
                last.write()
                return last
        began = now.isoformat(timespec="seconds")
        run = cls(runs / f"{now:%Y%m%dT%H%M%S%f}Z-{scope}", scope, lineage, began)
        run.write()
        return run

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The run that a folder holds."""
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        record["steps"] = {name: StepRecord(**step) for name, step in record["steps"].items()}
        return cls(folder=folder, **record)

    def write(self) -> None:
        """Put the record on disk."""
        record = {name: value for name, value in asdict(self).items() if name != "folder"}
        replace_file(self.folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n")

    def step(self, name: str, state: StepState, folder: Path) -> None:
        """Say how a step stands; its folder is linked beside the record, for a person who looks around."""
        self.steps[name] = StepRecord(state, str(folder))
        link = self.folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(folder, target_is_directory=True)
        self.write()

    def ended(self, state: State, why: str = "") -> None:
        """Say how the run ended; the step that was running failed with it."""
        self.state, self.why = state, why
        for step in self.steps.values():
            if step.state == "running":
                step.state = "failed"
        self.write()
