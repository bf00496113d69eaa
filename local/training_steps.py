"""Running the steps of a training as processes, and taking a step's earlier result where nothing that it reads changed.

A step's folder, `steps/<step>/<key>/`, holds `result/` (SM_MODEL_DIR), `reports/` (SM_OUTPUT_DATA_DIR), `log.jsonl`,
`checkpoints/` until it is done, and `step.json` from then on. The key is a hash of the step's options, of what lies in
its channels and of the code that it runs, so an interrupted step finds its checkpoints by the same key.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from local.fingerprint import content_sha256
from local.folders import PROJECT
from local.imported_code import code_sha256
from local.job_log import Measurement, cause, last_told, measurements
from local.processes import ServerProcess, start_mark
from local.progress import Progress, StepFailed
from sagemaker_jobs.configuration import Configuration
from sagemaker_jobs.graph import Step
from sagemaker_jobs.job import replace_file

GO_ON = "run the same command again: the steps that are done are not done again"
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Source:
    """What one channel reads."""

    folder: Path
    sha256: str
    """Of its content."""


@dataclass(frozen=True)
class Done:
    """A step that ended well, now or in an earlier run."""

    step: str
    key: str
    arguments: list[str]
    inputs: dict[str, str | None]
    """Channel -> the sha256 of what it read; None where it was empty."""
    code: str
    began: str
    seconds: float
    sha256: str
    """Of what it made."""


@dataclass(frozen=True)
class Jobs:
    """Where the programs of the steps lie: `python -m <package>.<step>`, run in `root`."""

    package: str = "sagemaker_jobs"
    root: Path = PROJECT


@dataclass(frozen=True)
class StepFolder:
    """Where one step of one key works."""

    root: Path

    @property
    def result(self) -> Path:
        """What the job makes."""
        return self.root / "result"

    @property
    def log(self) -> Path:
        """All that the job told."""
        return self.root / "log.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Where it goes on from; gone when the step is done."""
        return self.root / "checkpoints"

    def done(self) -> Done | None:
        """What it made; None while it is not done."""
        record = self.root / "step.json"
        return Done(**json.loads(record.read_text(encoding="utf-8"))) if record.is_file() else None

    def source(self, done: Done) -> Source:
        """Its result, for the steps that read it."""
        return Source(self.result, done.sha256)

    def last(self, metrics: Sequence[str] | None = None) -> list[Measurement]:
        """The last value of each metric that its log tells, or of those that are named."""
        last = {measurement.name: measurement for measurement in measurements(self.log)}
        return [one for name, one in last.items() if metrics is None or name in metrics]


@dataclass(frozen=True)
class Plan:
    """A step as it is about to run."""

    step: Step
    arguments: list[str]
    inputs: dict[str, str | None]
    """Channel -> the sha256 of what it reads; None where it is empty."""
    code: str

    @property
    def key(self) -> str:
        """Equal for equal results."""
        return hashlib.sha256(json.dumps([self.step.name, self.arguments, self.inputs, self.code]).encode()).hexdigest()


def plan(step: Step, configuration: Configuration, sources: Mapping[str, Source], jobs: Jobs) -> Plan:
    """What a step will read and run.

    Args:
        step: Of the graph.
        configuration: The options.
        sources: What there is to read, by the name of a step or of an input of the graph.
        jobs: Where the programs lie.

    Raises:
        StepFailed: If there is no such job, or nothing for a channel that it cannot do without.
    """
    if not (jobs.root / jobs.package / f"{step.name}.py").is_file():
        raise StepFailed(step.name, f"there is no job {jobs.package}.{step.name}", f"write it, then {GO_ON}")
    inputs = {channel: found.sha256 if (found := sources.get(of)) else None for channel, of in step.inputs.items()}
    for channel, sha256 in inputs.items():
        if sha256 is None and channel not in step.optional:
            why = f"its input {channel!r} is empty: there is no {step.inputs[channel]}"
            raise StepFailed(step.name, why, "name one, or skip the step in the configuration")
    code = code_sha256(f"{jobs.package}.{step.name}", jobs.root)
    return Plan(step, configuration.arguments(step.name), inputs, code)


def do(
    progress: Progress, planned: Plan, place: StepFolder, sources: Mapping[str, Source], *, fresh: bool, jobs: Jobs
) -> tuple[Done, bool]:
    """Do a step, or take what it made before; returns what it made, and whether that was made before.

    Args:
        progress: Told how it goes.
        planned: The step.
        place: Where it works: a folder of its key's own.
        sources: What there is to read, by the name of a step or of an input of the graph.
        fresh: Whether earlier results and checkpoints count for nothing.
        jobs: Where the programs lie.

    Raises:
        StepFailed: With the job's own last word; what it had half written is gone, its checkpoints are kept.
    """
    step = planned.step
    if not fresh and step.repeatable and (before := place.done()):
        progress.say(
            f"{step.name}: taken from {before.began[:16].replace('T', ' ')}, nothing that it reads has changed"
        )
        return before, True
    for unfinished in (place.result, place.root / "reports", *([place.checkpoints] if fresh else [])):
        shutil.rmtree(unfinished, ignore_errors=True)
    (place.root / "step.json").unlink(missing_ok=True)
    place.root.mkdir(parents=True, exist_ok=True)
    goes_on = step.interruptible and place.checkpoints.is_dir() and any(place.checkpoints.iterdir())
    began = datetime.now(UTC)
    title = f"{step.name}, going on from its checkpoint" if goes_on else step.name
    with progress.step(title, place.log, last_told):
        try:
            _run(planned, sources, place, jobs)
        except BaseException:
            shutil.rmtree(place.result, ignore_errors=True)
            raise
    seconds = (datetime.now(UTC) - began).total_seconds()
    done = Done(
        step=step.name,
        key=planned.key,
        arguments=planned.arguments,
        inputs=planned.inputs,
        code=planned.code,
        began=began.astimezone().isoformat(timespec="seconds"),
        seconds=round(seconds, 2),
        sha256=content_sha256(place.result),
    )
    replace_file(place.root / "step.json", json.dumps(asdict(done), indent=1).encode() + b"\n")
    shutil.rmtree(place.checkpoints, ignore_errors=True)
    return done, False


def _run(planned: Plan, sources: Mapping[str, Source], place: StepFolder, jobs: Jobs) -> None:
    step = planned.step
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SM_")}
    environment |= {
        f"SM_CHANNEL_{channel.upper()}": str(sources[of].folder) for channel, of in step.inputs.items() if of in sources
    }
    environment |= {"SM_MODEL_DIR": str(place.result), "SM_OUTPUT_DATA_DIR": str(place.root / "reports")}
    # on a machine that does something else as well, threads that wait by spinning make two five times slower than one
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if step.interruptible:
        environment["SM_CHECKPOINT_DIR"] = str(place.checkpoints)
    place.result.mkdir()
    command = [sys.executable, "-m", f"{jobs.package}.{step.name}", *planned.arguments]
    with place.log.open("wb") as log, _ended(command, log.fileno(), environment, jobs.root) as process:
        code = process.wait()
    if code:
        why = f"{cause(place.log)}\n(exit code {code}; all of it in {place.log})"
        kept = place.checkpoints.is_dir() and any(place.checkpoints.iterdir())
        advice = f"mend the cause, then {GO_ON}" + (f", and {step.name} goes on from its checkpoint" if kept else "")
        raise StepFailed(step.name, why, advice)


@contextmanager
def _ended(
    command: list[str], output: int, environment: Mapping[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which is ended with all that it started whatever happens meanwhile."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    group = ServerProcess(command[2], process.pid, start_mark(process.pid) or "")
    try:
        yield process
    finally:
        group.end(PATIENCE_SECONDS)
        process.wait()
