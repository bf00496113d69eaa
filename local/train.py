"""`make train`: the graph of the training, run on this machine as processes, and a page that shows what it did.

SHOP= or CATALOGUE= names the products as for `make up`, EXPORT= a folder of `vitrine catalogue export`; CONFIG= a
configuration; BASE=, EVENTS= and LIVE= folders of an encoder, of events and of a release, where there are such. FRESH=1
(`--fresh`) takes nothing from earlier runs.

Ends with 0 when a release was registered, with 4 when one was made that misses a limit of the gate, with 1 when a step
failed, with 130 when a person interrupted it. After 1 and 130 the same command goes on where the run stopped.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.lock import alone
from local.progress import Progress, StepFailed
from local.release import SHOPS, Shop
from local.training_inputs import TrainingFolder, resolve
from local.training_run import Run
from local.training_steps import GO_ON, Jobs, Source, StepFolder, do, plan
from local.training_summary import release_of, table, verdict_of, write_page
from relevance.errors import VitrineError
from sagemaker_jobs.configuration import DEFAULT, Configuration, read_configuration
from sagemaker_jobs.dataset import STATISTICS
from sagemaker_jobs.graph import GATE, STEPS, Step, in_order
from sagemaker_jobs.job import git_commit

REGISTERED, FAILED, MISSED, INTERRUPTED = 0, 1, 4, 130
KEPT_RUNS = 3
"""Of so many, the newest, what the steps made is kept."""


def train(
    progress: Progress,
    folder: TrainingFolder,
    run: Run,
    configuration: Configuration,
    inputs: Mapping[str, Source],
    *,
    steps: Sequence[Step] = STEPS,
    gate: tuple[str, str] = GATE,
    fresh: bool = False,
    jobs: Jobs | None = None,
) -> bool:
    """Do the steps of a run in order; returns whether the gate let the release through.

    Raises:
        StepFailed: Naming the first step that failed.
    """
    sources = dict(inputs)
    jobs = jobs or Jobs()
    for step in configuration.steps(in_order(steps)):
        planned = plan(step, configuration, sources, jobs)
        place = StepFolder(folder.steps / step.name / planned.key[:16])
        run.step(step.name, "running", place.root)
        done, taken = do(progress, planned, place, sources, fresh=fresh, jobs=jobs)
        run.step(step.name, "taken" if taken else "done", place.root)
        sources[step.name] = place.source(done)
        if not taken and (told := ", ".join(str(one) for one in place.last(step.metrics))):
            progress.say(f"{step.name}: {told}")
    decided = StepFolder(Path(run.steps[gate[0]].folder)).last([gate[1]])
    if not decided:
        raise StepFailed(gate[0], f"it did not say {gate[1]}", "the job must measure it: 1 to register, 0 to refuse")
    return decided[0].value == 1


def conclude(folder: TrainingFolder, run: Run, *, passed: bool) -> str:
    """Register the release that passed the gate, with the data that it was trained on; returns what to tell the person.

    Raises:
        StepFailed: If the gate's step left no release with a verdict.
    """
    made = release_of(run)
    if made is None or (verdict := verdict_of(made)) is None:
        raise StepFailed(GATE[0], "it left no release with a verdict in its manifest", GO_ON)
    checks = [f"  {'passed' if one.passed else 'MISSED'}  {one.objective}: {one.reason}" for one in verdict.checks]
    ending = f"Not registered: it misses what is marked above. The release is {made}"
    if passed:
        registered = folder.registered / made.name
        unfinished = registered.with_name(f".{made.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(made, unfinished)
        shutil.rmtree(registered, ignore_errors=True)
        unfinished.rename(registered)
        accepted = folder.accepted(run.scope)
        accepted.mkdir(parents=True, exist_ok=True)
        shutil.copy(StepFolder(Path(run.steps["prepare"].folder)).result / STATISTICS, accepted / STATISTICS)
        ending = (
            f"Registered: {registered}\n"
            f"Make it live in the shop of `make up`: vitrine release publish {shlex.quote(str(registered))}"
        )
    run.ended("registered" if passed else "missed")
    return "\n".join(["The gate:", *checks, "", ending])


def forget_old_results(folder: TrainingFolder) -> None:
    """Delete what the steps of older runs made, unless a newer run used it too; pages and registered releases stay."""
    newest = sorted(folder.runs.glob("*/run.json"))[-KEPT_RUNS:]
    used = {Path(step["folder"]) for run in newest for step in json.loads(run.read_text())["steps"].values()}
    for result in folder.steps.glob("*/*"):
        if result not in used:
            shutil.rmtree(result, ignore_errors=True)
    for catalogue in folder.local.catalogues.glob("*"):
        if not (folder.local.releases / f"{catalogue.name}.folder").exists():  # a whole one that a part was taken of
            shutil.rmtree(catalogue, ignore_errors=True)
    baskets = sorted((folder.root / "baskets").glob("*"), key=lambda path: path.stat().st_mtime)
    for older in baskets[:-KEPT_RUNS]:
        shutil.rmtree(older, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the training; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.train", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="do every step anew, without its checkpoint")
    fresh = parser.parse_args(arguments).fresh
    progress = Progress(began=time.time())
    folder = TrainingFolder.from_environment()
    try:
        configuration = read_configuration(os.environ.get("CONFIG") or DEFAULT)
        shop = Shop.from_environment()
        with alone(folder.local):
            return _train_and_show(progress, folder, configuration, shop, fresh=fresh)
    except StepFailed as failure:
        print(failure.explain(), file=sys.stderr)
        return FAILED
    except VitrineError as refused:
        print(refused, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"\nInterrupted. To go on, {GO_ON}; a step that learns goes on from its checkpoint.", file=sys.stderr)
        return INTERRUPTED
    finally:
        progress.close()


def _train_and_show(
    progress: Progress, folder: TrainingFolder, configuration: Configuration, shop: Shop, *, fresh: bool
) -> int:
    named = shop.name if shop.name in SHOPS or shop.source is None else f"{shop.name}-{shop.source.stem}"
    scope = f"{named}-{configuration.name}"
    inputs = resolve(progress, folder, shop, configuration, scope)
    lineage = {
        "configuration": configuration.values(),
        "inputs": {name: source.sha256 for name, source in sorted(inputs.items())},
        "git_commit": git_commit(),
    }
    run = Run.begin(folder.runs, scope, lineage)
    progress.say(f"run {run.folder.name}")
    try:
        passed = train(progress, folder, run, configuration, inputs, fresh=fresh)
        print(f"\n{conclude(folder, run, passed=passed)}")
        forget_old_results(folder)
        return REGISTERED if passed else MISSED
    except StepFailed as failure:
        run.ended("failed", f"{failure.step}: {failure.why}")
        raise
    except KeyboardInterrupt:
        run.ended("interrupted")
        raise
    finally:
        print(f"{table(run)}\n\nAll of it: {write_page(run)}")


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):  # a terminal that closes ends the steps too
        signal.signal(number, _interrupted)
    sys.exit(main())
