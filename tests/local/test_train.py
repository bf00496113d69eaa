"""A graph of small real programs, run as `make train` runs the jobs: in order, once, and on from where it stopped."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from local.fingerprint import content_sha256
from local.folders import PROJECT
from local.lock import alone
from local.progress import Progress, StepFailed
from local.train import FAILED, conclude, forget_old_results, main, train
from local.training_inputs import TrainingFolder
from local.training_run import Run
from local.training_steps import Jobs, Source, StepFolder
from sagemaker_jobs.configuration import Configuration
from sagemaker_jobs.graph import Step

GRAPH = (
    Step("evaluate", {"dataset": "prepare", "encoder": "learn", "live": "live"}, optional=("live",)),
    Step("learn", {"dataset": "prepare"}, interruptible=True, parameters={"epochs": "-"}),
    Step("prepare", {"catalogue": "catalogue"}),
)
TOLD = """
import json, os, pathlib, sys
def tell(**line): print(json.dumps({"job": "x", "level": "info"} | line), flush=True)
def channel(name): return pathlib.Path(os.environ["SM_CHANNEL_" + name.upper()])
made = pathlib.Path(os.environ["SM_MODEL_DIR"])
with (pathlib.Path(__file__).parents[1] / "ran").open("a") as file: file.write(pathlib.Path(__file__).stem + " ")
"""
PREPARE = "(made / 'words').write_text((channel('catalogue') / 'products').read_text().upper())"
LEARN = """
epochs = int(sys.argv[sys.argv.index("--epochs") + 1])
kept = pathlib.Path(os.environ["SM_CHECKPOINT_DIR"])
kept.mkdir(exist_ok=True)
first = len(list(kept.iterdir()))
for epoch in range(first, epochs):
    tell(metric="train:loss", value=1 / (epoch + 1), epoch=epoch)
    (kept / str(epoch)).touch()
    if "stop" in (channel("dataset") / "words").read_text().lower() and epoch == 1:
        (made / "half").touch()
        tell(level="error", message="epoch 1: the disk is full")
        sys.exit(1)
(made / "weights").write_text(f"learnt from epoch {first} to {epochs}")
"""
EVALUATE = """
release = made / "r1"
release.mkdir()
passed = "good" in (channel("dataset") / "words").read_text().lower()
check = {"objective": "relevance", "found": 0.5, "limit": 0.4 if passed else 0.6, "unit": "nDCG@10", "passed": passed,
         "reason": "nDCG@10 is 0.5"}
verdict = {"passed": passed, "checks": [check], "against": None, "data": "made-up data"}
(release / "manifest.json").write_text(json.dumps({"verdict": verdict}))
tell(metric="gate:passed", value=int(passed))
"""


class Workshop:
    """A graph's programs, a catalogue, and the folder that runs lie in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = root / "jobs"
        self.folder = TrainingFolder(root / "training")

    def furnish(self) -> None:
        self.package.mkdir()
        (self.package / "__init__.py").touch()
        for name, text in (("prepare", PREPARE), ("learn", LEARN), ("evaluate", EVALUATE)):
            self.program(name, text)
        self.catalogue("good lamps")

    def program(self, name: str, text: str) -> None:
        (self.package / f"{name}.py").write_text(TOLD + text)

    def catalogue(self, text: str) -> None:
        (self.root / "catalogue").mkdir(exist_ok=True)
        (self.root / "catalogue" / "products").write_text(text)

    def train(self, *, fresh: bool = False, epochs: int = 3, out: TextIO | None = None) -> tuple[Run, bool]:
        folder = self.root / "catalogue"
        source = Source(folder, content_sha256(folder))
        run = Run.begin(self.folder.runs, "shop-small", {"configuration": {}, "inputs": {"catalogue": source.sha256}})
        progress = Progress(out or io.StringIO())
        try:
            return run, train(
                progress,
                self.folder,
                run,
                Configuration("small", options={"learn": {"epochs": epochs}}),
                {"catalogue": source},
                steps=GRAPH,
                fresh=fresh,
                jobs=Jobs("jobs", self.root),
            )
        except StepFailed as failure:
            run.ended("failed", failure.why)
            raise
        finally:
            progress.close()

    def ran(self) -> list[str]:
        """Which programs ran since this was asked before, in order."""
        record = self.root / "ran"
        ran = record.read_text().split() if record.exists() else []
        record.unlink(missing_ok=True)
        return ran


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    workshop = Workshop(tmp_path)
    workshop.furnish()
    return workshop


def result(run: Run, step: str) -> Path:
    return StepFolder(Path(run.steps[step].folder)).result


def test_each_step_runs_after_what_it_reads_and_reads_what_that_made(workshop):
    run, passed = workshop.train()

    assert passed
    assert workshop.ran() == ["prepare", "learn", "evaluate"]
    assert (result(run, "prepare") / "words").read_text() == "GOOD LAMPS"
    assert (run.folder / "learn" / "result" / "weights").read_text() == "learnt from epoch 0 to 3"


def test_a_second_run_takes_every_step_from_the_first(workshop):
    workshop.train()
    workshop.ran()

    run, passed = workshop.train()

    assert passed
    assert workshop.ran() == []
    assert {step.state for step in run.steps.values()} == {"taken"}


def test_another_option_runs_its_step_and_those_that_read_it(workshop):
    workshop.train()
    workshop.ran()

    workshop.train(epochs=4)

    assert workshop.ran() == ["learn", "evaluate"]


def test_another_catalogue_runs_everything(workshop):
    workshop.train()
    workshop.ran()
    workshop.catalogue("good chairs")

    workshop.train()

    assert workshop.ran() == ["prepare", "learn", "evaluate"]


def test_changed_code_that_makes_the_same_runs_its_own_step_alone(workshop):
    workshop.train()
    workshop.ran()
    workshop.program("prepare", PREPARE + "\n# said otherwise\n")

    workshop.train()

    assert workshop.ran() == ["prepare"]


def test_a_fresh_run_takes_nothing(workshop):
    workshop.train()
    workshop.ran()

    workshop.train(fresh=True)

    assert workshop.ran() == ["prepare", "learn", "evaluate"]


def test_a_step_that_fails_ends_the_run_with_its_own_last_word_and_leaves_no_half_result(workshop):
    workshop.catalogue("stop here")

    with pytest.raises(StepFailed) as failed:
        workshop.train()

    told = failed.value.explain()
    assert "Failed: learn\n\nepoch 1: the disk is full\n(exit code 1; all of it in " in told
    assert "run the same command again" in told
    assert "learn goes on from its checkpoint" in told
    assert workshop.ran() == ["prepare", "learn"]
    (record,) = workshop.folder.runs.glob("*/run.json")
    run = Run.read(record.parent)
    assert (run.state, run.steps["learn"].state) == ("failed", "failed")
    assert not result(run, "learn").exists()


def test_a_run_that_failed_goes_on_in_its_folder_and_from_its_checkpoint(workshop):
    workshop.catalogue("stop here")
    with pytest.raises(StepFailed):
        workshop.train()
    workshop.ran()

    out = io.StringIO()
    run, passed = workshop.train(out=out)  # its checkpoint lies behind the epoch that fails

    assert not passed
    assert workshop.ran() == ["learn", "evaluate"]
    assert (result(run, "learn") / "weights").read_text() == "learnt from epoch 2 to 3"
    assert len(list(workshop.folder.runs.iterdir())) == 1
    assert "learn, going on from its checkpoint ..." in out.getvalue()
    assert not (result(run, "learn").parent / "checkpoints").exists()


def test_a_step_whose_program_is_not_there_is_named(workshop):
    (workshop.package / "learn.py").unlink()

    with pytest.raises(StepFailed, match=r"there is no job jobs\.learn"):
        workshop.train()


def test_a_gate_that_says_nothing_registers_nothing(workshop):
    workshop.program("evaluate", "")

    with pytest.raises(StepFailed, match="it did not say gate:passed"):
        workshop.train()


def test_a_release_that_passed_is_registered_with_the_data_that_it_was_trained_on(workshop):
    workshop.program("prepare", PREPARE + "\n(made / 'statistics.json').write_text('{}')\n")
    run, passed = workshop.train()

    told = conclude(workshop.folder, run, passed=passed)

    assert "  passed  relevance: nDCG@10 is 0.5" in told
    assert f"vitrine release publish {workshop.folder.registered / 'r1'}" in told
    assert (workshop.folder.registered / "r1" / "manifest.json").is_file()
    assert (workshop.folder.accepted("shop-small") / "statistics.json").read_text() == "{}"
    assert Run.read(run.folder).state == "registered"


def test_a_release_that_misses_a_check_is_not_registered_and_the_check_is_named(workshop):
    workshop.catalogue("bad lamps")
    run, passed = workshop.train()

    told = conclude(workshop.folder, run, passed=passed)

    assert not passed
    assert "  MISSED  relevance: nDCG@10 is 0.5" in told
    assert str(result(run, "evaluate") / "r1") in told
    assert not workshop.folder.registered.exists()
    assert Run.read(run.folder).state == "missed"


def test_results_that_no_recent_run_used_are_deleted(workshop):
    for text in ("good a", "good b", "good c", "good d"):
        workshop.catalogue(text)
        run, _ = workshop.train()
        run.ended("missed")
    (workshop.folder.local.catalogues / "whole").mkdir(parents=True)

    forget_old_results(workshop.folder)

    assert len(list((workshop.folder.steps / "prepare").iterdir())) == 3
    assert (result(run, "prepare") / "words").read_text() == "GOOD D"
    assert list(workshop.folder.local.catalogues.iterdir()) == []


def test_a_second_training_at_once_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VITRINE_LOCAL_FOLDER", str(tmp_path))
    monkeypatch.setenv("SHOP", "complete_journey")

    with alone(TrainingFolder.from_environment().local):
        status = main([])

    assert status == FAILED
    assert f"is at work in {tmp_path / 'training'}" in capsys.readouterr().err


def test_a_configuration_that_is_not_there_is_refused_before_anything_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VITRINE_LOCAL_FOLDER", str(tmp_path))
    monkeypatch.setenv("CONFIG", "gigantic")

    status = main([])

    assert status == FAILED
    assert "configuration gigantic: no file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


ENDLESS = """
import signal, subprocess
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
(pathlib.Path(__file__).parents[1] / "started").write_text(f"{os.getpid()} {child.pid}")
signal.pause()
"""
DRIVER = """
import pathlib, sys
from tests.local.test_train import Workshop
Workshop(pathlib.Path(sys.argv[1])).train()
"""


def test_an_interruption_ends_the_step_and_all_that_it_started(workshop):
    workshop.program("learn", ENDLESS)
    os.mkfifo(started := workshop.root / "started")
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(workshop.root)], cwd=PROJECT, stderr=subprocess.DEVNULL
    )
    pids = started.read_text().split()

    driver.send_signal(signal.SIGINT)
    driver.wait(timeout=30)

    assert len(pids) == 2
    assert not any(_alive(pid) for pid in pids)


def _alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
